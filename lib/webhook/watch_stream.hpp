// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the API server sends to a watch: JSON documents, one a line, for as long as it lasts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "mvr/base/error.hpp"

namespace mvr::webhook {

/// \source Kubernetes API concepts, "Efficient detection of changes"; meta/v1 WatchEvent
struct WatchEvent {
  enum class Type { added, modified, deleted, bookmark, error };
  Type type = Type::error;
  nlohmann::json
      object;           ///< of the collection; of a bookmark only its version; of an error a Status
  std::string version;  ///< metadata.resourceVersion; empty for an error
};

class WatchStream {
 public:
  /// \param limit bytes of the longest line
  explicit WatchStream(std::size_t limit) : limit_(limit) {}

  void add(std::string_view bytes) { text_ += bytes; }

  /// The next event that is here to its end, if any. Types that are not known are passed over, as
  /// are empty lines. Fails with Code::decode, for good: for a line that is too long or no event.
  Result<std::optional<WatchEvent>> next();

  /// Bytes of a line whose end has not come.
  [[nodiscard]] std::size_t pending() const { return text_.size() - begin_; }

 private:
  std::optional<std::string_view> take_line();

  std::size_t limit_;
  std::string text_;
  std::size_t begin_ = 0;    ///< of what has not been returned
  std::size_t scanned_ = 0;  ///< no end of a line between begin_ and here
};

/// metadata.resourceVersion of an object or a list; empty if it has none.
std::string version_of(const nlohmann::json& object);

}  // namespace mvr::webhook
