// SPDX-License-Identifier: Apache-2.0
// What a configuration says about the link, its MAC address, and the questions asked on it.
#include <array>

#include "unit/netconf_fixture.hpp"

using mvr::Code;
using mvr::Error;
using mvr::cni::Args;
using mvr::cni::DadMode;
using mvr::cni::NetConf;
using mvr::cni::ParsedConf;
using mvr::cni::ProbePolicy;
using mvr::ip::Mac;
using namespace std::chrono_literals;
using namespace mvr::cni::test;

namespace {

using Prefix = std::array<std::uint8_t, 2>;

const std::string kIpam = R"("ipam":{"type":"host-local"})";
const std::string kPrefix = R"("podMACPrefix":"0a:58",)" + kIpam;

/// Asserts that nothing is left of a prefix that cannot be used.
Error refuse_prefix(const std::string& members, const std::string& defaults = "{}",
                    const Args& args = {}) {
  CHECK_FALSE(parse(members, defaults, args).conf.mac_prefix);
  return refuse(members, defaults, args);
}

}  // namespace

TEST_CASE("values of the link's switches", "[cni][netconf]") {
  const NetConf conf = accept(R"("promisc":true,"allmulti":true,"vlan":4094,"announce":10)");
  CHECK(conf.promisc);
  CHECK(conf.allmulti);
  CHECK(conf.vlan == 4094);
  CHECK(conf.announce == 10);
  CHECK(accept(R"("vlan":0,"announce":0)").vlan == 0);
  CHECK(refuse(R"("vlan":4095)").msg == "vlan 4095: must be an integer from 0 to 4094");
  CHECK(refuse(R"("vlan":"100")").msg == R"(vlan "100": must be an integer from 0 to 4094)");
  CHECK(refuse(R"("announce":11)").msg == "announce 11: must be an integer from 0 to 10");
  CHECK(refuse(R"("promisc":1)").msg == "promisc 1: must be true or false");
}

TEST_CASE("a prefix for MAC addresses", "[cni][netconf]") {
  CHECK(accept(kPrefix).mac_prefix == Prefix{0x0a, 0x58});
  CHECK(accept(R"("podMACPrefix":"FE-ff",)" + kIpam).mac_prefix == Prefix{0xfe, 0xff});
  CHECK_FALSE(accept(R"("podMACPrefix":"")").mac_prefix);
  CHECK_FALSE(accept("").mac_prefix);
  CHECK(refuse_prefix(R"("podMACPrefix":"0a")").msg ==
        R"(podMACPrefix "0a": must be two octets such as "0a:58", or "" for none)");
  CHECK(refuse_prefix(R"("podMACPrefix":"01:58")").msg ==
        R"(podMACPrefix "01:58": has the group bit set; the first octet must be even, as in )"
        R"("0a:58")");
}

TEST_CASE("a prefix and a MAC address exclude each other", "[cni][netconf]") {
  const std::string rule = "which is a whole MAC address; leave out one of the two";
  CHECK(refuse_prefix(R"("mac":"02:00:00:00:00:01",)" + kPrefix).msg ==
        R"(podMACPrefix "0a:58": not allowed with mac 02:00:00:00:00:01, )" + rule);
  CHECK(contains(refuse_prefix(R"("runtimeConfig":{"mac":"02:00:00:00:00:04"},)" + kPrefix).msg,
                 "with runtimeConfig.mac 02:00:00:00:00:04, " + rule));
  CHECK(contains(refuse_prefix(R"("args":{"cni":{"mac":"02:00:00:00:00:03"}},)" + kPrefix).msg,
                 "with args.cni.mac 02:00:00:00:00:03, " + rule));
  Args args;
  args.mac = Mac::parse("02:00:00:00:00:02");
  CHECK(contains(refuse_prefix(kPrefix, "{}", args).msg, "with CNI_ARGS MAC 02:00:00:00:00:02, "));
  CHECK(accept(R"("mac":"","runtimeConfig":{"mac":""},)" + kPrefix).mac_prefix);
}

