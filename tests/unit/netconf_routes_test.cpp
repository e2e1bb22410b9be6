// SPDX-License-Identifier: Apache-2.0
// What a configuration says about routes, in both families.
#include "unit/netconf_fixture.hpp"

using mvr::Code;
using mvr::Error;
using mvr::cni::NetConf;
using mvr::cni::ParsedConf;
using mvr::cni::PolicyRoute;
using mvr::ip::Address;
using mvr::ip::Prefix;
using namespace mvr::cni::test;

namespace {

/// A configuration with these elements of policyRoutes.
std::string routes(const std::string& elements) {
  return "\"policyRoutes\":[" + elements + ']';
}

std::string route(const std::string& dst, const std::string& gw) {
  return R"({"dst":")" + dst + R"(","gw":")" + gw + "\"}";
}

PolicyRoute make_route(std::string_view dst, std::string_view gw) {
  return {*Prefix::parse(dst), *Address::parse(gw)};
}

}  // namespace

TEST_CASE("prefixes and addresses of both families", "[cni][netconf]") {
  const NetConf conf = accept(
      R"("overlayPodCIDR":["10.233.64.0/18","fd00:10:233:40::/58"],"serviceCIDR":["FD00::/108"],
         "hijackCIDR":["fd00:1::1/128"],"hostAddresses":["10.1.20.4","fd00:10:1::4"])");
  REQUIRE(conf.overlay_pod_cidr.size() == 2);
  CHECK(conf.overlay_pod_cidr[1].to_string() == "fd00:10:233:40::/58");
  CHECK(conf.service_cidr.at(0).to_string() == "fd00::/108");
  CHECK(conf.hijack_cidr.at(0).to_string() == "fd00:1::1/128");
  REQUIRE(conf.host_addresses);
  CHECK(conf.host_addresses->at(1).to_string() == "fd00:10:1::4");
}

