// SPDX-License-Identifier: Apache-2.0
#include "webhook/cluster.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include "webhook/annotations.hpp"
#include "webhook/view.hpp"

namespace mvr::webhook {
namespace {

/// A definition before and after an event; either may be null.
struct Change {
  DefinitionPtr before;
  DefinitionPtr after;
};

/// What happens to the definitions of one value.
struct Edit {
  std::vector<const Definition*> gone;
  Group added;
};

bool is_before(const DefinitionPtr& left, const DefinitionPtr& right) {
  return comes_before(*left, *right);
}

/// The group without some definitions and with others; null if that leaves none.
GroupPtr edit_group(const GroupPtr* old, Edit edit) {
  Group rest;
  std::ranges::sort(edit.gone);
  if (old != nullptr) {
    std::ranges::copy_if(**old, std::back_inserter(rest), [&](const DefinitionPtr& one) {
      return !std::ranges::binary_search(edit.gone, one.get());
    });
  }
  std::ranges::sort(edit.added, is_before);
  Group all;
  all.reserve(rest.size() + edit.added.size());
  std::ranges::merge(rest, edit.added, std::back_inserter(all), is_before);
  return all.empty() ? nullptr : std::make_shared<const Group>(std::move(all));
}

/// \param value by which the index finds definitions
void update_index(Shards<GroupPtr>& index, std::string Definition::*value,
                  const std::vector<Change>& changes) {
  std::map<std::string, Edit> edits;
  for (const auto& [before, after] : changes) {
    if (before != nullptr && !((*before).*value).empty()) {
      edits[(*before).*value].gone.push_back(before.get());
    }
    if (after != nullptr && !((*after).*value).empty()) {
      edits[(*after).*value].added.push_back(after);
    }
  }
  std::vector<Shards<GroupPtr>::Change> groups;
  for (auto& [text, edit] : edits) {
    GroupPtr group = edit_group(index.find(text), std::move(edit));
    groups.emplace_back(text, group == nullptr ? std::nullopt : std::optional(std::move(group)));
  }
  index.apply(std::move(groups));
}

bool are_same(const DefinitionPtr& left, const DefinitionPtr& right) {
  return left == right || (left != nullptr && right != nullptr && *left == *right);
}

/// Null for a definition that no pod can ask for and that says nothing about one of the other kind.
DefinitionPtr keep_definition(std::optional<Definition> definition) {
  const bool is_of_use = definition && (!definition->rdma.empty() || !definition->network.empty() ||
                                        !definition->resource.empty());
  return is_of_use ? std::make_shared<const Definition>(*std::move(definition)) : nullptr;
}

/// What an event says: a definition's name and what is kept of it, or a namespace.
struct Item {
  std::string name = {};  ///< empty if the object has none
  std::string own = {};   ///< the object's; a SpiderMultusConfig may give its network another one
  DefinitionPtr definition = nullptr;
  Space space = {};
};

Item read_item(Kind kind, const Json& object) {
  if (kind == Kind::space) {
    const Json* annotations = annotations_of(object);
    const std::string name(text_of(find_member(&object, "metadata"), "name"));
    return {.name = name,
            .own = name,
            .space = {std::string(text_of(annotations, kRdmaKey)),
                      std::string(text_of(annotations, kNetworkKey))}};
  }
  auto definition = kind == Kind::network ? read_network(object) : read_spider(object);
  if (!definition) {
    return {};
  }
  std::string name = definition->full_name();
  std::string own =
      definition->space + '/' + std::string(text_of(find_member(&object, "metadata"), "name"));
  return {.name = std::move(name),
          .own = std::move(own),
          .definition = keep_definition(std::move(definition))};
}

}  // namespace

/// The state that the next view is made of; used by one thread at a time.
class Cluster::Writer {
 public:
  void begin_list(Kind kind) { staged(kind).emplace(); }

  /// \return whether readers are to see something new
  bool put(Kind kind, Item item) {
    std::string own = item.own;
    if (auto& list = staged(kind)) {
      list->insert_or_assign(std::move(own), std::move(item));
      return false;
    }
    return apply(kind, {{std::move(own), std::move(item)}});
  }

  bool remove(Kind kind, const std::string& own) {
    if (auto& list = staged(kind)) {
      list->erase(own);
      return false;
    }
    return apply(kind, {{own, std::nullopt}});
  }

  bool end_list(Kind kind) {
    auto& list = staged(kind);
    if (!list) {
      return false;
    }
    std::vector<Event> events;
    for (const std::string& own : known(kind)) {
      if (list->count(own) == 0) {
        events.emplace_back(own, std::nullopt);
      }
    }
    for (auto& [own, item] : *list) {
      events.emplace_back(own, std::move(item));
    }
    list.reset();
    const bool was_listed = std::exchange(view_.is_listed.at(index_of(kind)), true);
    return apply(kind, std::move(events)) || !was_listed;
  }

  [[nodiscard]] const View& view() const { return view_; }

 private:
  /// An object's own name and what it now stands for; none if it is gone.
  using Event = std::pair<std::string, std::optional<Item>>;

  /// Of the two objects that may stand for one network, and what they are together.
  struct Parts {
    DefinitionPtr network;
    DefinitionPtr spider;
    DefinitionPtr both;
  };

  static std::size_t index_of(Kind kind) { return static_cast<std::size_t>(kind); }

