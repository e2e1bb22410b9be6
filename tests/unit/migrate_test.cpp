// SPDX-License-Identifier: Apache-2.0
// What `migrate` makes of other plugins' networks. Files, results and notes are below
// tests/golden/migrate.
#include "ops/migrate.hpp"

#include <algorithm>

#include "ops/validate.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/print.hpp"

using namespace mvr::ops;
using namespace mvr::test;
using nlohmann::json;

namespace {

std::string list(const std::string& kind, const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& one : findings) {
    text += kind + std::to_string(one.line) + ": " + one.object + ": " + one.text + '\n';
  }
  return text;
}

std::string notes_of(const Migration& migration) {
  return list("same ", migration.same) + list("changed ", migration.changes) +
         list("lost ", migration.losses) + list("problem ", migration.problems);
}

json chain_of(std::vector<json> behind) {
  json plugins = json::array({{{"type", "macvlan"}, {"master", "ens1f0"}}});
  std::ranges::copy(behind, std::back_inserter(plugins));
  return {{"cniVersion", "1.0.0"}, {"name", "rail1"}, {"plugins", plugins}};
}

json migrate_with(const json& plugin) {
  return unwrap(migrate_chain(chain_of({plugin}), "")).value;
}

}  // namespace

TEST_CASE("migrate makes networks of ours, and says what has changed", "[migrate]") {
  const std::string name =
      GENERATE("chain.yaml", "spider.yaml", "chain.conflist", "list.json", "refused.yaml");
  const Migration migration = migrate_file({name, read_golden("migrate/" + name)});
  check_golden("migrate/" + name + ".out", migration.text);
  check_golden("migrate/" + name + ".notes", notes_of(migration));
}

TEST_CASE("what migrate makes passes validate", "[migrate]") {
  const std::string name = GENERATE("chain.yaml", "spider.yaml", "chain.conflist", "list.json");
  const Migration migration = migrate_file({name, read_golden("migrate/" + name)});
  const Report report = validate({{name, migration.text}}, std::nullopt);
  INFO(to_text(report, Painter(false)));
  CHECK(report.count(Severity::problem) == 0);
  for (const Finding& finding : report.findings) {
    CHECK(finding.text == "type \"portmap\": is another plugin, passed over");
  }
  CHECK(report.networks >= 1);
}

TEST_CASE("what is migrated stays as it is the next time", "[migrate]") {
  const std::string name = GENERATE("chain.yaml", "spider.yaml", "chain.conflist", "list.json");
  const Migration first = migrate_file({name, read_golden("migrate/" + name)});
  const Migration second = migrate_file({name, first.text});
  CHECK(second.text == first.text);
  CHECK(second.problems.empty());
  CHECK(second.losses.empty());
  CHECK(second.changes.empty());
  CHECK_FALSE(second.same.empty());
  for (const Finding& finding : second.same) {
    CHECK((finding.text == "it is a network of macvlan-rdma already" ||
           finding.text.ends_with("is no network")));
  }
}

TEST_CASE("plugins that are not replaced stay where they are", "[migrate]") {
  json chain = chain_of({{{"type", "sbr"}},
                         {{"type", "portmap"}, {"capabilities", {{"portMappings", true}}}},
                         {{"type", "tuning"}, {"mtu", 9000}},
                         {{"type", "firewall"}}});
  chain["disableCheck"] = true;
  chain["plugins"].insert(chain["plugins"].begin(), json::object({{"type", "first"}}));
  const Migrated migrated = unwrap(migrate_chain(chain, ""));
  CHECK(migrated.value == json{{"cniVersion", "1.0.0"},
                               {"name", "rail1"},
                               {"disableCheck", true},
                               {"plugins",
                                {{{"type", "first"}},
                                 {{"type", "macvlan-rdma"}, {"master", "ens1f0"}, {"mtu", 9000}},
                                 {{"type", "portmap"}, {"capabilities", {{"portMappings", true}}}},
                                 {{"type", "firewall"}}}}});
  CHECK(std::ranges::count(migrated.notes, true, &Note::is_same) == 3);
  CHECK(std::ranges::count(migrated.notes, true, &Note::is_lost) == 0);
}