TEST_CASE("a refusal of an IPv6 prefix says what is allowed", "[cni][netconf]") {
  for (const std::string key : {"overlayPodCIDR", "serviceCIDR", "hijackCIDR"}) {
    const auto problem = [&key](const std::string& value) {
      const Error error = refuse('"' + key + R"(":["10.0.0.0/8",")" + value + "\"]");
      CHECK(error.code == Code::bad_config);
      CHECK(error.msg.starts_with(key + "[1] \"" + value + "\": "));
      return error.msg;
    };
    CHECK(contains(problem("fd00:10:233:40::1/58"),
                   R"(has host bits set, probably "fd00:10:233:40::/58" was meant)"));
    CHECK(contains(problem("::/0"), "the default route is not allowed here, name the networks"));
    CHECK(contains(problem("fd00::/129"), R"("10.233.64.0/18" or "fd00:10:233::/48")"));
    CHECK(contains(problem("fd00::"), "must be a prefix such as"));
  }
}

TEST_CASE("addresses that the node cannot have", "[cni][netconf]") {
  for (const char* bad : {"::", "::1", "ff02::1", "fd00::1/64", "fd00::1%eth0", "node1", ""}) {
    const Error problem = refuse(std::string(R"("hostAddresses":[")") + bad + "\"]");
    CHECK(contains(problem.msg, std::string("hostAddresses[0] \"") + bad + '"'));
    CHECK(contains(problem.msg, R"(unicast address of the node, such as "10.1.20.4" or "fd00:)"));
  }
  CHECK(contains(refuse(R"("hostAddresses":["febf::1"])").msg, "is link-local"));
  CHECK(accept(R"("hostAddresses":["fec0::1"])").host_addresses->size() == 1);
}

TEST_CASE("policy routes", "[cni][netconf]") {
  const std::string both =
      route("10.9.0.0/16", "172.16.11.254") + ',' + route("fd00:9::/32", "fe80::1");
  CHECK(accept(routes(both)).policy_routes ==
        std::vector{make_route("10.9.0.0/16", "172.16.11.254"),
                    make_route("fd00:9::/32", "fe80::1")});
  CHECK(accept("").policy_routes.empty());
  const std::string defaults = '{' + routes(both) + '}';
  CHECK(accept("", defaults).policy_routes.size() == 2);
  CHECK(accept(routes(""), defaults).policy_routes.empty());
}

TEST_CASE("a refusal of a policy route says what is allowed", "[cni][netconf]") {
  CHECK(
      refuse(routes(route("10.9.0.7/16", "172.16.11.254"))).msg ==
      R"(policyRoutes[0].dst "10.9.0.7/16": has host bits set, probably "10.9.0.0/16" was meant)");
  CHECK(refuse(routes(route("0.0.0.0/0", "172.16.11.254"))).msg ==
        R"(policyRoutes[0].dst "0.0.0.0/0": the default route is not allowed here, it goes by the )"
        "gateway that IPAM gives");
  CHECK(refuse(routes(route("10.9.0.0/16", "fe80::1"))).msg ==
        R"(policyRoutes[0] {"dst":"10.9.0.0/16","gw":"fe80::1"}: dst and gw must both be IPv4 or )"
        "both be IPv6");
  CHECK(refuse(routes(route("10.9.0.0/16", "172.16.11.254/24"))).msg ==
        R"(policyRoutes[0].gw "172.16.11.254/24": must be the unicast address of a gateway, such )"
        R"(as "172.16.11.254")");
  CHECK(contains(refuse(routes(R"({"dst":"10.9.0.0/16"})")).msg,
                 R"(policyRoutes[0] {"dst":"10.9.0.0/16"}: must be an object with dst and gw)"));
  CHECK(contains(refuse(routes("5")).msg, "policyRoutes[0] 5: must be an object with dst and gw"));
  CHECK(contains(refuse(R"("policyRoutes":{})").msg, "policyRoutes {}: must be a list of routes"));
}

TEST_CASE("every problem of the policy routes is found, the others are read", "[cni][netconf]") {
  const std::string good = route("10.9.0.0/16", "172.16.11.254");
  const ParsedConf parsed =
      parse(routes(R"({"dst":"x","gw":"y"},)" + good + ',' + route("10.9.0.0/16", "172.16.11.253") +
                   R"(,{"dst":"10.8.0.0/16","gw":"172.16.11.254","mtu":9000})"));
  CHECK(parsed.problems.size() == 3);
  CHECK(parsed.conf.policy_routes == std::vector{make_route("10.9.0.0/16", "172.16.11.254"),
                                                 make_route("10.8.0.0/16", "172.16.11.254")});
  CHECK(contains(parsed.problems.back().msg, "policyRoutes[2] {"));
  CHECK(contains(parsed.problems.back().msg, "another route has the same dst"));
  REQUIRE(parsed.warnings.size() == 1);
  CHECK(contains(parsed.warnings.front(), "policyRoutes[3].mtu 9000: unknown key"));
}

TEST_CASE("who owns the default route, and the node's table", "[cni][netconf]") {
  const NetConf conf =
      accept(R"("podDefaultRouteNic":"net8","hostRuleTable":500,"tunePodRoutes":false)");
  CHECK(conf.default_route_nic == "net8");
  CHECK(conf.host_rule_table == 500);
  CHECK_FALSE(conf.tune_pod_routes);
  CHECK(accept(R"("podDefaultRouteNic":"")", R"({"podDefaultRouteNic":"net8"})")
            .default_route_nic.empty());
  CHECK(refuse(R"("podDefaultRouteNic":"a/b")").msg ==
        R"(podDefaultRouteNic "a/b": must be the name of an interface, 1 to 15 bytes, or "" for )"
        "the overlay NIC");
  for (const char* table : {"253", "254", "255"}) {
    CHECK(refuse(std::string("\"hostRuleTable\":") + table).msg ==
          std::string("hostRuleTable ") + table +
              ": must not be one of the kernel's tables 253, 254 and 255");
  }
}
