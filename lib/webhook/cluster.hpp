// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the webhook knows of the cluster. Watches write it, reviews read it, at the same time.
#pragma once

#include <array>
#include <memory>
#include <mutex>

#include <nlohmann/json_fwd.hpp>

namespace mvr::webhook {

/// The collections that are watched.
enum class Kind { network, space, spider };

/// One moment of the cluster; never changes.
struct View;

class Cluster {
 public:
  Cluster();
  Cluster(const Cluster&) = delete;
  Cluster(Cluster&&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  Cluster& operator=(Cluster&&) = delete;
  ~Cluster();

  // How a watch tells what its collection holds. A list begins, puts each of its objects, and ends;
  // what was not put between the two is gone by then. Until the end, readers see the state before.
  // A list that begins again before its end starts anew. A collection that the API server does not
  // have is an empty list.
  void begin_list(Kind kind);
  void put(Kind kind, const nlohmann::json& object);
  void remove(Kind kind, const nlohmann::json& object);
  void end_list(Kind kind);

  /// Whether each collection has been listed once.
  [[nodiscard]] bool is_synced() const;

  /// The present moment; cheap, and safe to keep.
  [[nodiscard]] std::shared_ptr<const View> view() const;

 private:
  class Writer;

  void publish();

  std::mutex writing_;
  std::unique_ptr<Writer> writer_;
  mutable std::mutex reading_;  ///< held for the copy of a pointer
  std::shared_ptr<const View> view_;
};

}  // namespace mvr::webhook
