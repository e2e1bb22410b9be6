// SPDX-License-Identifier: Apache-2.0
/// \file
/// What lists and watches leave behind, and what readers see meanwhile.
#include "webhook/cluster.hpp"

#include <malloc.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "fixture.hpp"
#include "support/catch.hpp"
#include "webhook/view.hpp"

using namespace mvr::test;
using namespace mvr::webhook;

namespace {

json rail(const std::string& name, const std::string& value, const std::string& master = "ens1") {
  return network_object("default", name, {{kRdma, value}}, {{"master", master}});
}

/// Names of the definitions of a value, in order.
std::string names(const Cluster& cluster, const std::string& value) {
  const auto view = cluster.view();
  const GroupPtr* group = view->rdma.find(value);
  std::string text;
  for (std::size_t i = 0; group != nullptr && i < (*group)->size(); ++i) {
    text += (i == 0 ? "" : " ") + (**group)[i]->name;
  }
  return text;
}

void list(Cluster& cluster, Kind kind, const std::vector<json>& objects) {
  cluster.begin_list(kind);
  for (const json& object : objects) {
    cluster.put(kind, object);
  }
  cluster.end_list(kind);
}

}  // namespace

TEST_CASE("a list is seen when it ends", "[cluster]") {
  Cluster cluster;
  cluster.begin_list(Kind::network);
  cluster.put(Kind::network, rail("b", "x", "ens10"));
  cluster.put(Kind::network, rail("a", "x", "ens2"));
  CHECK(names(cluster, "x") == "");
  cluster.end_list(Kind::network);
  CHECK(names(cluster, "x") == "a b");
  CHECK_FALSE(cluster.is_synced());
  list(cluster, Kind::space, {});
  CHECK_FALSE(cluster.is_synced());
  list(cluster, Kind::spider, {});
  CHECK(cluster.is_synced());
}

TEST_CASE("a second list takes away what it has not", "[cluster]") {
  Cluster cluster;
  list(cluster, Kind::network, {rail("a", "x"), rail("b", "x"), rail("c", "y")});
  list(cluster, Kind::space, {space_object("one"), space_object("two")});
  cluster.begin_list(Kind::network);
  cluster.put(Kind::network, rail("never", "x"));
  // It begins anew: what the first attempt has put is forgotten.
  cluster.begin_list(Kind::network);
  cluster.put(Kind::network, rail("b", "x"));
  cluster.put(Kind::network, rail("d", "x"));
  cluster.put(Kind::network, rail("e", "x"));
  cluster.remove(Kind::network, rail("e", "x"));
  CHECK(names(cluster, "x") == "a b");
  cluster.end_list(Kind::network);
  CHECK(names(cluster, "x") == "b d");
  CHECK(names(cluster, "y") == "");
  list(cluster, Kind::space, {space_object("two")});
  CHECK(cluster.view()->spaces.find("one") == nullptr);
  CHECK(cluster.view()->spaces.find("two") != nullptr);
}

TEST_CASE("events add, change and remove", "[cluster]") {
  Cluster cluster;
  list(cluster, Kind::network, {rail("a", "x", "ens1"), rail("b", "x", "ens2")});
  cluster.put(Kind::network, rail("a", "x", "ens3"));
  CHECK(names(cluster, "x") == "b a");
  cluster.put(Kind::network, rail("b", "y", "ens2"));
  CHECK(names(cluster, "x") == "a");
  CHECK(names(cluster, "y") == "b");
  cluster.put(Kind::network, network_object("default", "b", nullptr));
  CHECK(names(cluster, "y") == "");
  cluster.remove(Kind::network, rail("a", "x"));
  cluster.remove(Kind::network, rail("a", "x"));
  CHECK(names(cluster, "x") == "");
  cluster.put(Kind::network, json::object());
  cluster.remove(Kind::network, json::object());
}

