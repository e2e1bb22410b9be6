// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is counted, as Prometheus reads it. Every function may be called by any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace mvr::webhook {

/// Counters told apart by one word. There are no more than 100 words: what comes then is "other".
class Counters {
 public:
  void add(std::string_view word);
  [[nodiscard]] std::map<std::string, std::uint64_t, std::less<>> values() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> values_;
};

/// How long reviews took.
class Histogram {
 public:
  /// Upper bounds of the buckets, in seconds; behind the last is one without a bound.
  static constexpr std::array<double, 13> kBounds = {
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5};

  void observe(std::chrono::nanoseconds time);

  /// \param name of the metric, without "_bucket"
  void write(std::string& text, std::string_view name) const;

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<std::int64_t> sum_ns_ = 0;
};

/// What a watch says of itself.
struct WatchMetrics {
  using Time = std::chrono::steady_clock::time_point;

  std::atomic<std::int64_t> objects = 0;
  std::atomic<bool> is_synced = false;
  std::atomic<std::uint64_t> events = 0;
  std::atomic<std::uint64_t> lists = 0;
  Counters restarts;                 ///< by reason
  std::atomic<Time> heard = Time();  ///< when the API server was last heard of this collection

  /// It has been heard just now.
  void touch() { heard = std::chrono::steady_clock::now(); }
  /// Seconds since then; negative if never.
  [[nodiscard]] double age() const;
};

struct Metrics {
  Counters requests;     ///< by HTTP status
  Counters reviews;      ///< by outcome: patched, untouched, refused
  Counters refusals;     ///< by reason
  Counters connections;  ///< by how they ended
  Counters reloads;      ///< of the certificate, by result
  Histogram latency;     ///< of reviews, from the end of the request to its answer
  std::atomic<std::int64_t> open_connections = 0;
  std::atomic<std::int64_t> certificate_expiry = 0;  ///< seconds since 1970
  std::map<std::string, WatchMetrics> watches;       ///< by kind

  /// Made when first asked for; stays where it is. To be called before any thread reads.
  WatchMetrics& watch(const std::string& kind) { return watches[kind]; }

  /// The text format, version 0.0.4.
  [[nodiscard]] std::string write() const;
  void write_watches(std::string& text) const;
};

}  // namespace mvr::webhook
