// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is kept of network definitions.
#include "webhook/definition.hpp"

#include <algorithm>

#include "fixture.hpp"
#include "support/catch.hpp"

using namespace mvr::test;
using namespace mvr::webhook;

namespace {

std::string master_of(const json& config) {
  const auto definition = read_network(network_object("default", "net", {}, config));
  REQUIRE(definition);
  CHECK(definition->flaw == "");
  return definition->master;
}

std::string flaw_of(const json& object) {
  return read_network(object).value().flaw;
}

Definition spider(json annotations, json spec) {
  return read_spider(spider_object("ai", "rail", std::move(annotations), std::move(spec))).value();
}

}  // namespace

TEST_CASE("a definition is a name, its annotations and its master", "[definition]") {
  const json object = network_object("default", "gpu1-macvlan",
                                     {{kRdma, "rails"},
                                      {kNetwork, "all"},
                                      {kResource, "spidernet.io/gpu1"},
                                      {kRailOrderKey, "-3"}},
                                     {{"type", "macvlan-rdma"}, {"master", "enp2s0"}});
  CHECK(read_network(object) == Definition{.space = "default",
                                           .name = "gpu1-macvlan",
                                           .rdma = "rails",
                                           .network = "all",
                                           .resource = "spidernet.io/gpu1",
                                           .master = "enp2s0",
                                           .rail_order = -3});
  CHECK_FALSE(read_network(json::object()));
  CHECK_FALSE(read_network({{"metadata", {{"name", "x"}}}}));
  CHECK_FALSE(read_network({{"metadata", 7}}));
}

TEST_CASE("the master of a plugin, of a list of plugins, and of several names", "[definition]") {
  CHECK(master_of(nullptr) == "");
  CHECK(master_of("") == "");
  CHECK(master_of({{"type", "bridge"}}) == "");
  CHECK(master_of({{"master", "enp2s0"}}) == "enp2s0");
  CHECK(master_of({{"Master", "enp2s0"}}) == "enp2s0");
  CHECK(master_of({{"master", {"enp2s0", "ens1f0"}}}) == "enp2s0 ens1f0");
  CHECK(master_of({{"master", 7}}) == "");
  CHECK(master_of({{"plugins", {{{"type", "ifacer"}}, 3, {{"master", "bond0"}}}}}) == "bond0");
  CHECK(master_of({{"master", std::string(5000, 'x')}}).size() == 256);
}

TEST_CASE("PCI addresses have the order of their numbers", "[definition]") {
  const std::vector<std::string> addresses{"0000:09:00.0", "0000:0b:00.0", "0000:12:00.0",
                                           "0000:1a:00.0", "0000:1a:0c.0", "0000:1A:11.1",
                                           "0001:00:00.0"};
  std::vector<Definition> definitions;
  for (const std::string& address : addresses) {
    // Their names would sort the other way round.
    const std::string name(1, static_cast<char>('z' - definitions.size()));
    definitions.push_back(
        {.space = "default", .name = name, .master = master_of({{"master", address}})});
  }
  CHECK(std::ranges::is_sorted(definitions, comes_before));
  CHECK(master_of({{"master", "0000:0g:00.0"}}) == "0000:0g:00.0");
}

TEST_CASE("what is wrong with a definition is a flaw, and no reason to lose it", "[definition]") {
  const json none = json::object();
  CHECK_THAT(flaw_of(network_object("a", "b", none, "{")), Catch::Contains("is broken: not JSON"));
  CHECK_THAT(flaw_of(network_object("a", "b", none, "[]")), Catch::Contains("is broken"));
  json object = network_object("a", "b", none);
  object["spec"]["config"] = 5;
  CHECK_THAT(flaw_of(object), Catch::Contains("is broken"));
  CHECK_THAT(flaw_of(network_object("a", "b", none, std::string(200, '['))),
             Catch::Contains("nested deeper"));
  CHECK_THAT(flaw_of(network_object("a", "b", {{kRailOrderKey, "first"}})),
             Catch::Contains("\"first\" is no number"));
}