TEST_CASE("namespaces come and go", "[cluster]") {
  Cluster cluster;
  cluster.put(Kind::space, space_object("team", {{kRdma, "x"}, {kNetwork, "y"}}));
  REQUIRE(cluster.view()->spaces.find("team") != nullptr);
  CHECK(*cluster.view()->spaces.find("team") == Space{"x", "y"});
  cluster.put(Kind::space, space_object("team"));
  CHECK(*cluster.view()->spaces.find("team") == Space{});
  cluster.remove(Kind::space, space_object("team"));
  CHECK(cluster.view()->spaces.find("team") == nullptr);
}

TEST_CASE("what somebody reads never changes", "[cluster]") {
  Cluster cluster;
  list(cluster, Kind::network, {rail("a", "x")});
  const auto before = cluster.view();
  cluster.put(Kind::network, rail("b", "x"));
  cluster.remove(Kind::network, rail("a", "x"));
  REQUIRE(before->rdma.find("x") != nullptr);
  CHECK((*before->rdma.find("x"))->size() == 1);
  CHECK((*before->rdma.find("x"))->front()->name == "a");
  CHECK(names(cluster, "x") == "b");
}

TEST_CASE("an event that says nothing new makes no new view", "[cluster]") {
  Cluster cluster;
  list(cluster, Kind::network, {rail("a", "x")});
  list(cluster, Kind::space, {space_object("team")});
  const auto before = cluster.view();
  json again = rail("a", "x");
  again["metadata"]["resourceVersion"] = "12345";
  cluster.put(Kind::network, again);
  cluster.put(Kind::space, space_object("team"));
  cluster.put(Kind::network, network_object("default", "plain", nullptr));
  list(cluster, Kind::network, {again});
  CHECK(cluster.view() == before);
}

TEST_CASE("a network that Spiderpool has made counts once", "[cluster]") {
  Cluster cluster;
  const json spec{{"cniType", "macvlan"},
                  {"macvlan", {{"master", {"ens1"}}, {"rdmaResourceName", "a/b"}}}};
  const json spider = spider_object("default", "a", {{kRdma, "x"}}, spec);
  const json network = rail("a", "x", "ens1");
  const bool is_network_first = GENERATE(false, true);
  if (is_network_first) {
    cluster.put(Kind::network, network);
  }
  cluster.put(Kind::spider, spider);
  if (!is_network_first) {
    cluster.put(Kind::network, network);
  }
  CHECK(names(cluster, "x") == "a");
  CHECK((*cluster.view()->rdma.find("x"))->front()->resource == "a/b");
  SECTION("the network goes") {
    cluster.remove(Kind::network, network);
    CHECK(names(cluster, "x") == "a");
    list(cluster, Kind::spider, {});
    CHECK(names(cluster, "x") == "");
  }
  SECTION("the other goes") {
    cluster.remove(Kind::spider, spider);
    CHECK(names(cluster, "x") == "a");
    CHECK((*cluster.view()->rdma.find("x"))->front()->resource == "");
    list(cluster, Kind::network, {});
    CHECK(names(cluster, "x") == "");
  }
}

TEST_CASE("a network that Spiderpool is told to name anew leaves no other behind", "[cluster]") {
  Cluster cluster;
  const auto spider = [](const std::string& own, const std::string& name) {
    return spider_object("default", own, {{kRdma, "x"}, {"multus.spidernet.io/cr-name", name}}, {});
  };
  list(cluster, Kind::spider, {spider("1", "a"), spider("2", "b")});
  CHECK(names(cluster, "x") == "a b");
  SECTION("by an event") {
    cluster.put(Kind::spider, spider("1", "c"));
    CHECK(names(cluster, "x") == "b c");
    cluster.remove(Kind::spider, spider("1", "c"));
    CHECK(names(cluster, "x") == "b");
  }
  SECTION("by a list") {
    list(cluster, Kind::spider, {spider("2", "c")});
    CHECK(names(cluster, "x") == "c");
  }
  SECTION("two have the same") {
    list(cluster, Kind::spider, {spider("1", "a"), spider("2", "a")});
    CHECK(names(cluster, "x") == "a");
    list(cluster, Kind::spider, {});
    CHECK(names(cluster, "x") == "");
  }
  SECTION("two change their names") {
    list(cluster, Kind::spider, {spider("1", "b"), spider("2", "a")});
    CHECK(names(cluster, "x") == "a b");
  }
}

