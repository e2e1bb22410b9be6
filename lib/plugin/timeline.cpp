// SPDX-License-Identifier: Apache-2.0
#include "plugin/timeline.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "mvr/base/text.hpp"

namespace mvr::plugin {
namespace {

using std::chrono::microseconds;

std::string count(Clock::duration duration) {
  return std::to_string(std::chrono::duration_cast<microseconds>(duration).count());
}

std::string random_span() {
  std::array<std::uint8_t, 8> bytes{};
  // Eight bytes come whole or not at all (getrandom(2)); a span may be zero if they do not.
  [[maybe_unused]] const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
  return to_hex(bytes.data(), bytes.size());
}

bool is_hex(std::string_view text, std::size_t size) {
  constexpr std::string_view kHex = "0123456789abcdef";
  return text.size() == size && text.find_first_not_of(kHex) == std::string_view::npos;
}

bool is_id(std::string_view text, std::size_t size) {
  return is_hex(text, size) && text.find_first_not_of('0') != std::string_view::npos;
}

/// Version, trace, span, flags. Version 00 has these four; a later one may have more behind.
bool is_trace_parent(const std::vector<std::string_view>& parts) {
  constexpr std::size_t kTraceDigits = 32;
  constexpr std::size_t kSpanDigits = 16;
  return parts.size() >= 4 && is_hex(parts[0], 2) && parts[0] != "ff" &&
         is_id(parts[1], kTraceDigits) && is_id(parts[2], kSpanDigits) && is_hex(parts[3], 2) &&
         (parts[0] != "00" || parts.size() == 4);
}

}  // namespace

Timeline::Timeline(Log& log, std::string_view trace_parent) : log_(log) {
  const auto parts = split(trace_parent, '-');
  if (is_trace_parent(parts)) {
    span_ = random_span();
    parent_span_ = parts[2];
    log_.add_context("trace_id", parts[1]);
  }
}

void Timeline::end_phase(std::string_view name) {
  const auto now = Clock::now();
  phases_ += (phases_.empty() ? "" : " ") + std::string(name) + ':' + count(now - phase_start_);
  phase_start_ = now;
}

void Timeline::step(std::string_view description, microseconds took,
                    const Result<void>& outcome) const {
  if (!log_.has(LogLevel::debug)) {
    return;
  }
  log_.line(LogLevel::debug, "step",
            {{"step", description},
             {"us", std::to_string(took.count())},
             {"outcome", outcome ? "ok" : "failed"},
             {"error", outcome ? "" : outcome.error().msg},
             {"span_id", span_.empty() ? "" : random_span()},
             {"parent_span_id", span_}});
}

void Timeline::set_gids(const std::vector<std::uint32_t>& indexes) {
  std::vector<std::string> texts;
  std::ranges::transform(indexes, std::back_inserter(texts),
                         [](std::uint32_t index) { return std::to_string(index); });
  gids_ = join(texts, ",");
}

void Timeline::finish(std::string_view verb, const Result<void>& outcome) const {
  const std::string total = count(Clock::now() - start_);
  const LogLevel level = outcome ? LogLevel::info : LogLevel::error;
  const std::string code = outcome ? "0" : std::to_string(static_cast<int>(outcome.error().code));
  const std::string error = outcome ? "" : outcome.error().msg;
  log_.line(level, verb,
            {{"outcome", outcome ? "ok" : "failed"},
             {"code", code},
             {"error", error},
             {"master", master_},
             {"rdma_device", rdma_device_},
             {"rdma_port", rdma_port_},
             {"gid_index", gids_},
             {"total_us", total},
             {"phases_us", phases_},
             {"remark", remark_},
             {"span_id", span_},
             {"parent_span_id", parent_span_}});
}

}  // namespace mvr::plugin
