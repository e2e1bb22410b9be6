// SPDX-License-Identifier: Apache-2.0
#include "webhook/inject.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "mvr/base/text.hpp"
#include "webhook/annotations.hpp"
#include "webhook/match.hpp"
#include "webhook/message.hpp"
#include "webhook/networks.hpp"
#include "webhook/resources.hpp"

namespace mvr::webhook {
namespace {

constexpr std::size_t kLongestMessage = 1024;
constexpr std::size_t kLongestWarning = 250;  // API servers cut at 256 bytes
constexpr std::size_t kMostWarnings = 6;
constexpr std::size_t kMostNames = 5;

/// One pod's decision in the making.
class Injection {
 public:
  Injection(const Settings& settings, const View& view, const Review& review)
      : settings_(settings),
        view_(view),
        review_(review),
        annotations_(annotations_of(review.pod)) {}

  Decision run() {
    if (!decide()) {
      decision_.patch.clear();
    }
    decision_.message = shorten(std::move(decision_.message), kLongestMessage);
    finish_warnings();
    return std::move(decision_);
  }

 private:
  // These return whether the pod may go on; who refuses it has said so in decision_.
  bool decide() {
    if (!settings_.covers(review_.space)) {
      return untouched("namespace " + printable(review_.space) + " is not covered");
    }
    if (is_on_host_network()) {
      return untouched("the pod is on the host's network");
    }
    if (find_member(annotations_, kMirror) != nullptr) {
      return untouched("the pod is the image of a static one, which the kubelet has made");
    }
    if (!view_.is_synced()) {
      return refuse_for_now("not-synced", "the network definitions are not known yet");
    }
    if (!has_own_keys() && view_.spaces.find(review_.space) == nullptr) {
      return refuse_for_now("not-synced",
                            "namespace " + printable(review_.space) + " is not known yet");
    }
    const std::optional<Wish> wish = find_wish();
    return wish ? grant(*wish) : untouched("nothing is asked for");
  }

  bool untouched(std::string message) {
    decision_.message = std::move(message);
    return true;
  }

  bool refuse(std::string_view outcome, std::string message) {
    decision_.refusal = Refusal::forbidden;
    decision_.outcome = outcome;
    decision_.message = std::move(message);
    return false;
  }

  bool refuse_for_now(std::string_view outcome, std::string message) {
    refuse(outcome, std::move(message) + "; try again");
    decision_.refusal = Refusal::not_yet;
    return false;
  }

  void warn(const std::string& text) { decision_.warnings.push_back(text); }

  [[nodiscard]] bool is_on_host_network() const {
    const Json* value = find_member(find_member(&review_.pod, "spec"), "hostNetwork");
    return value != nullptr && *value == true;
  }

  /// Whether the pod has a say of its own; an empty value is one: "nothing".
  [[nodiscard]] bool has_own_keys() const {
    return find_member(annotations_, kRdmaKey) != nullptr ||
           find_member(annotations_, kNetworkKey) != nullptr;
  }

  std::optional<Wish> find_wish() {
    if (has_own_keys()) {
      return choose("pod", std::string(text_of(annotations_, kRdmaKey)),
                    std::string(text_of(annotations_, kNetworkKey)));
    }
    const Space& space = *view_.spaces.find(review_.space);
    return choose("namespace", space.rdma, space.network);
  }

  std::optional<Wish> choose(std::string_view owner, const std::string& rdma,
                             const std::string& network) {
    if (!rdma.empty()) {
      if (!network.empty()) {
        warn("the " + std::string(owner) + "'s " + show_annotation(kNetworkKey, network) +
             " is ignored: it has " + show_annotation(kRdmaKey, rdma));
      }
      return Wish{kRdmaKey, rdma, owner};
    }
    return network.empty() ? std::nullopt : std::optional(Wish{kNetworkKey, network, owner});
  }

  bool grant(const Wish& wish) {
    warn_if_overriding(wish);
    const Standpoint from{review_.space, settings_.same_namespace};
    Group group = find_group(view_, from, wish);
    if (group.empty()) {
      return refuse("no-match", explain_no_match(view_, from, wish));
    }
    if (wish.key == kRdmaKey && !check_resources(wish, group)) {
      return false;
    }
    warn_of_flaws(wish, group);
    if (!add_networks(wish, group)) {
      return false;
    }
    return add_amounts(wish, group);
  }

  void warn_if_overriding(const Wish& wish) {
    const Space* space = view_.spaces.find(review_.space);
    if (space == nullptr || wish.owner != "pod") {
      return;
    }
    const bool is_rdma = !space->rdma.empty();
    const std::string& value = is_rdma ? space->rdma : space->network;
    const std::string_view key = is_rdma ? kRdmaKey : kNetworkKey;
    if (!value.empty() && (key != wish.key || value != wish.value)) {
      warn("the namespace's " + show_annotation(key, value) + " does not count: the pod has " +
           show_annotation(wish.key, wish.value));
    }
  }

  static std::vector<std::string> without_resource(const Group& group) {
    std::vector<std::string> names;
    for (const DefinitionPtr& one : group) {
      if (one->resource.empty()) {
        names.push_back(printable(one->full_name()));
      }
    }
    return names;
  }