TEST_CASE("a chain of the four plugins keeps what they were told", "[migrate]") {
  const json ours = migrate_with({{"type", "tuning"},
                                  {"mac", "02:00:5e:10:00:01"},
                                  {"mtu", 9000},
                                  {"promisc", true},
                                  {"allmulti", true},
                                  {"txQLen", 500},
                                  {"sysctl", {{"net/ipv4/conf/net1/forwarding", "1"}}}});
  CHECK(ours == json{{"cniVersion", "1.0.0"},
                     {"name", "rail1"},
                     {"type", "macvlan-rdma"},
                     {"master", "ens1f0"},
                     {"mac", "02:00:5e:10:00:01"},
                     {"mtu", 9000},
                     {"promisc", true},
                     {"allmulti", true},
                     {"txQueueLen", 500},
                     {"sysctls", {{"net/ipv4/conf/IFNAME/forwarding", "1"}}}});
  CHECK(migrate_with({{"type", "rdma"}}).at("rdma") == "exclusive");
  CHECK(migrate_with({{"type", "rdma"}, {"deviceID", "0000:0b:00.0"}}).at("deviceID") ==
        "0000:0b:00.0");
  CHECK(migrate_with({{"type", "sbr"}, {"table", 200}}).at("routeTable") == 200);
  CHECK_FALSE(migrate_with({{"type", "sbr"}}).contains("routeTable"));
}

TEST_CASE("the coordinator's table on the node is kept, said or not", "[migrate]") {
  const auto table_with = [](json more) {
    more["type"] = "coordinator";
    return migrate_with(more).value("hostRuleTable", -1);
  };
  CHECK(table_with({}) == 500);
  CHECK(table_with({{"hostRuleTable", 600}}) == 600);
  CHECK(table_with({{"hostRuleTable", 0}}) == 0);
  CHECK(table_with({{"mode", "disabled"}}) == -1);
}

TEST_CASE("CIDRs that nobody asked the cluster for are not missed", "[migrate]") {
  const auto count_losses = [](const json& plugin) {
    const auto notes = unwrap(migrate_chain(chain_of({plugin}), "")).notes;
    return std::ranges::count(notes, true, &Note::is_lost);
  };
  CHECK(count_losses({{"type", "coordinator"}}) == 2);
  CHECK(count_losses({{"type", "coordinator"}, {"podCIDRType", "none"}}) == 0);
  CHECK(count_losses({{"type", "coordinator"},
                      {"overlayPodCIDR", {"10.233.64.0/18"}},
                      {"serviceCIDR", {"10.233.0.0/18"}}}) == 0);
}

TEST_CASE("without a macvlan nothing is migrated", "[migrate]") {
  for (const json& chain :
       {json{{"type", "ipvlan"}}, json::object(), json{{"plugins", json::array()}}, json(1),
        json{{"plugins", {1, nullptr, {{"type", 7}}}}}}) {
    const auto migrated = migrate_chain(chain, "name");
    REQUIRE_FALSE(migrated);
    CHECK(migrated.error().code == mvr::Code::bad_config);
  }
}

TEST_CASE("migrate takes values of any type without harm", "[migrate]") {
  const json value = GENERATE(json(), json(-7), json("x"), json::array({1, json::object()}),
                              json{{"cni", {{"args", {{"args", 1}}}}}, {"name", 1}}, json(true));
  for (const char* type : {"macvlan", "rdma", "sbr", "tuning", "coordinator", "ifacer"}) {
    json plugin{{"type", type}};
    for (const char* key :
         {"master", "ipam", "args", "capabilities", "sysctl", "table", "gateways", "mode",
          "overlayPodCIDR", "hostRuleTable", "podRPFilter", "detectGateway", "detectOptions",
          "logOptions", "policyRoutes", "vlanID", "interfaces", "bond", "mtu"}) {
      plugin[key] = value;
    }
    CHECK(migrate_chain(chain_of({plugin}), ""));
    const json spider{
        {"kind", "SpiderMultusConfig"},
        {"metadata", value},
        {"spec", {{"cniType", "macvlan"}, {"macvlan", value}, {"coordinator", value}}}};
    CHECK(expand_spider(spider));
  }
}
