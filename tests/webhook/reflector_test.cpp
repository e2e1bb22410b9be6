// SPDX-License-Identifier: Apache-2.0
// The copy of a collection, whatever the API server and the network do.
#include "webhook/reflector.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "webhook/api_stand_in.hpp"

using namespace mvr::test;
using namespace std::chrono_literals;

namespace {

std::string query(const json& request, const std::string& key) {
  return request["query"].value(key, "");
}

json failure(const std::string& verb, int status, int times) {
  return {{"failures",
           {{{"verb", verb}, {"status", status}, {"times", times}, {"message", "because"}}}}};
}

}  // namespace

TEST_CASE("a copy begins with a list and follows by a watch", "[reflector]") {
  const bool is_tls = GENERATE(true, false);
  const ApiStandIn api(is_tls);
  api.put("a", {{"value", "1"}});
  api.put("b");
  const Copy copy(api.server());
  CHECK(copy.comes_to_hold({"a", "b"}));
  INFO(copy.logged());
  api.put("c");
  api.put("a", {{"value", "2"}});
  api.remove("b");
  CHECK(copy.comes_to_hold({"a", "c"}));
  CHECK(copy.objects().at("a") == "2");
  CHECK(copy.metrics.objects == 2);
  CHECK(copy.metrics.age() >= 0);
  CHECK(copy.lists() == 1);
  const json watch = api.requests(true).at(0);
  CHECK(query(watch, "allowWatchBookmarks") == "true");
  CHECK(query(watch, "resourceVersion") == "102");
  CHECK(std::stoi(query(watch, "timeoutSeconds")) >= 300);
  CHECK(std::stoi(query(watch, "timeoutSeconds")) <= 600);
}

TEST_CASE("a long list comes in pages, by one connection", "[reflector]") {
  const ApiStandIn api;
  api.control({{"many",
                {{"path", ApiStandIn::kPath},
                 {"count", 1203},
                 {"prefix", "n"},
                 {"annotations", {{"value", "x"}}}}}});
  const Copy copy(api.server());
  CHECK(eventually([&] { return copy.objects().size() == 1203; }, 5s));
  const auto requests = api.requests(false);
  REQUIRE(requests.size() == 3);
  for (const json& request : requests) {
    CHECK(query(request, "limit") == "500");
    CHECK(request["client"] == requests[0]["client"]);
  }
  CHECK(query(requests[0], "continue").empty());
  CHECK(query(requests[2], "continue") != query(requests[1], "continue"));
}

TEST_CASE("a list whose next page is too old begins again", "[reflector]") {
  const ApiStandIn api;
  api.control({{"many",
                {{"path", ApiStandIn::kPath},
                 {"count", 700},
                 {"prefix", "n"},
                 {"annotations", json::object()}}},
               {"compact_after_page", true}});
  const Copy copy(api.server());
  CHECK(eventually([&] { return copy.objects().size() == 700; }, 5s));
  CHECK(copy.restarts("gone") == 1);
  CHECK(copy.lists() == 1);
  CHECK(api.requests(false).size() == 4);
}

TEST_CASE("a watch that ends goes on where it was, without a list", "[reflector]") {
  const std::string ending = GENERATE("end", "cut", "reset");
  INFO(ending);
  const ApiStandIn api(GENERATE(true, false));
  api.put("a");
  const Copy copy(api.server());
  REQUIRE(copy.comes_to_hold({"a"}));
  for (const char* name : {"b", "c", "d"}) {
    api.put(name);
    REQUIRE(eventually([&] { return copy.objects().contains(name); }));
    api.control({{"end_watches", ending}});
  }
  CHECK(copy.comes_to_hold({"a", "b", "c", "d"}));
  CHECK(eventually([&] { return api.requests(true).size() >= 4; }));
  CHECK(copy.lists() == 1);
  CHECK(query(api.requests(true).at(3), "resourceVersion") == "104");
  CHECK(copy.restarts(ending == "end" ? "ended" : "network") + copy.restarts("cut") >= 3);
}

TEST_CASE("a watch from a version that is gone is followed by a list", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  const Copy copy(api.server());
  REQUIRE(copy.comes_to_hold({"a"}));
  // Nobody hears of it but by a list.
  api.control({{"is_silent", true}});
  api.put("b");
  api.remove("a");
  api.control({{"compact", true}, {"is_silent", false}, {"end_watches", "end"}});
  CHECK(copy.comes_to_hold({"b"}));
  CHECK(copy.restarts("gone") >= 1);
  CHECK(copy.lists() == 2);
}

TEST_CASE("a bookmark moves the place where a watch goes on", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  const Copy copy(api.server());
  REQUIRE(copy.comes_to_hold({"a"}));
  api.put("elsewhere", json::object(), "/api/v1/namespaces");
  api.control({{"bookmark", true}});
  REQUIRE(eventually([&] { return copy.metrics.events == 1; }));
  api.control({{"end_watches", "end"}});
  REQUIRE(eventually([&] { return api.requests(true).size() == 2; }));
  CHECK(query(api.requests(true).at(1), "resourceVersion") == "103");
  CHECK(copy.objects().size() == 1);
}