  std::optional<std::unordered_map<std::string, Item>>& staged(Kind kind) {
    return staged_.at(index_of(kind));
  }

  static DefinitionPtr& part_of(Parts& parts, Kind kind) {
    return kind == Kind::network ? parts.network : parts.spider;
  }

  std::vector<std::string> known(Kind kind) {
    std::vector<std::string> names;
    if (kind == Kind::space) {
      view_.spaces.for_each([&](const std::string& name, const Space&) { names.push_back(name); });
      return names;
    }
    if (kind == Kind::spider) {
      for (const auto& [own, name] : spider_names_) {
        names.push_back(own);
      }
      return names;
    }
    for (const auto& [name, parts] : definitions_) {
      if (parts.network != nullptr) {
        names.push_back(name);
      }
    }
    return names;
  }

  bool apply(Kind kind, std::vector<Event> events) {
    if (kind == Kind::space) {
      return apply_spaces(std::move(events));
    }
    return apply_definitions(kind,
                             kind == Kind::spider ? rename(std::move(events)) : std::move(events));
  }

  /// Events by the name of the network that a SpiderMultusConfig stands for. One that has been
  /// given another name leaves the former; that comes first, as somebody else may now have it.
  std::vector<Event> rename(std::vector<Event>&& events) {
    std::vector<Event> gone;
    std::map<std::string, std::optional<Item>> here;  // of two with one name, one
    for (auto& [own, item] : events) {
      const auto known = spider_names_.find(own);
      if (known != spider_names_.end() && (!item || item->name != known->second)) {
        gone.emplace_back(std::move(known->second), std::nullopt);
        spider_names_.erase(known);
      }
      if (item) {
        std::string name = item->name;
        spider_names_.insert_or_assign(own, name);
        here.insert_or_assign(std::move(name), std::move(item));
      }
    }
    for (auto& [name, item] : here) {
      gone.emplace_back(name, std::move(item));
    }
    return gone;
  }

  bool apply_spaces(std::vector<Event>&& events) {
    std::vector<Shards<Space>::Change> changes;
    for (auto& [name, item] : events) {
      const Space* old = view_.spaces.find(name);
      if (item && (old == nullptr || *old != item->space)) {
        changes.emplace_back(std::move(name), std::move(item->space));
      } else if (!item && old != nullptr) {
        changes.emplace_back(std::move(name), std::nullopt);
      }
    }
    const bool is_new = !changes.empty();
    view_.spaces.apply(std::move(changes));
    return is_new;
  }

  bool apply_definitions(Kind kind, std::vector<Event>&& events) {
    std::vector<Change> changes;
    for (auto& [name, item] : events) {
      Change change = exchange(kind, name, item ? std::move(item->definition) : nullptr);
      if (!are_same(change.before, change.after)) {
        changes.push_back(std::move(change));
      }
    }
    update_index(view_.rdma, &Definition::rdma, changes);
    update_index(view_.network, &Definition::network, changes);
    return !changes.empty();
  }

  /// Puts one object in the place of its former self.
  Change exchange(Kind kind, const std::string& name, DefinitionPtr definition) {
    const auto found = definitions_.find(name);
    if (found == definitions_.end() && definition == nullptr) {
      return {};
    }
    Parts& parts = found == definitions_.end() ? definitions_[name] : found->second;
    DefinitionPtr& part = part_of(parts, kind);
    if (are_same(part, definition)) {
      return {};
    }
    part = std::move(definition);
    Change change{parts.both, unite(parts.network, parts.spider)};
    // The index knows the pointer: an equal definition must not take its place.
    if (!are_same(change.before, change.after)) {
      parts.both = change.after;
    }
    if (parts.network == nullptr && parts.spider == nullptr) {
      definitions_.erase(name);
    }
    return change;
  }

  View view_;
  std::unordered_map<std::string, Parts> definitions_;
  std::unordered_map<std::string, std::string> spider_names_;  ///< of their networks, by their own
  std::array<std::optional<std::unordered_map<std::string, Item>>, 3> staged_;
};

Cluster::Cluster() : writer_(std::make_unique<Writer>()), view_(std::make_shared<const View>()) {
}

Cluster::~Cluster() = default;

void Cluster::begin_list(Kind kind) {
  const std::scoped_lock lock(writing_);
  writer_->begin_list(kind);
}

void Cluster::put(Kind kind, const Json& object) {
  Item item = read_item(kind, object);
  if (item.name.empty()) {
    return;
  }
  const std::scoped_lock lock(writing_);
  if (writer_->put(kind, std::move(item))) {
    publish();
  }
}

void Cluster::remove(Kind kind, const Json& object) {
  const Item item = read_item(kind, object);
  const std::scoped_lock lock(writing_);
  if (writer_->remove(kind, item.own)) {
    publish();
  }
}

void Cluster::end_list(Kind kind) {
  const std::scoped_lock lock(writing_);
  if (writer_->end_list(kind)) {
    publish();
  }
}

void Cluster::publish() {
  std::shared_ptr<const View> next = std::make_shared<const View>(writer_->view());
  const std::scoped_lock lock(reading_);
  view_.swap(next);
}

bool Cluster::is_synced() const {
  return view()->is_synced();
}

std::shared_ptr<const View> Cluster::view() const {
  const std::scoped_lock lock(reading_);
  return view_;
}

}  // namespace mvr::webhook
