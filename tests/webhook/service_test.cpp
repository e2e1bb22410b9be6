// SPDX-License-Identifier: Apache-2.0
#include "webhook/service.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "webhook/http_text.hpp"

using namespace mvr::webhook;
using nlohmann::json;

namespace {

/// A service of which the reviews, and whether it is ready, are told in advance.
struct Desk {
  Response ask(Request request) {
    const auto refusal = handler.screen(request);
    return refusal ? *refusal : handler.respond(request);
  }

  Answer next = {
      .status = 200, .body = "{}", .outcome = "patched", .pod = "a/b", .message = "done"};
  std::string why;
  std::vector<std::string> lines;
  mvr::Log log;
  Metrics metrics;
  Handler handler;

  explicit Desk(bool asks_clients = false) {
    log.divert([this](mvr::LogLevel, std::string_view line) { lines.emplace_back(line); });
    handler = make_service({.review = [this](std::string_view) { return next; },
                            .unready = [this] { return why; },
                            .asks_clients = asks_clients},
                           log, metrics);
  }
};

constexpr Request kReview{
    .method = "POST", .path = "/inject", .content_type = "application/json", .body = "{}"};

}  // namespace

TEST_CASE("a review is answered, counted and logged", "[service]") {
  Desk desk;
  CHECK(desk.ask(kReview).body == "{}");
  desk.next.outcome = "no-match";
  desk.next.message = "no network";
  CHECK(desk.ask(kReview).status == 200);
  desk.next = {.status = 400, .body = "{}", .outcome = "malformed", .pod = "", .message = "bad"};
  CHECK(desk.ask(kReview).status == 400);
  desk.next = {
      .status = 200, .body = "{}", .outcome = "untouched", .pod = "a/b", .message = "nothing"};
  CHECK(desk.ask(kReview).status == 200);
  CHECK(desk.metrics.reviews.values() == std::map<std::string, std::uint64_t, std::less<>>{
                                             {"patched", 1}, {"refused", 2}, {"untouched", 1}});
  CHECK(desk.metrics.refusals.values() ==
        std::map<std::string, std::uint64_t, std::less<>>{{"malformed", 1}, {"no-match", 1}});
  CHECK(desk.lines == std::vector<std::string>{"done", "no network", "bad"});
}

TEST_CASE("a review is a POST of JSON to its path", "[service]") {
  Desk desk;
  Request request = kReview;
  request.path = "/mutate";
  CHECK(desk.ask(request).status == 404);
  request = kReview;
  request.method = "GET";
  CHECK(desk.ask(request).status == 405);
  CHECK(desk.ask(request).allow == "POST");
  request = kReview;
  for (const char* type :
       {"", "text/plain", "application/jsonx", "application/yaml; application/json"}) {
    request.content_type = type;
    CHECK(desk.ask(request).status == 415);
  }
  for (const char* type :
       {"application/json; charset=utf-8", "Application/JSON", "application/json ;x"}) {
    request.content_type = type;
    CHECK(desk.ask(request).status == 200);
  }
}

TEST_CASE("where clients are asked for a certificate, reviews are for those with one",
          "[service]") {
  Desk desk(/*asks_clients=*/true);
  Request request = kReview;
  CHECK(desk.ask(request).status == 403);
  request.is_client_known = true;
  CHECK(desk.ask(request).status == 200);
  CHECK(desk.ask({.method = "GET", .path = "/readyz"}).status == 200);
}

TEST_CASE("readiness says why it is not given, liveness is", "[service]") {
  Desk desk;
  CHECK(desk.ask({.method = "GET", .path = "/readyz"}).body == "ok\n");
  desk.why = "not listed";
  const Response response = desk.ask({.method = "GET", .path = "/readyz"});
  CHECK(response.status == 503);
  CHECK(response.body == "not listed\n");
  CHECK(desk.ask({.method = "HEAD", .path = "/healthz"}).status == 200);
  CHECK(desk.ask({.method = "POST", .path = "/healthz"}).allow == "GET, HEAD");
  CHECK(desk.ask({.method = "GET", .path = "/metrics"})
            .content_type.starts_with("text/plain; version=0.0.4"));
}

TEST_CASE("a refusal is a Status of Kubernetes", "[service]") {
  const json status = json::parse(status_text(404, "no \"such\" thing\n"));
  CHECK(status["kind"] == "Status");
  CHECK(status["apiVersion"] == "v1");
  CHECK(status["status"] == "Failure");
  CHECK(status["code"] == 404);
  CHECK(status["message"] == "no \"such\" thing\n");
}

TEST_CASE("an answer as text says how it ends and when to come again", "[service]") {
  const std::string text =
      to_http({.status = 503, .body = "x"}, /*is_kept=*/false, /*is_head=*/false);
  CHECK(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(text.find("\r\nRetry-After: 1\r\n") != std::string::npos);
  CHECK(text.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(text.ends_with("\r\n\r\nx"));
  const std::string head = to_http({.status = 405, .body = "x", .allow = "POST"}, true, true);
  CHECK(head.find("\r\nAllow: POST\r\n") != std::string::npos);
  CHECK(head.find("\r\nContent-Length: 1\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
}