TEST_CASE("a resource of a network without a value serves the other's", "[cluster]") {
  Cluster cluster;
  cluster.put(Kind::network, network_object("default", "a", {{kResource, "a/b"}}));
  CHECK(names(cluster, "x") == "");
  cluster.put(Kind::spider, spider_object("default", "a", {{kRdma, "x"}}, {}));
  CHECK((*cluster.view()->rdma.find("x"))->front()->resource == "a/b");
}

TEST_CASE("ten thousand definitions are listed at once and changed one by one",
          "[cluster][scale]") {
  using Clock = std::chrono::steady_clock;
  Cluster cluster;
  constexpr int kCount = 10'000;
  std::vector<json> objects;
  for (int i = 0; i < kCount; ++i) {
    json object = rail("rail" + std::to_string(i), "v" + std::to_string(i / 8),
                       "enp" + std::to_string(i % 8) + "s0");
    object["metadata"]["managedFields"] = std::string(8000, 'x');
    objects.push_back(std::move(object));
  }
  const std::size_t before = ::mallinfo2().uordblks;
  auto start = Clock::now();
  list(cluster, Kind::network, objects);
  const auto listed = Clock::now() - start;
  // Of the objects themselves there would be ten times as much.
  const std::size_t grown = ::mallinfo2().uordblks - before;
  INFO(grown);
  CHECK(grown < std::size_t{kCount} * 1000);
  CHECK(names(cluster, "v100") ==
        "rail800 rail801 rail802 rail803 rail804 rail805 rail806 rail807");
  start = Clock::now();
  for (int i = 0; i < 1000; ++i) {
    cluster.put(Kind::network, rail("rail" + std::to_string(i), "w"));
  }
  const auto changed = Clock::now() - start;
  CHECK(names(cluster, "v100") == "");
  CHECK(names(cluster, "v125") != "");
  CHECK((*cluster.view()->rdma.find("w"))->size() == 1000);
  // A list that builds the index for each object, or an event that builds all of it, would take
  // minutes.
  CHECK(listed < std::chrono::seconds(20));
  CHECK(changed < std::chrono::seconds(20));
}

TEST_CASE("reviews read while watches write", "[cluster][threads]") {
  Cluster cluster;
  list(cluster, Kind::network, {rail("a", "x"), rail("b", "x")});
  list(cluster, Kind::space, {});
  std::atomic<bool> is_done = false;
  std::atomic<int> torn = 0;
  const auto read = [&] {
    while (!is_done) {
      // The two change together, by a list: nobody ever sees one of them alone.
      const auto view = cluster.view();
      const GroupPtr* group = view->rdma.find("x");
      torn += group == nullptr || (*group)->size() != 2 ? 1 : 0;
    }
  };
  std::thread first(read);
  std::thread second(read);
  std::thread writer([&] {
    for (int i = 0; i < 2000; ++i) {
      cluster.put(Kind::space, space_object("s" + std::to_string(i % 7), {{kRdma, "x"}}));
      cluster.remove(Kind::space, space_object("s" + std::to_string(i % 5)));
    }
  });
  for (int i = 0; i < 500; ++i) {
    const std::string master = "ens" + std::to_string(i);
    list(cluster, Kind::network, {rail("a", "x", master), rail("b", "x", master)});
  }
  writer.join();
  is_done = true;
  first.join();
  second.join();
  CHECK(torn == 0);
}
