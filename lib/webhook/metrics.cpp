// SPDX-License-Identifier: Apache-2.0
#include "webhook/metrics.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"

namespace mvr::webhook {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kPrefix = "macvlan_rdma_webhook_";
constexpr std::size_t kMaxWords = 100;

/// The shortest text that is this number; no more digits than one reads.
std::string to_text(double number) {
  std::array<char, 32> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general, 9);
  return error == std::errc{} ? std::string(text.data(), end) : "NaN";
}

/// \source Prometheus exposition formats, text format 0.0.4: what a label's value escapes
std::string escape(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    text += c == '\\' || c == '"' ? "\\" : "";
    text += c;
  }
  return text;
}

void write_head(std::string& text, std::string_view name, std::string_view type,
                std::string_view help) {
  text.append("# HELP ").append(kPrefix).append(name).append(" ").append(help);
  text.append("\n# TYPE ").append(kPrefix).append(name).append(" ").append(type).append("\n");
}

/// \param labels as `kind="network"`; may be empty
void write_sample(std::string& text, std::string_view name, std::string_view labels,
                  std::string_view value) {
  text.append(kPrefix).append(name);
  if (!labels.empty()) {
    text.append("{").append(labels).append("}");
  }
  text.append(" ").append(value).append("\n");
}

std::string label(std::string_view key, std::string_view value) {
  return std::string(key) + "=\"" + escape(value) + '"';
}

void write_counters(std::string& text, std::string_view name, std::string_view help,
                    std::string_view key, const Counters& counters) {
  write_head(text, name, "counter", help);
  for (const auto& [word, count] : counters.values()) {
    write_sample(text, name, label(key, word), std::to_string(count));
  }
}

void write_gauge(std::string& text, std::string_view name, std::string_view help,
                 std::string_view value) {
  write_head(text, name, "gauge", help);
  write_sample(text, name, "", value);
}

std::string cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return to_text(static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9);
}

/// \source proc_pid_statm(5)
std::string resident_bytes() {
  const auto text = read_file("/proc/self/statm", 256);
  const auto words = split(text ? std::string_view(*text) : "", ' ');
  const auto pages = words.size() > 1 ? parse_number<std::int64_t>(words[1]) : std::nullopt;
  return std::to_string(pages.value_or(0) * ::sysconf(_SC_PAGESIZE));
}

/// Under the names that every Prometheus client library gives them.
void write_process(std::string& text) {
  text += "# HELP process_cpu_seconds_total Processor time used.\n";
  text += "# TYPE process_cpu_seconds_total counter\n";
  text += "process_cpu_seconds_total " + cpu_seconds() + '\n';
  text += "# HELP process_resident_memory_bytes Resident memory.\n";
  text += "# TYPE process_resident_memory_bytes gauge\n";
  text += "process_resident_memory_bytes " + resident_bytes() + '\n';
}

}  // namespace

void Counters::add(std::string_view word) {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find(word);
  if (found != values_.end()) {
    ++found->second;
  } else {
    ++values_[std::string(values_.size() < kMaxWords ? word : "other")];
  }
}

std::map<std::string, std::uint64_t, std::less<>> Counters::values() const {
  const std::lock_guard lock(mutex_);
  return values_;
}

void Histogram::observe(std::chrono::nanoseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  const auto* const bucket = std::ranges::lower_bound(kBounds, seconds);
  ++buckets_.at(static_cast<std::size_t>(bucket - kBounds.begin()));
  sum_ns_ += time.count();
}

void Histogram::write(std::string& text, std::string_view name) const {
  // A bucket counts what is below as well; the last is the count of all, whatever comes meanwhile.
  std::uint64_t count = 0;
  const std::string bucket_name = std::string(name) + "_bucket";
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    count += buckets_.at(i);
    const std::string bound = i < kBounds.size() ? to_text(kBounds.at(i)) : "+Inf";
    write_sample(text, bucket_name, label("le", bound), std::to_string(count));
  }
  const double sum = static_cast<double>(sum_ns_) / 1e9;
  write_sample(text, std::string(name) + "_sum", "", to_text(sum));
  write_sample(text, std::string(name) + "_count", "", std::to_string(count));
}

double WatchMetrics::age() const {
  const Time then = heard;
  return then == Time() ? -1 : std::chrono::duration<double>(steady_clock::now() - then).count();
}

void Metrics::write_watches(std::string& text) const {
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help,
                        const auto& value_of) {
    write_head(text, name, type, help);
    for (const auto& [kind, watch] : watches) {
      write_sample(text, name, label("kind", kind), value_of(watch));
    }
  };
  each("cache_objects", "gauge", "Objects known.",
       [](const WatchMetrics& watch) { return std::to_string(watch.objects); });
  each("cache_synced", "gauge", "1 when they have been listed once.",
       [](const WatchMetrics& watch) { return std::string(watch.is_synced ? "1" : "0"); });
  each("cache_age_seconds", "gauge",
       "Since the API server was last heard: a list, an event or a bookmark; -1 if never.",
       [](const WatchMetrics& watch) { return to_text(watch.age()); });
  each("watch_events_total", "counter", "Events received.",
       [](const WatchMetrics& watch) { return std::to_string(watch.events); });
  each("lists_total", "counter", "Whole lists received.",
       [](const WatchMetrics& watch) { return std::to_string(watch.lists); });
  write_head(text, "watch_restarts_total", "counter", "Watches and lists that ended, by reason.");
  for (const auto& [kind, watch] : watches) {
    for (const auto& [reason, count] : watch.restarts.values()) {
      write_sample(text, "watch_restarts_total",
                   label("kind", kind) + ',' + label("reason", reason), std::to_string(count));
    }
  }
}

std::string Metrics::write() const {
  std::string text;
  write_counters(text, "requests_total", "HTTP requests answered.", "code", requests);
  write_counters(text, "reviews_total", "Admission reviews answered.", "outcome", reviews);
  write_counters(text, "refusals_total", "Pods refused.", "reason", refusals);
  write_head(text, "review_seconds", "histogram", "Time to answer a review that has arrived.");
  latency.write(text, "review_seconds");
  write_gauge(text, "connections", "Open connections.", std::to_string(open_connections));
  write_counters(text, "connections_ended_total", "Connections ended.", "reason", connections);
  write_counters(text, "certificate_reloads_total", "Changes of the certificate files seen.",
                 "result", reloads);
  write_gauge(text, "certificate_expiry_timestamp_seconds",
              "When the certificate in use expires, since 1970.",
              std::to_string(certificate_expiry));
  write_gauge(text, "certificate_expires_in_seconds", "The same from now on.",
              std::to_string(certificate_expiry - static_cast<std::int64_t>(::time(nullptr))));
  write_watches(text);
  write_process(text);
  return text;
}

}  // namespace mvr::webhook
