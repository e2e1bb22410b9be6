// SPDX-License-Identifier: Apache-2.0
// What the server makes of requests, good and bad.
#include "webhook/server.hpp"

#include <thread>

#include "support/catch.hpp"
#include "webhook/site.hpp"

using namespace mvr::test;
using namespace std::chrono_literals;

namespace {

std::string line_of(const std::string& answer) {
  return answer.substr(0, answer.find('\r'));
}

}  // namespace

TEST_CASE("a request is answered, and the connection kept for the next", "[server]") {
  const Site site;
  const std::string url = "https://127.0.0.1:" + site.port() + "/echo";
  const Output output = site.curl("/echo", {"--write-out", "%{http_code} %{num_connects}\\n",
                                            "--data-binary", "abc", url, url});
  CHECK(output.out == "3\n200 1\n3\n200 0\n3\n200 0\n");
}

TEST_CASE("an answer has all that HTTP asks of it", "[server]") {
  const Site site;
  const std::string answer = site.exchange(
      "POST /echo?timeout=5s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: "
      "close\r\n\r\nab");
  CHECK(line_of(answer) == "HTTP/1.1 200 OK");
  CHECK(answer.find("\r\nDate: ") != std::string::npos);
  CHECK(answer.find("\r\nContent-Type: application/json\r\n") != std::string::npos);
  CHECK(answer.find("\r\nContent-Length: 2\r\n") != std::string::npos);
  CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n2\n"));
}

TEST_CASE("requests that come together are answered in order", "[server]") {
  const Site site;
  const std::string answer = site.exchange(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
      "HEAD /who HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /who HTTP/1.0\r\n\r\n");
  const auto first = answer.find("\r\n\r\n1\n");
  const auto second = answer.find("\r\n\r\n3\n", first);
  const auto third =
      answer.find("\r\nContent-Length: 8\r\nConnection: keep-alive\r\n\r\nHTTP", second);
  CHECK(first != std::string::npos);
  CHECK(second != std::string::npos);
  CHECK(third != std::string::npos);
  CHECK(answer.ends_with("\r\nConnection: close\r\n\r\nunknown\n"));
}

TEST_CASE("what is no HTTP is refused with a reason", "[server]") {
  const Site site;
  const std::string wrong =
      GENERATE("nonsense\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
               "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nA: \x01\r\n\r\n",
               "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
               "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
               "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
               "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
  INFO(wrong);
  const std::string answer = site.exchange(wrong);
  CHECK(line_of(answer) == "HTTP/1.1 400 Bad Request");
  CHECK(answer.find("malformed HTTP: ") != std::string::npos);
  CHECK(site.status("/who") == "200");
}

TEST_CASE("a head or a body over the limit is refused", "[server]") {
  const Site site;
  const std::string limit = std::to_string(3 << 20);
  CHECK(site.status("/who", {"--header", "X: " + std::string(17'000, 'x')}) == "431");
  const ScratchDir dir;
  write_text(dir.file("most"), std::string(3 << 20, 'x'));
  write_text(dir.file("more"), std::string((3 << 20) + 1, 'x'));
  const Output most = site.curl("/echo", {"--data-binary", "@" + dir.file("most")});
  CHECK(most.out == limit + "\n200");
  CHECK(site.status("/echo", {"--data-binary", "@" + dir.file("more")}) == "413");
  CHECK(site.status("/echo", {"--header", "Expect:", "--data-binary", "@" + dir.file("more")}) ==
        "413");
  CHECK(site.status("/echo", {"--header", "Transfer-Encoding: chunked", "--data-binary",
                              "@" + dir.file("more")}) == "413");
}

TEST_CASE("a body that is not wanted is not read, and its sender still gets the answer",
          "[server]") {
  const Site site;
  const ScratchDir dir;
  write_text(dir.file("body"), std::string(3 << 20, 'x'));
  for (int i = 0; i < 5; ++i) {
    CHECK(site.status("/none", {"--header", "Expect:", "--data-binary", "@" + dir.file("body")}) ==
          "404");
  }
}

TEST_CASE("a client that waits to be asked for its body is asked", "[server]") {
  const Site site;
  const std::string answer = site.exchange(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
      "Connection: close\r\n\r\nab");
  CHECK(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_CASE("who is late with a head or a body is told so", "[server]") {
  const Site site;
  const std::string answer = site.exchange(
      GENERATE("POST /echo HTTP/1.1\r\nHo", "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"));
  CHECK(line_of(answer) == "HTTP/1.1 408 Request Timeout");
}

TEST_CASE("who connects in advance may ask later than others", "[server]") {
  const Site site;
  const std::string request = "GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  // Twice as long as a head may take.
  CHECK(site.exchange(request, 800ms * slowness()).ends_with("unknown\n"));
  CHECK(site.exchange("").empty());
}

TEST_CASE("a large answer arrives whole", "[server]") {
  const Site site;
  const Output output = site.curl("/large");
  CHECK(output.out == std::string(1 << 20, 'x') + "200");
}

TEST_CASE("all bodies that are taken at a time are half of the memory that the manifest grants",
          "[server]") {
  const mvr::webhook::ServerLimits limits;
  CHECK(limits.connections * limits.small_body + limits.large_bodies * limits.body <= 64U << 20U);
}

TEST_CASE("only so many large bodies are taken at a time", "[server]") {
  mvr::webhook::ServerLimits limits = short_limits();
  limits.large_bodies = 1;
  limits.small_body = 100;
  limits.body_time = 20s;
  const Site site(limits);
  const ScratchDir dir;
  Process slow(site.client("hold", {"1", "body", dir.file("held")}));
  REQUIRE(eventually([&] { return std::filesystem::exists(dir.file("held")); }, 10s));
  CHECK(site.status("/echo", {"--data-binary", std::string(101, 'x')}) == "503");
  CHECK(site.status("/echo", {"--data-binary", std::string(100, 'x')}) == "200");
  std::filesystem::remove(dir.file("held"));
  CHECK(slow.wait().out == "1\n");
  CHECK(eventually([&] {
    return site.status("/echo", {"--data-binary", std::string(101, 'x')}) == "200";
  }));
}
