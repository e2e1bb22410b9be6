// SPDX-License-Identifier: Apache-2.0
#include "webhook/match.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "mvr/base/text.hpp"
#include "webhook/annotations.hpp"
#include "webhook/message.hpp"
#include "webhook/natural.hpp"

namespace mvr::webhook {
namespace {

constexpr std::size_t kMostValues = 20;

const Shards<GroupPtr>& index_of(const View& view, std::string_view key) {
  return key == kRdmaKey ? view.rdma : view.network;
}

bool is_in_reach(const Standpoint& from, const DefinitionPtr& definition) {
  return !from.is_confined || definition->space == from.space;
}

/// The values that a pod could ask for there, with the number of networks of each.
std::string list_values(const View& view, const Standpoint& from, std::string_view key) {
  std::vector<std::pair<std::string_view, std::size_t>> values;
  index_of(view, key).for_each([&](const std::string& value, const GroupPtr& group) {
    const auto count =
        std::ranges::count_if(*group, [&](const auto& one) { return is_in_reach(from, one); });
    if (count > 0) {
      values.emplace_back(value, static_cast<std::size_t>(count));
    }
  });
  if (values.empty()) {
    return "no network definition has that annotation at all";
  }
  std::ranges::sort(values, NaturalLess(), &decltype(values)::value_type::first);
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const auto& [value, count] : values) {
    texts.push_back(show_value(value) + " (" + count_networks(count) + ')');
  }
  return "values that exist: " + list_some(std::move(texts), kMostValues);
}

}  // namespace

Group find_group(const View& view, const Standpoint& from, const Wish& wish) {
  Group group;
  if (const GroupPtr* all = index_of(view, wish.key).find(wish.value)) {
    std::ranges::copy_if(**all, std::back_inserter(group),
                         [&](const auto& one) { return is_in_reach(from, one); });
  }
  return group;
}

std::string explain_no_match(const View& view, const Standpoint& from, const Wish& wish) {
  std::string text = "no network definition has " + show_annotation(wish.key, wish.value);
  if (from.is_confined) {
    text += " in namespace " + printable(from.space);
  }
  text += ", which the " + std::string(wish.owner) + " asks for; ";
  if (const GroupPtr* elsewhere = index_of(view, wish.key).find(wish.value)) {
    text += "other namespaces have, " + printable((*elsewhere)->front()->full_name()) +
            " for one, but only the pod's own counts (--same-namespace); ";
  }
  const std::string_view other = wish.key == kRdmaKey ? kNetworkKey : kRdmaKey;
  if (index_of(view, other).find(wish.value) != nullptr) {
    text += "there is " + show_annotation(other, wish.value) + "; ";
  }
  return text + list_values(view, from, wish.key);
}

}  // namespace mvr::webhook
