// SPDX-License-Identifier: Apache-2.0
#include "webhook/service.hpp"

#include <chrono>
#include <memory>
#include <utility>

#include "mvr/base/text.hpp"
#include "webhook/http_text.hpp"

namespace mvr::webhook {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kInject = "/inject";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

Response refuse(int status, std::string_view reason) {
  return {.status = status, .body = status_text(status, reason)};
}

Response refuse_method(std::string_view allow) {
  Response response = refuse(405, "only " + std::string(allow) + " here");
  response.allow = allow;
  return response;
}

/// "application/json", whatever parameters follow.
bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) {
    type.remove_suffix(1);
  }
  return to_lower(type) == "application/json";
}

bool is_get(const Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

class Service {
 public:
  Service(ServiceParts parts, const Log& log, Metrics& metrics)
      : parts_(std::move(parts)), log_(log), metrics_(metrics) {}

  [[nodiscard]] std::optional<Response> screen(const Request& request) const;
  Response respond(const Request& request);

 private:
  [[nodiscard]] std::optional<Response> screen_review(const Request& request) const;
  Response review(std::string_view body);
  void record(const Answer& answer, std::chrono::nanoseconds time);

  ServiceParts parts_;
  const Log& log_;
  Metrics& metrics_;
};

std::optional<Response> Service::screen_review(const Request& request) const {
  if (request.method != "POST") {
    return refuse_method("POST");
  }
  if (parts_.asks_clients && !request.is_client_known) {
    return refuse(403, "reviews are for clients with a certificate");
  }
  if (!is_json(request.content_type)) {
    return refuse(415, "a review is application/json");
  }
  return std::nullopt;
}

std::optional<Response> Service::screen(const Request& request) const {
  if (request.path == kInject) {
    return screen_review(request);
  }
  if (request.path != "/healthz" && request.path != "/readyz" && request.path != "/metrics") {
    return refuse(404, "there are /inject, /healthz, /readyz and /metrics");
  }
  return is_get(request) ? std::nullopt : std::optional(refuse_method("GET, HEAD"));
}

Response Service::respond(const Request& request) {
  if (request.path == kInject) {
    return review(request.body);
  }
  if (request.path == "/metrics") {
    return {.body = metrics_.write(), .content_type = kPrometheus};
  }
  const std::string why = request.path == "/readyz" ? parts_.unready() : std::string();
  return {.status = why.empty() ? 200 : 503,
          .body = (why.empty() ? "ok" : why) + '\n',
          .content_type = kText};
}

Response Service::review(std::string_view body) {
  const auto begin = steady_clock::now();
  Answer answer = parts_.review(body);
  record(answer, steady_clock::now() - begin);
  return {.status = answer.status, .body = std::move(answer.body)};
}

void Service::record(const Answer& answer, std::chrono::nanoseconds time) {
  const bool is_refused = answer.outcome != "patched" && answer.outcome != "untouched";
  metrics_.latency.observe(time);
  metrics_.reviews.add(is_refused ? "refused" : answer.outcome);
  if (is_refused) {
    metrics_.refusals.add(answer.outcome);
  }
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  log_.line(answer.outcome == "untouched" ? LogLevel::debug : LogLevel::info, answer.message,
            {{"pod", answer.pod}, {"outcome", answer.outcome}, {"us", std::to_string(us)}});
}

}  // namespace

Handler make_service(ServiceParts parts, const Log& log, Metrics& metrics) {
  auto service = std::make_shared<Service>(std::move(parts), log, metrics);
  return {.screen = [service](const Request& request) { return service->screen(request); },
          .respond = [service](const Request& request) { return service->respond(request); }};
}

}  // namespace mvr::webhook