TEST_CASE("an error within a watch ends it", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  const Copy copy(api.server());
  REQUIRE(copy.comes_to_hold({"a"}));
  SECTION("410: list") {
    api.control(
        {{"event", {{"type", "ERROR"}, {"object", {{"code", 410}, {"message", "too old"}}}}}});
    CHECK(eventually([&] { return copy.lists() == 2; }));
  }
  SECTION("500: watch again") {
    api.control(
        {{"event", {{"type", "ERROR"}, {"object", {{"code", 500}, {"message", "leader lost"}}}}}});
    CHECK(eventually([&] { return copy.restarts("server") >= 1; }));
    CHECK(copy.lists() == 1);
    CHECK(copy.logged().find("leader lost") != std::string::npos);
  }
  SECTION("nonsense: list") {
    api.control({{"event", "{no JSON"}});
    CHECK(eventually([&] { return copy.lists() >= 2; }));
    CHECK(copy.restarts("malformed") >= 1);
  }
  CHECK(copy.comes_to_hold({"a"}));
}

TEST_CASE("an event may come a byte at a time", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  const Copy copy(api.server());
  REQUIRE(copy.comes_to_hold({"a"}));
  api.control({{"delay", 0.002}});
  api.put("b");
  CHECK(copy.comes_to_hold({"a", "b"}));
  CHECK(copy.lists() == 1);
}

TEST_CASE("a watch that is silent for too long is begun anew", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  auto settings = Copy::quick();
  settings.idle = 200ms;
  const Copy copy(api.server(), Copy::plain(), settings);
  REQUIRE(copy.comes_to_hold({"a"}));
  CHECK(eventually([&] { return copy.restarts("timeout") >= 2; }, 5s));
  CHECK(copy.lists() == 1);
  api.put("b");
  CHECK(copy.comes_to_hold({"a", "b"}));
}

TEST_CASE("what fails is tried again after longer and longer times", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  api.control(failure("list", 500, 5));
  auto settings = Copy::quick();
  settings.first_wait = 40ms;
  settings.most_wait = 1s;
  const Copy copy(api.server(), Copy::plain(), settings);
  CHECK(copy.comes_to_hold({"a"}));
  const auto requests = api.requests(false);
  REQUIRE(requests.size() == 6);
  const auto gap = [&](std::size_t i) {
    return requests[i + 1]["time"].get<double>() - requests[i]["time"].get<double>();
  };
  CHECK(gap(0) >= 0.020);
  CHECK(gap(4) >= 0.320);
  CHECK(gap(4) < 2.0 * slowness());
  CHECK(copy.logged().find("500: because") != std::string::npos);
}

TEST_CASE("a server that is asked too much says when to come again", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  json throttle = failure("list", 429, 1);
  throttle["failures"][0]["retry_after"] = "1";
  api.control(throttle);
  const Copy copy(api.server());
  CHECK(copy.comes_to_hold({"a"}));
  const auto requests = api.requests(false);
  REQUIRE(requests.size() == 2);
  CHECK(requests[1]["time"].get<double>() - requests[0]["time"].get<double>() >= 0.99);
}

TEST_CASE("a server that always says gone is not asked without a pause", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  api.control(failure("watch", 410, 1000));
  auto settings = Copy::quick();
  settings.first_wait = settings.most_wait = 100ms;
  const Copy copy(api.server(), Copy::plain(), settings);
  REQUIRE(copy.comes_to_hold({"a"}));
  std::this_thread::sleep_for(500ms);
  CHECK(api.requests(true).size() <= 12);
}

TEST_CASE("the token is read again for each request", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  api.control({{"token", "second"}});
  auto server = api.server();
  server.token_file = api.authority.file("token");
  write_text(server.token_file, "first\n");
  const Copy copy(server);
  CHECK(eventually([&] { return copy.restarts("unauthorized") >= 2; }));
  CHECK_FALSE(copy.metrics.is_synced);
  CHECK(copy.logged().find("401: Unauthorized") != std::string::npos);
  write_text(server.token_file, "second\n");
  CHECK(copy.comes_to_hold({"a"}));
  CHECK(api.requests(false).at(0)["token"] == "Bearer first");
}

TEST_CASE("a copy that cannot be renewed is kept", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  const Copy copy(api.server());
  REQUIRE(copy.comes_to_hold({"a"}));
  api.control({{"failures",
                {{{"verb", "watch"}, {"status", 403}, {"times", 1000}},
                 {{"verb", "list"}, {"status", 403}, {"times", 1000}}}},
               {"end_watches", "reset"}});
  CHECK(eventually([&] { return copy.restarts("forbidden") >= 3; }));
  CHECK(copy.objects().size() == 1);
  api.control({{"failures", json::array()}});
  api.put("b");
  CHECK(copy.comes_to_hold({"a", "b"}));
}