  bool check_resources(const Wish& wish, const Group& group) {
    std::vector<std::string> names = without_resource(group);
    if (names.empty()) {
      return true;
    }
    const bool is_one = names.size() == 1;
    return refuse("no-resource",
                  show_annotation(wish.key, wish.value) + " wants a resource with every network: " +
                      list_some(std::move(names), kMostNames) +
                      (is_one ? " has none; " : " have none; ") + std::string(kResourceName) +
                      " names one, or " + std::string(kNetworkKey) + " goes without");
  }

  void warn_of_flaws(const Wish& wish, const Group& group) {
    for (const DefinitionPtr& one : group) {
      if (!one->flaw.empty()) {
        warn("network " + printable(one->full_name()) + ": " + one->flaw);
      }
    }
    std::vector<std::string> names = without_resource(group);
    if (!names.empty() && names.size() != group.size()) {
      warn("not all networks of " + show_annotation(wish.key, wish.value) +
           " have a resource: " + list_some(std::move(names), kMostNames));
    }
  }

  /// \param group of which those stay in it that the pod will have
  bool add_networks(const Wish& wish, Group& group) {
    const std::string_view present = text_of(annotations_, kNetworks);
    const auto list = parse_networks(present, review_.space);
    if (!list) {
      return refuse("bad-networks", "the pod's annotation " + std::string(kNetworks) +
                                        " cannot be read: " + list.error().msg);
    }
    std::vector<Selection> more;
    for (const DefinitionPtr& one : group) {
      if (!list->has(one->full_name())) {
        more.push_back({one->space, one->name});
      }
    }
    if (more.empty()) {
      return true;
    }
    if (!list->text.empty() && settings_.on_conflict != OnConflict::merge) {
      return settings_.on_conflict == OnConflict::keep ? keep_list(wish, *list, group)
                                                       : refuse_conflict(wish, more);
    }
    put_networks(append_networks(*list, more));
    return true;
  }

  bool refuse_conflict(const Wish& wish, const std::vector<Selection>& more) {
    std::vector<std::string> names;
    std::ranges::transform(more, std::back_inserter(names),
                           [](const Selection& one) { return printable(one.full_name()); });
    return refuse("conflict",
                  "the pod has an annotation " + std::string(kNetworks) +
                      " of its own, which lacks " + list_some(std::move(names), kMostNames) +
                      " of " + show_annotation(wish.key, wish.value) + " (--on-conflict=refuse)");
  }

  bool keep_list(const Wish& wish, const NetworkList& list, Group& group) {
    const std::size_t count = group.size();
    std::erase_if(group, [&](const DefinitionPtr& one) { return !list.has(one->full_name()); });
    warn("the pod keeps its own list of networks, with " + std::to_string(group.size()) + " of " +
         std::to_string(count) + " of " + show_annotation(wish.key, wish.value));
    return true;
  }

  void put_networks(std::string text) {
    if (annotations_ == nullptr) {
      decision_.patch.push_back(
          {make_pointer({"metadata", "annotations"}), {{std::string(kNetworks), std::move(text)}}});
    } else {
      decision_.patch.push_back(
          {make_pointer({"metadata", "annotations", kNetworks}), std::move(text)});
    }
  }

  static Quantities count_resources(const Group& group) {
    Quantities quantities;
    for (const DefinitionPtr& one : group) {
      const auto found =
          std::ranges::find(quantities, one->resource, &Quantities::value_type::first);
      if (found != quantities.end()) {
        ++found->second;
      } else if (!one->resource.empty()) {
        quantities.emplace_back(one->resource, 1);
      }
    }
    return quantities;
  }

  bool add_amounts(const Wish& wish, const Group& group) {
    const Quantities quantities = count_resources(group);
    std::string text = show_annotation(wish.key, wish.value) + " of the " +
                       std::string(wish.owner) + ": " + count_networks(group.size());
    if (!quantities.empty()) {
      const auto chosen = choose_containers(review_.pod, text_of(annotations_, kContainer),
                                            settings_.gpu_resources);
      if (!chosen) {
        return refuse("no-container", chosen.error().msg);
      }
      std::vector<std::string> names =
          add_resources(review_.pod, *chosen, quantities, decision_.patch);
      if (!names.empty()) {
        std::ranges::transform(names, names.begin(), [](auto& one) { return printable(one, 63); });
        text += ", resources for " + list_some(std::move(names), kMostNames);
      }
    }
    decision_.outcome = decision_.patch.empty() ? "untouched" : "patched";
    decision_.message = std::move(text);
    return true;
  }

  void finish_warnings() {
    std::vector<std::string>& all = decision_.warnings;
    if (all.size() > kMostWarnings) {
      const std::size_t left = all.size() - (kMostWarnings - 1);
      all.resize(kMostWarnings - 1);
      warn("and " + std::to_string(left) + " more warnings");
    }
    for (std::string& text : all) {
      text.insert(0, "macvlan-rdma: ");
      text = shorten(std::move(text), kLongestWarning);
    }
  }

  const Settings& settings_;
  const View& view_;
  const Review& review_;
  const Json* annotations_;
  Decision decision_ = {};
};

}  // namespace

Decision decide(const Settings& settings, const View& view, const Review& review) {
  return Injection(settings, view, review).run();
}

}  // namespace mvr::webhook