TEST_CASE("a prefix needs a free MAC address and an address that comes after it",
          "[cni][netconf]") {
  const Error passthru = refuse_prefix(R"("mode":"passthru",)" + kPrefix);
  CHECK(passthru.code == Code::bad_config);
  CHECK(contains(passthru.msg, R"(podMACPrefix "0a:58": not allowed with mode "passthru")"));
  CHECK(contains(refuse_prefix(R"("podMACPrefix":"0A-58","ipam":{"type":"dhcp"})").msg,
                 R"(podMACPrefix "0a:58": not allowed with ipam.type "dhcp")"));
  CHECK(contains(refuse_prefix(R"("podMACPrefix":"0a:58")").msg, "needs an address"));
}

TEST_CASE("a prefix of the defaults file", "[cni][netconf]") {
  const std::string defaults = R"({"podMACPrefix":"0a:58"})";
  CHECK(accept(kIpam, defaults).mac_prefix == Prefix{0x0a, 0x58});
  CHECK_FALSE(accept(R"("podMACPrefix":"","mac":"02:00:00:00:00:01")", defaults).mac_prefix);
  refuse_prefix(R"("mac":"02:00:00:00:00:01",)" + kIpam, defaults);
}

TEST_CASE("the conflict probe is configured as the gateway probe is", "[cni][netconf]") {
  CHECK(accept(R"("conflictProbe":true)").conflict_probe.policy == ProbePolicy::fail);
  CHECK(accept(R"("conflictProbe":false)").conflict_probe.policy == ProbePolicy::off);
  const NetConf conf = accept(R"("conflictProbe":{"policy":"warn","Interval":"1.5s"})");
  CHECK(conf.conflict_probe.policy == ProbePolicy::warn);
  CHECK(conf.conflict_probe.attempts == 3);
  CHECK(conf.conflict_probe.interval == 1500ms);
  CHECK(conf.gateway_probe.policy == ProbePolicy::fail);
  CHECK(conf.gateway_probe.interval == 100ms);
  CHECK(refuse(R"("conflictProbe":"off")").msg ==
        R"(conflictProbe "off": must be true, false or an object with policy, attempts and )"
        "interval");
  CHECK(contains(refuse(R"("conflictProbe":{"interval":10})").msg,
                 "conflictProbe.interval 10: must be a string with a unit"));
}

TEST_CASE("each probe has to end within the timeout", "[cni][netconf]") {
  CHECK(refuse(R"("conflictProbe":{"attempts":50,"interval":"100ms"},"timeout":"4s")").msg ==
        "conflictProbe: attempts 50 × interval 100ms is 5000ms: must be at most timeout, which is "
        "4000ms");
  accept(R"("conflictProbe":{"attempts":50,"interval":"100ms"},"timeout":"5s")");
  const std::string both = R"({"attempts":1000,"interval":"1s"})";
  CHECK(parse("\"gatewayProbe\":" + both + ",\"conflictProbe\":" + both).problems.size() == 2);
}

TEST_CASE("settings of IPv6", "[cni][netconf]") {
  const NetConf conf = accept(R"("ipv6":{"dad":"kernel","acceptRA":true})");
  CHECK(conf.ipv6.dad == DadMode::kernel);
  CHECK(conf.ipv6.accept_ra);
  CHECK(accept(R"("ipv6":{"dad":"off"})").ipv6.dad == DadMode::off);
  CHECK(accept(R"("ipv6":{"dad":"probe"})").ipv6.dad == DadMode::probe);
  CHECK(refuse(R"("ipv6":{"dad":false})").msg ==
        R"(ipv6.dad false: must be "probe", "kernel" or "off")");
  CHECK(refuse(R"("ipv6":true)").msg == "ipv6 true: must be an object with dad and acceptRA");
  const ParsedConf parsed = parse(R"("ipv6":{"dad":"on","acceptRA":true,"acceptRAs":1})");
  CHECK(parsed.problems.size() == 1);
  CHECK(parsed.conf.ipv6.accept_ra);
  CHECK(contains(parsed.warnings.at(0), "did you mean acceptRA?"));
}