TEST_CASE("a copy whose watch is always refused is listed now and then", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  const Copy copy(api.server());
  REQUIRE(copy.comes_to_hold({"a"}));
  api.control({{"failures", {{{"verb", "watch"}, {"status", 500}, {"times", 1000}}}},
               {"end_watches", "reset"}});
  api.put("b");
  CHECK(copy.comes_to_hold({"a", "b"}));
  CHECK(copy.restarts("server") >= 4);
}

TEST_CASE("a collection that the cluster does not have counts as empty, until it has",
          "[reflector]") {
  const ApiStandIn api;
  api.control({{"absent", {ApiStandIn::kPath}}});
  auto collection = Copy::plain();
  SECTION("where it may be absent") {
    collection.may_be_absent = true;
    const Copy copy(api.server(), collection);
    CHECK(copy.comes_to_hold({}));
    // Each time by a connection of its own: the server would not keep one for so long.
    REQUIRE(eventually([&] { return api.requests(false).size() >= 2; }));
    CHECK(api.requests(false)[0]["client"] != api.requests(false)[1]["client"]);
    api.control({{"present", {ApiStandIn::kPath}}});
    api.put("a");
    CHECK(copy.comes_to_hold({"a"}));
    api.control({{"absent", {ApiStandIn::kPath}}, {"end_watches", "end"}});
    CHECK(copy.comes_to_hold({}));
  }
  SECTION("else it is a failure") {
    const Copy copy(api.server(), collection);
    CHECK(eventually([&] { return copy.restarts("absent") >= 2; }));
    CHECK_FALSE(copy.metrics.is_synced);
  }
}

TEST_CASE("of some collections only the metadata is asked for", "[reflector]") {
  const ApiStandIn api;
  api.put("a", {{"value", "1"}});
  auto collection = Copy::plain();
  collection.is_metadata_only = true;
  const Copy copy(api.server(), collection);
  REQUIRE(copy.comes_to_hold({"a"}));
  api.put("b", {{"value", "2"}});
  CHECK(copy.comes_to_hold({"a", "b"}));
  CHECK(copy.objects().at("b") == "2");
  const std::string list = api.requests(false).at(0)["accept"];
  CHECK(list ==
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json");
  const std::string watch = api.requests(true).at(0)["accept"];
  CHECK(watch == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json");
}

TEST_CASE("what is larger than it may be is refused, in a list and in a watch", "[reflector]") {
  const ApiStandIn api;
  auto settings = Copy::quick();
  settings.page_bytes = 20'000;
  settings.line_bytes = 10'000;
  const Copy copy(api.server(), Copy::plain(), settings);
  REQUIRE(copy.comes_to_hold({}));
  api.put("a", {{"value", std::string(15'000, 'x')}});
  CHECK(copy.comes_to_hold({"a"}));  // by a list
  CHECK(copy.restarts("malformed") >= 1);
  api.put("b", {{"value", std::string(15'000, 'x')}});
  CHECK(eventually(
      [&] { return copy.logged().find("longer than 20000 bytes") != std::string::npos; }));
  CHECK(copy.objects().size() == 1);
  api.remove("b");
  CHECK(copy.comes_to_hold({"a"}));
}

TEST_CASE("a server with a certificate of another authority or name is not talked to",
          "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  auto server = api.server();
  const Authority other("other");
  std::string expected;
  SECTION("authority") {
    server.ca_file = other.certificate();
    expected = "certificate of the API server: ";
  }
  SECTION("name") {
    server.name = "kubernetes.default.svc";
    expected = "certificate of the API server: hostname mismatch";
  }
  SECTION("none to trust") {
    write_text(api.authority.file("empty"), "");
    server.ca_file = api.authority.file("empty");
    expected = "no certificates";
  }
  const Copy copy(server);
  CHECK(eventually([&] { return copy.restarts("network") >= 2; }));
  CHECK(copy.logged().find(expected) != std::string::npos);
  CHECK(api.requests(false).empty());
}

TEST_CASE("a server may be named otherwise than by its address", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  auto server = api.server();
  server.name = "localhost";
  const Copy copy(server);
  CHECK(copy.comes_to_hold({"a"}));
}

TEST_CASE("a copy ends at once, whatever it waits for", "[reflector]") {
  const ApiStandIn api;
  api.put("a");
  auto server = api.server();
  const auto begin = std::chrono::steady_clock::now();
  SECTION("an event") {
    const Copy copy(server);
    REQUIRE(copy.comes_to_hold({"a"}));
  }
  SECTION("its next attempt") {
    server.port = 1;
    auto settings = Copy::quick();
    settings.first_wait = settings.most_wait = 60s;
    const Copy copy(server, Copy::plain(), settings);
    REQUIRE(eventually([&] { return copy.restarts("network") == 1; }));
  }
  SECTION("a server that does not answer") {
    // Packets to it go nowhere (RFC 5737).
    server.address = "192.0.2.1";
    const Copy copy(server);
    std::this_thread::sleep_for(50ms);
  }
  CHECK(std::chrono::steady_clock::now() - begin < 5s * slowness());
}
