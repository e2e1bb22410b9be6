// SPDX-License-Identifier: Apache-2.0
#include "webhook/resources.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"
#include "webhook/annotations.hpp"

namespace mvr::webhook {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr std::size_t kNamesShown = 10;
constexpr std::array kKinds{"limits", "requests"};

const Json& containers_of(const Json& pod) {
  return pod.at("spec").at("containers");
}

/// Whether an amount is more than nothing: "0", "0m" and 0 are not. The unit has no digits, and an
/// exponent none that counts.
bool is_positive(const Json& amount) {
  if (amount.is_number()) {
    return amount.get<double>() > 0;
  }
  const auto* text = amount.get_ptr<const std::string*>();
  return text != nullptr && std::ranges::any_of(text->substr(0, text->find_first_of("eE")),
                                                [](char c) { return c >= '1' && c <= '9'; });
}

/// Calls `holds` with the amount of the resource in limits and in requests.
template <typename Condition>
bool any_amount(const Json& container, std::string_view resource, Condition holds) {
  const Json* resources = find_member(&container, "resources");
  return std::ranges::any_of(kKinds, [&](const char* kind) {
    const Json* amount = find_member(find_member(resources, kind), resource);
    return amount != nullptr && holds(*amount);
  });
}

bool asks_for(const Json& container, std::string_view resource) {
  return any_amount(container, resource, [](const Json&) { return true; });
}

bool asks_for_gpu(const Json& container, const std::vector<std::string>& gpu_resources) {
  return std::ranges::any_of(gpu_resources, [&](const std::string& resource) {
    return any_amount(container, resource, is_positive);
  });
}

tl::unexpected<Error> no_such_container(const Json& containers, std::string_view wanted) {
  std::vector<std::string> names;
  for (const Json& container : containers) {
    names.push_back(printable(text_of(&container, "name"), 63));
  }
  const bool are_more = names.size() > kNamesShown;
  names.resize(std::min(names.size(), kNamesShown));
  return fail(Code::bad_config, "the pod has no container \"" + printable(wanted, 63) +
                                    "\", which " + std::string(kContainer) + " names; it has " +
                                    join(names, ", ") + (are_more ? " and others" : ""));
}

/// Whether the resource is only where we would not put it.
bool is_elsewhere(const Json& containers, const std::vector<std::size_t>& chosen,
                  std::string_view resource) {
  bool is_chosen = false;
  bool is_any = false;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const bool asks = asks_for(containers[i], resource);
    is_any = is_any || asks;
    is_chosen = is_chosen || (asks && std::ranges::find(chosen, i) != chosen.end());
  }
  return is_any && !is_chosen;
}

/// Of the resources, those that one container is to get.
Ordered missing_amounts(const Json& container, const Quantities& quantities) {
  Ordered amounts = Ordered::object();
  for (const auto& [resource, count] : quantities) {
    if (!asks_for(container, resource)) {
      amounts[resource] = std::to_string(count);
    }
  }
  return amounts;
}

/// Adds amounts with no more around them than is missing.
void add_amounts(const Json& container, const std::string& index, const Ordered& amounts,
                 Patch& patch) {
  const Json* resources = find_member(&container, "resources");
  if (resources == nullptr) {
    patch.push_back({make_pointer({"spec", "containers", index, "resources"}),
                     {{kKinds[0], amounts}, {kKinds[1], amounts}}});
    return;
  }
  for (const char* kind : kKinds) {
    if (find_member(resources, kind) == nullptr) {
      patch.push_back({make_pointer({"spec", "containers", index, "resources", kind}), amounts});
      continue;
    }
    for (const auto& [resource, amount] : amounts.items()) {
      patch.push_back(
          {make_pointer({"spec", "containers", index, "resources", kind, resource}), amount});
    }
  }
}

}  // namespace

Result<std::vector<std::size_t>> choose_containers(const Json& pod, std::string_view wanted,
                                                   const std::vector<std::string>& gpu_resources) {
  const Json& containers = containers_of(pod);
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    if (wanted.empty() ? asks_for_gpu(containers[i], gpu_resources)
                       : text_of(&containers[i], "name") == wanted) {
      chosen.push_back(i);
    }
  }
  if (chosen.empty() && !wanted.empty()) {
    return no_such_container(containers, wanted);
  }
  return chosen.empty() ? std::vector<std::size_t>{0} : chosen;
}

std::vector<std::string> add_resources(const Json& pod, const std::vector<std::size_t>& chosen,
                                       const Quantities& quantities, Patch& patch) {
  const Json& containers = containers_of(pod);
  Quantities open;
  std::ranges::copy_if(quantities, std::back_inserter(open), [&](const auto& one) {
    return !is_elsewhere(containers, chosen, one.first);
  });
  std::vector<std::string> names;
  for (const std::size_t i : chosen) {
    const Ordered amounts = missing_amounts(containers[i], open);
    if (!amounts.empty()) {
      add_amounts(containers[i], std::to_string(i), amounts, patch);
      names.emplace_back(text_of(&containers[i], "name"));
    }
  }
  return names;
}

}  // namespace mvr::webhook