TEST_CASE("only extended resources are resources", "[definition]") {
  const std::string longest(63, 'x');
  for (const std::string good : {"a/b", "spidernet.io/shared_cx5_gpu1", "rdma/hca_shared.1"}) {
    const auto definition = read_network(network_object("a", "b", {{kResource, good}}));
    CHECK(definition->resource == good);
    CHECK(definition->flaw == "");
  }
  CHECK(read_network(network_object("a", "b", {{kResource, "a/" + longest}}))->flaw == "");
  for (const std::string& bad :
       {std::string("memory"), std::string("/x"), std::string("x/"), std::string("a/b/c"),
        std::string("a/b c"), std::string("kubernetes.io/x"), "a/" + longest + "x"}) {
    const auto definition = read_network(network_object("a", "b", {{kResource, bad}}));
    INFO(bad);
    CHECK(definition->resource == "");
    CHECK_THAT(definition->flaw, Catch::Contains("its resource name"));
  }
}

TEST_CASE("rails have the order of their number, their master, their name", "[definition]") {
  const std::vector<Definition> order{
      {.space = "z", .name = "z", .master = "z", .rail_order = -1},
      {.space = "z", .name = "y", .master = "", .rail_order = 2},
      {.space = "z", .name = "x", .master = "a", .rail_order = 10},
      {.space = "z", .name = "w", .master = "enp2s0"},
      {.space = "a", .name = "v2", .master = "enp10s0"},
      {.space = "b", .name = "v2", .master = "enp10s0"},
      {.space = "a", .name = "v10", .master = "enp10s0"},
      {.space = "a", .name = "a", .master = ""},
      {.space = "a", .name = "b", .master = ""},
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t k = 0; k < order.size(); ++k) {
      INFO(i << " " << k);
      CHECK(comes_before(order[i], order[k]) == (i < k));
    }
  }
}

TEST_CASE("a SpiderMultusConfig of every type", "[definition]") {
  for (const std::string type : {"macvlan", "ipvlan", "vlan"}) {
    const Definition one =
        spider({{kRdma, "r"}},
               {{"cniType", type}, {type, {{"master", {"ens1f0"}}, {"rdmaResourceName", "a/b"}}}});
    CHECK(one ==
          Definition{
              .space = "ai", .name = "rail", .rdma = "r", .resource = "a/b", .master = "ens1f0"});
  }
  CHECK(spider({}, {{"cniType", "sriov"}, {"sriov", {{"resourceName", "a/vf"}}}}).resource ==
        "a/vf");
  CHECK(spider({}, {{"cniType", "ib-sriov"}, {"ibsriov", {{"resourceName", "a/ib"}}}}).resource ==
        "a/ib");
  CHECK(spider({}, {{"cniType", "ipoib"}, {"ipoib", {{"master", "ib0"}}}}).master == "ib0");
  const Definition custom =
      spider({{kResource, "a/c"}},
             {{"cniType", "custom"}, {"customCNI", R"({"type":"macvlan-rdma","master":"ens2"})"}});
  CHECK(custom.master == "ens2");
  CHECK(custom.resource == "a/c");
  CHECK(spider({}, {{"cniType", "custom"}, {"customCNI", "nonsense"}}).flaw != "");
  CHECK(spider({}, nullptr).flaw == "");
}

TEST_CASE("of a bond's members the bond is the master", "[definition]") {
  json spec{{"cniType", "macvlan"},
            {"macvlan", {{"master", {"ens1f0", "ens1f1"}}, {"bond", {{"name", "bond3"}}}}}};
  CHECK(spider({}, spec).master == "bond3");
  spec["macvlan"]["master"] = {"ens1f0"};
  CHECK(spider({}, spec).master == "ens1f0");
}

TEST_CASE("a SpiderMultusConfig may name its network otherwise", "[definition]") {
  CHECK(spider({{"multus.spidernet.io/cr-name", "other"}}, {}).full_name() == "ai/other");
}

TEST_CASE("two objects of one name are one definition", "[definition]") {
  const auto network = std::make_shared<const Definition>(
      Definition{.space = "a", .name = "b", .rdma = "x", .master = "ens1"});
  const auto other = std::make_shared<const Definition>(
      Definition{.space = "a", .name = "b", .rdma = "y", .resource = "r/r", .master = "ens2"});
  CHECK(*unite(network, other) ==
        Definition{.space = "a", .name = "b", .rdma = "x", .resource = "r/r", .master = "ens1"});
  CHECK(unite(network, nullptr) == network);
  CHECK(unite(nullptr, other) == other);
  CHECK(unite(other, network) == other);
}
