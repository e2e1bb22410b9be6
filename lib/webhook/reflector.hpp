// SPDX-License-Identifier: Apache-2.0
/// \file
/// Keeps a copy of one collection of the API server: a list, then a watch for as long as there is.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "mvr/base/error.hpp"
#include "mvr/base/log.hpp"
#include "webhook/api_client.hpp"
#include "webhook/backoff.hpp"

namespace mvr::webhook {

class WatchStream;
struct ListPage;
struct WatchEvent;
struct WatchMetrics;

/// Who gets what the collection holds; see Cluster.
struct Sink {
  std::function<void()> begin_list;
  std::function<void(const nlohmann::json&)> put;
  std::function<void(const nlohmann::json&)> remove;
  std::function<void()> end_list;
};

struct Collection {
  std::string name;               ///< in the log and the metrics
  std::string path;               ///< of the API
  bool may_be_absent = false;     ///< 404 is a collection without objects
  bool is_metadata_only = false;  ///< nothing else of the objects is needed
};

struct ReflectorSettings {
  using Milliseconds = std::chrono::milliseconds;
  Milliseconds first_wait{500};  ///< after a failure; doubles
  Milliseconds most_wait{30'000};
  Milliseconds absent_wait{180'000};     ///< until an absent collection is asked for again
  Milliseconds request_time{30'000};     ///< for a page, and until a watch begins
  std::chrono::seconds watch_time{300};  ///< asked for, up to twice that: not all end at once
  Milliseconds watch_slack{15'000};      ///< that the server may take longer
  Milliseconds idle{150'000};            ///< without even a bookmark, which comes every minute
  std::size_t page = 500;                ///< objects
  std::size_t page_bytes = 64U << 20U;
  std::size_t line_bytes = 8U << 20U;
};

/// \source Kubernetes API concepts, "Efficient detection of changes", "Retrieving large results
/// sets in chunks", "Watch bookmarks"
class Reflector {
 public:
  Reflector(ApiServer server, Collection collection, ReflectorSettings settings, Sink sink,
            const Log& log, WatchMetrics& metrics);

  /// Goes on until the stop. What fails is logged and tried again; the copy stays meanwhile.
  void run(const std::stop_token& stop);

 private:
  /// What comes after a list or a watch has ended.
  enum class Next { watch, list, wait_absent };

  /// How it ended. `reason` is a word for the metrics, `message` empty if nothing is wrong.
  struct Ended {
    Next next = Next::watch;
    std::string_view reason;
    std::string message = {};
    ReflectorSettings::Milliseconds at_least{0};  ///< the server's wish before the next request
  };

  Ended list(ApiClient& client);
  tl::expected<ListPage, Ended> list_page(ApiClient& client, const std::string& continuation,
                                          const std::function<void(const nlohmann::json&)>& put);
  Ended watch(ApiClient& client);
  Ended follow(ApiClient& client, std::chrono::steady_clock::time_point until);
  std::optional<Ended> take_all(WatchStream& stream);
  std::optional<Ended> take(const WatchEvent& event);
  Ended take_refusal(ApiClient& client, const ApiClient::Head& head, Next otherwise) const;
  static Ended lost(const Error& error, Next next);
  Ended take_absence();

  void pause(const Ended& ended, const std::stop_token& stop);
  void report(const Ended& ended, ReflectorSettings::Milliseconds wait) const;
  [[nodiscard]] std::string accept(bool is_list) const;

  ApiServer server_;
  Collection collection_;
  ReflectorSettings settings_;
  Sink sink_;
  const Log& log_;
  WatchMetrics& metrics_;
  std::function<double()> random_ = make_random();
  Backoff backoff_;
  std::string version_;          ///< where a watch goes on
  bool has_progressed_ = false;  ///< since the last pause
  int futile_ = 0;               ///< requests in a row that brought nothing
  bool is_absent_ = false;
};

}  // namespace mvr::webhook
