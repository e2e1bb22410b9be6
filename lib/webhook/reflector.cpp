// SPDX-License-Identifier: Apache-2.0
#include "webhook/reflector.hpp"

#include <errno.h>
#include <malloc.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"
#include "webhook/list_page.hpp"
#include "webhook/metrics.hpp"
#include "webhook/watch_stream.hpp"

namespace mvr::webhook {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxRefusal = 64U << 10U;
constexpr int kGone = 410;

/// A watch that has lasted so long was one, even if nothing happened.
constexpr std::chrono::seconds kProgress{5};

/// Watches in a row that bring nothing before a list is tried instead: what refuses the one may
/// grant the other, and a copy that nobody renews is not to look well for ever.
constexpr int kMostFutile = 5;

/// A server may wish for a longer pause, but no copy grows older than that for a wish.
constexpr std::chrono::seconds kLongestWish{60};

void wait_for(milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

/// The word for the metrics.
std::string_view reason_of(int status) {
  switch (status) {
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "absent";
    case 410:
      return "gone";
    case 429:
      return "throttled";
    default:
      return status >= 500 ? "server" : "refused";
  }
}

/// Whether the same request may succeed later.
bool is_passing(int status) {
  return status == 401 || status == 403 || status == 429 || status >= 500;
}

int code_of(const json& status) {
  const auto code = status.find("code");
  return code != status.end() && code->is_number_integer() ? code->get<int>() : 0;
}

}  // namespace

Reflector::Reflector(ApiServer server, Collection collection, ReflectorSettings settings, Sink sink,
                     const Log& log, WatchMetrics& metrics)
    : server_(std::move(server)),
      collection_(std::move(collection)),
      settings_(settings),
      sink_(std::move(sink)),
      log_(log),
      metrics_(metrics),
      backoff_(settings.first_wait, settings.most_wait, random_) {
}

void Reflector::run(const std::stop_token& stop) {
  Next next = Next::list;
  ApiClient client(server_, stop);
  while (!stop.stop_requested()) {
    const Ended ended = next == Next::watch ? watch(client) : list(client);
    next = ended.next;
    if (!stop.stop_requested()) {
      pause(ended, stop);
    }
    if (futile_ >= kMostFutile) {
      next = Next::list;
      futile_ = 0;
    }
  }
}

/// After what went well, and once after what had gone well until then, there is none.
void Reflector::pause(const Ended& ended, const std::stop_token& stop) {
  if (!ended.reason.empty()) {
    metrics_.restarts.add(ended.reason);
  }
  if (ended.next == Next::wait_absent) {
    wait_for(settings_.absent_wait, stop);
    return;
  }
  const bool is_listed = ended.reason.empty();
  if (std::exchange(has_progressed_, false)) {
    futile_ = 0;
    backoff_.reset();
    report(ended, ended.at_least);
    wait_for(ended.at_least, stop);
    return;
  }
  if (!is_listed) {
    ++futile_;
    const milliseconds wait = std::max(backoff_.next(), ended.at_least);
    report(ended, wait);
    wait_for(wait, stop);
  }
}

void Reflector::report(const Ended& ended, milliseconds wait) const {
  if (ended.message.empty()) {
    return;
  }
  log_.line(LogLevel::warn, ended.message,
            {{"collection", collection_.name},
             {"reason", ended.reason},
             {"retry_ms", std::to_string(wait.count())}});
}

std::string Reflector::accept(bool is_list) const {
  if (!collection_.is_metadata_only) {
    return "application/json";
  }
  return std::string("application/json;as=PartialObjectMetadata") + (is_list ? "List" : "") +
         ";g=meta.k8s.io;v=v1,application/json";
}

Reflector::Ended Reflector::lost(const Error& error, Next next) {
  const bool is_late = error.sys_errno == ETIMEDOUT;
  return {.next = next,
          .reason = is_late                      ? "timeout"
                    : error.code == Code::decode ? "malformed"
                                                 : "network",
          .message = error.msg};
}

/// \param otherwise what comes next when the server is not likely to refuse it again
Reflector::Ended Reflector::take_refusal(ApiClient& client, const ApiClient::Head& head,
                                         Next otherwise) const {
  const auto body = client.read_all(kMaxRefusal, settings_.request_time);
  const std::string why = body ? read_status(*body) : body.error().msg;
  return {.next = is_passing(head.status) ? otherwise : Next::list,
          .reason = reason_of(head.status),
          .message = "the API server answers " + std::to_string(head.status) + ": " + why,
          .at_least = std::min(head.retry_after, kLongestWish)};
}

Reflector::Ended Reflector::take_absence() {
  if (!std::exchange(is_absent_, true)) {
    log_.line(LogLevel::info, "the cluster has no such objects",
              {{"collection", collection_.name}});
  }
  sink_.begin_list();
  sink_.end_list();
  metrics_.objects = 0;
  metrics_.is_synced = true;
  metrics_.touch();
  return {.next = Next::wait_absent, .reason = "absent"};
}

Reflector::Ended Reflector::list(ApiClient& client) {
  sink_.begin_list();
  std::int64_t count = 0;
  const auto put = [&](const json& object) {
    sink_.put(object);
    ++count;
  };
  std::string continuation;
  do {
    auto page = list_page(client, continuation, put);
    if (!page) {
      return std::move(page).error();
    }
    version_ = page->version;
    continuation = page->continuation;
  } while (!continuation.empty());
  sink_.end_list();
  is_absent_ = false;
  metrics_.objects = count;
  metrics_.is_synced = true;
  ++metrics_.lists;
  metrics_.touch();
  // The text of a page is the largest thing that this thread ever has.
  ::malloc_trim(0);
  log_.line(LogLevel::info, "listed",
            {{"collection", collection_.name},
             {"objects", std::to_string(count)},
             {"version", version_}});
  return {.next = Next::watch, .reason = {}};
}

tl::expected<ListPage, Reflector::Ended> Reflector::list_page(
    ApiClient& client, const std::string& continuation,
    const std::function<void(const json&)>& put) {
  std::string target = collection_.path + "?limit=" + std::to_string(settings_.page);
  target += continuation.empty() ? "" : "&continue=" + percent_encode(continuation);
  const auto head = client.get(target, accept(/*is_list=*/true), settings_.request_time);
  if (!head) {
    return tl::unexpected(lost(head.error(), Next::list));
  }
  if (head->status == 404 && collection_.may_be_absent) {
    // API servers close a connection that is not used for 90 s; the next request is later.
    client.drop();
    return tl::unexpected(take_absence());
  }
  if (head->status != 200) {
    return tl::unexpected(take_refusal(client, *head, Next::list));
  }
  const auto body = client.read_all(settings_.page_bytes, settings_.request_time);
  if (!body) {
    return tl::unexpected(lost(body.error(), Next::list));
  }
  auto page = read_page(*body, put);
  if (!page) {
    return tl::unexpected(lost(page.error(), Next::list));
  }
  return *std::move(page);
}

Reflector::Ended Reflector::watch(ApiClient& client) {
  const double share = 1 + random_();
  const auto seconds =
      static_cast<std::int64_t>(static_cast<double>(settings_.watch_time.count()) * share);
  const std::string target =
      collection_.path +
      "?watch=1&allowWatchBookmarks=true&resourceVersion=" + percent_encode(version_) +
      "&timeoutSeconds=" + std::to_string(seconds);
  const auto head = client.get(target, accept(/*is_list=*/false), settings_.request_time);
  if (!head) {
    return lost(head.error(), Next::watch);
  }
  if (head->status != 200) {
    return take_refusal(client, *head, Next::watch);
  }
  const auto begin = steady_clock::now();
  Ended ended = follow(client, begin + std::chrono::seconds(seconds) + settings_.watch_slack);
  has_progressed_ = has_progressed_ || steady_clock::now() - begin > kProgress;
  return ended;
}

Reflector::Ended Reflector::follow(ApiClient& client, steady_clock::time_point until) {
  WatchStream stream(settings_.line_bytes);
  metrics_.touch();
  while (steady_clock::now() < until) {
    const auto bytes = client.read_some(settings_.idle);
    if (!bytes) {
      return lost(bytes.error(), Next::watch);
    }
    if (bytes->empty()) {
      const bool is_cut = stream.pending() > 0;
      return {.reason = is_cut ? "cut" : "ended",
              .message = is_cut ? "the watch ended within an event" : ""};
    }
    stream.add(*bytes);
    if (auto ended = take_all(stream)) {
      client.drop();
      return *std::move(ended);
    }
  }
  client.drop();
  return {.reason = "overdue"};
}

std::optional<Reflector::Ended> Reflector::take_all(WatchStream& stream) {
  for (;;) {
    const auto event = stream.next();
    if (!event) {
      // Listed anew, the collection may be without what cannot be read.
      return lost(event.error(), Next::list);
    }
    if (!*event) {
      return std::nullopt;
    }
    if (auto ended = take(**event)) {
      return ended;
    }
  }
}

std::optional<Reflector::Ended> Reflector::take(const WatchEvent& event) {
  using Type = WatchEvent::Type;
  if (event.type == Type::error) {
    const int code = code_of(event.object);
    return Ended{.next = code == kGone || !is_passing(code) ? Next::list : Next::watch,
                 .reason = reason_of(code),
                 .message = code == kGone ? "" : "watch: " + read_status(event.object.dump())};
  }
  if (event.type == Type::deleted) {
    sink_.remove(event.object);
    --metrics_.objects;
  } else if (event.type != Type::bookmark) {
    sink_.put(event.object);
    metrics_.objects += event.type == Type::added ? 1 : 0;
  }
  version_ = event.version;
  has_progressed_ = true;
  ++metrics_.events;
  metrics_.touch();
  return std::nullopt;
}

}  // namespace mvr::webhook
