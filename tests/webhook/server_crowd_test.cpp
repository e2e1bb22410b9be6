// SPDX-License-Identifier: Apache-2.0
// Many clients of which few are of any use, and the end of the server.
#include <thread>

#include "support/print.hpp"
#include "webhook/site.hpp"

using namespace mvr::test;
using namespace std::chrono_literals;
using mvr::webhook::ServerLimits;
using Clock = std::chrono::steady_clock;

namespace {

/// Connections that are of no use, until they are released.
class Crowd {
 public:
  Crowd(const Site& site, int count, const std::string& mode)
      : process_(site.client("hold", {std::to_string(count), mode, dir_.file("held")})) {
    REQUIRE(eventually([&] { return std::filesystem::exists(dir_.file("held")); }, 20s));
  }

  /// How many the server has not closed.
  int release() {
    std::filesystem::remove(dir_.file("held"));
    const Output output = process_.wait();
    INFO(output.err);
    REQUIRE(output.status == 0);
    return std::stoi(output.out);
  }

 private:
  ScratchDir dir_;
  Process process_;
};

ServerLimits patient(std::size_t connections) {
  ServerLimits limits;
  limits.connections = connections;
  limits.handshake = limits.head_time = limits.body_time = limits.idle = limits.write_time = 60s;
  return limits;
}

}  // namespace

TEST_CASE("slow clients, however many, do not keep a good one waiting", "[crowd]") {
  const std::string mode =
      GENERATE("silent", "handshake", "head", "body", "more", "last", "unread");
  INFO(mode);
  const Site site(patient(50));
  Crowd crowd(site, 200, mode);
  CHECK(site.server.port() != 0);
  const auto begin = Clock::now();
  for (int i = 0; i < 5; ++i) {
    CHECK(site.curl("/echo", {"--data-binary", "abc"}).out == "3\n200");
  }
  CHECK(Clock::now() - begin < 5s * slowness());
  CHECK(site.metrics.open_connections <= 50);
  CHECK(site.ended("evicted") >= 150);
  CHECK(crowd.release() <= 50);
}

TEST_CASE("who has asked before keeps his place longer than who has not", "[crowd]") {
  const Site site(patient(20));
  Crowd good(site, 10, "idle");
  Crowd bad(site, 100, "head");
  CHECK(good.release() == 10);
  CHECK(bad.release() <= 20);
}

TEST_CASE("slow clients are gone after their time", "[crowd]") {
  const Site site;
  const auto [mode, end] = GENERATE(table<std::string, std::string>({{"silent", "handshake"},
                                                                     {"handshake", "idle"},
                                                                     {"head", "answered"},
                                                                     {"body", "answered"},
                                                                     {"idle", "idle"}}));
  INFO(mode);
  Crowd crowd(site, 20, mode);
  const std::string ending = end;
  CHECK(eventually([&] { return site.ended(ending) == 20; }, 6s));
  CHECK(crowd.release() == 0);
  CHECK(site.metrics.open_connections == 0);
}

TEST_CASE("a connection is refused when all places are being answered", "[crowd]") {
  const Site site(patient(1));
  std::thread slow([&] { CHECK(site.status("/slow") == "200"); });
  REQUIRE(eventually([&] { return site.metrics.open_connections == 1; }));
  std::this_thread::sleep_for(100ms * slowness());
  CHECK(site.status("/who") == "000");
  CHECK(site.ended("refused") == 1);
  slow.join();
  CHECK(eventually([&] { return site.status("/who") == "200"; }));
}

TEST_CASE("draining lets requests end, closes the rest and accepts no more", "[drain]") {
  Site site(patient(20));
  Crowd idle(site, 3, "idle");
  Output slow;
  std::thread request([&] { slow = site.curl("/slow", {"--include"}); });
  REQUIRE(eventually([&] { return site.metrics.open_connections == 4; }));
  std::this_thread::sleep_for(200ms * slowness());
  CHECK(site.server.drain(5s * slowness()));
  request.join();
  CHECK(slow.out.find("Connection: close") != std::string::npos);
  CHECK(slow.out.ends_with("0\n200"));
  CHECK(idle.release() == 0);
  CHECK(site.status("/who") == "000");
}

TEST_CASE("draining ends in time, whoever is still there", "[drain]") {
  Site site(patient(20));
  Crowd slow(site, 3, "body");
  const auto begin = Clock::now();
  CHECK_FALSE(site.server.drain(300ms));
  CHECK(Clock::now() - begin < 2s * slowness());
}

TEST_CASE("draining ends at once when it is urgent", "[drain]") {
  Site site(patient(20));
  Crowd slow(site, 3, "body");
  const auto begin = Clock::now();
  CHECK_FALSE(site.server.drain(30s, [&] { return Clock::now() - begin > 300ms; }));
  CHECK(Clock::now() - begin < 3s * slowness());
}

TEST_CASE("a server that is about to go sends its clients elsewhere", "[drain]") {
  Site site;
  site.server.discourage();
  const std::string answer = site.exchange("GET /who HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(site.status("/who") == "200");
}
