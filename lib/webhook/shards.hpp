// SPDX-License-Identifier: Apache-2.0
/// \file
/// A map of which a copy costs little, so that every change can make a new one.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mvr::webhook {

/// By the hash of its key an entry is in one of some hundred small maps. Copies share these, and a
/// change copies those that it touches.
template <typename Value>
class Shards {
 public:
  /// A key and its new value; none removes it.
  using Change = std::pair<std::string, std::optional<Value>>;

  /// Null if there is none.
  [[nodiscard]] const Value* find(std::string_view key) const {
    const auto& shard = shards_.at(place_of(key));
    if (shard == nullptr) {
      return nullptr;
    }
    const auto found = shard->find(key);
    return found == shard->end() ? nullptr : &found->second;
  }

  /// Calls `visit(key, value)` for each entry, in no order.
  template <typename Visitor>
  void for_each(Visitor visit) const {
    for (const auto& shard : shards_) {
      if (shard != nullptr) {
        for (const auto& [key, value] : *shard) {
          visit(key, value);
        }
      }
    }
  }

  void apply(std::vector<Change> changes) {
    std::array<std::shared_ptr<Shard>, kShards> copies;
    for (Change& change : changes) {
      const std::size_t place = place_of(change.first);
      std::shared_ptr<Shard>& copy = copies.at(place);
      if (copy == nullptr) {
        const auto& old = shards_.at(place);
        copy = old == nullptr ? std::make_shared<Shard>() : std::make_shared<Shard>(*old);
        shards_.at(place) = copy;
      }
      if (change.second) {
        copy->insert_or_assign(std::move(change.first), *std::move(change.second));
      } else {
        copy->erase(change.first);
      }
    }
  }

 private:
  using Shard = std::map<std::string, Value, std::less<>>;
  static constexpr std::size_t kShards = 128;

  static std::size_t place_of(std::string_view key) {
    return std::hash<std::string_view>()(key) % kShards;
  }

  std::array<std::shared_ptr<const Shard>, kShards> shards_ = {};
};

}  // namespace mvr::webhook
