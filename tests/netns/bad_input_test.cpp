// SPDX-License-Identifier: Apache-2.0
// Values that cannot work: each is refused with its key, its value and what is allowed.
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

struct Bad {
  json patch;
  std::vector<std::string> words;  ///< key, value, what is allowed
  int code = 7;
};

/// Refused one after the other in one world, which stays as it is.
void expect_all(const std::vector<Bad>& cases) {
  const Refusals refusals;
  for (const Bad& bad : cases) {
    INFO(bad.patch.dump());
    const Answer answer = refusals.expect(bad.patch, bad.code, bad.words);
    CHECK(answer.message().starts_with("net1: "));
  }
}

}  // namespace

TEST_CASE("values of another type are refused", "[bad-input]") {
  const std::string boolean = "must be true or false";
  const std::string cidrs = "must be a list of prefixes such as [\"10.233.64.0/18\"]";
  expect_all(
      {{{{"mtu", "1500"}}, {"mtu \"1500\"", "must be an integer from 0 to 65535"}},
       {{{"mtu", 1500.0}}, {"mtu 1500.0", "must be an integer"}},
       {{{"mtu", true}}, {"mtu true", "must be an integer"}},
       {{{"mode", 1}}, {"mode 1", "\"bridge\""}},
       {{{"master", 7}}, {"master 7", "must be the name of a network interface"}},
       {{{"master", {"ens1", 7}}}, {"master[1] 7", "network interface"}},
       {{{"mac", 2}}, {"mac 2", "unicast"}},
       {{{"linkInContainer", "true"}}, {"linkInContainer \"true\"", boolean}},
       {{{"strictArp", 1}}, {"strictArp 1", boolean}},
       {{{"strict", "no"}}, {"strict \"no\"", boolean}},
       {{{"txQueueLen", -1}}, {"txQueueLen -1", "from 0 to 4294967295"}},
       {{{"bcqueuelen", 4294967296}}, {"bcqueuelen 4294967296", "from 0 to 4294967295"}},
       {{{"overlayPodCIDR", "10.233.64.0/18"}}, {"overlayPodCIDR", cidrs}},
       {{{"serviceCIDR", {{"a", 1}}}}, {"serviceCIDR", cidrs}},
       {{{"hostAddresses", "10.1.20.4"}}, {"hostAddresses \"10.1.20.4\"", "a list"}},
       {{{"podRPFilter", "2"}}, {"podRPFilter \"2\"", "from -1 to 2"}},
       {{{"timeout", 100}}, {"timeout 100", "a string with a unit (ms, s, m, h)"}},
       {{{"gatewayProbe", "on"}}, {"gatewayProbe \"on\"", "must be true, false or an object"}},
       {{{"rdma", true}}, {"rdma true", "\"auto\""}},
       {{{"sysctls", json::array()}}, {"sysctls []", "must be an object of strings"}},
       {{{"ipam", "host-local"}}, {"ipam \"host-local\"", "an object with the type"}},
       {{{"ipam", {{"type", nullptr}, {"x", 1}}}}, {"ipam", "type"}},
       {{{"dns", {{"nameservers", "10.0.0.1"}}}}, {"dns.nameservers", "array of strings"}},
       {{{"runtimeConfig", 1}}, {"runtimeConfig 1", "must be an object"}},
       {{{"args", {{"cni", 1}}}}, {"args.cni 1", "must be an object"}},
       {{{"type", 1}}, {"type 1", "must be a string"}},
       {{{"name", 1}}, {"name 1", "letters, digits"}}});
}

TEST_CASE("words and numbers that are not allowed are refused", "[bad-input]") {
  expect_all(
      {{{{"mode", "ipvlan"}}, {"mode \"ipvlan\"", "\"bridge\", \"private\", \"vepa\" or"}},
       {{{"mtu", 67}}, {"mtu 67", "0 (the master's) or from 68"}},
       {{{"mtu", 1501}}, {"mtu 1501", "0 to 1500", "the MTU of master " + rail_master(1)}},
       {{{"mtu", 65536}}, {"mtu 65536", "to 65535"}},
       {{{"mac", "01:00:5e:00:00:01"}}, {"mac \"01:00:5e:00:00:01\"", "unicast"}},
       {{{"mac", "00:00:00:00:00:00"}}, {"mac \"00:00:00:00:00:00\"", "unicast"}},
       {{{"mac", "02:00:5e:10:00"}}, {"mac \"02:00:5e:10:00\"", "unicast"}},
       {{{"mac", "02:00:5e:10:00:01"}, {"mode", "passthru"}}, {"mac", "passthru", "master's MAC"}},
       {{{"podRPFilter", 3}}, {"podRPFilter 3", "from -1 to 2"}},
       {{{"logLevel", "trace"}}, {"logLevel \"trace\"", "\"debug\", \"info\", \"warn\" or"}},
       {{{"timeout", "999ms"}}, {"timeout \"999ms\"", "from \"1s\" to \"3600s\""}},
       {{{"timeout", "61m"}}, {"timeout \"61m\"", "3600s"}},
       {{{"timeout", "ten"}}, {"timeout \"ten\"", "unit"}},
       {{{"gatewayProbe", {{"policy", "maybe"}}}}, {"gatewayProbe.policy \"maybe\"", "\"warn\""}},
       {{{"gatewayProbe", {{"attempts", 0}}}}, {"gatewayProbe.attempts 0", "from 1 to 1000"}},
       {{{"gatewayProbe", {{"interval", "0ms"}}}}, {"gatewayProbe.interval \"0ms\"", "\"1ms\""}},
       {{{"gatewayProbe", {{"attempts", 50}, {"interval", "100ms"}}}, {"timeout", "1s"}},
        {"gatewayProbe", "attempts 50", "5000ms", "at most timeout, which is 1000ms"}},
       {{{"podDefaultCniNic", "a/b"}}, {"podDefaultCniNic \"a/b\"", "1 to 15 bytes"}},
       {{{"deviceID", "0"}, {"master", "nowhere"}}, {"master \"nowhere\"", "on this node"}, 100}});
}

TEST_CASE("prefixes and addresses that are none are refused", "[bad-input]") {
  const std::string example = "must be a prefix such as \"10.233.64.0/18\"";
  for (const std::string key : {"overlayPodCIDR", "serviceCIDR", "hijackCIDR"}) {
    const auto bad = [&key](const char* value, const std::string& allowed) {
      return Bad{{{key, {"10.0.0.0/8", value}}}, {key + "[1] \"" + value + '"', allowed}};
    };
    expect_all({bad("10.233.64.0", example), bad("10.233.64.0/33", example),
                bad("10.233.64/18", example), bad("10.233.64.0/18 ", example), bad("", example),
                bad("10.233.64.7/18", "probably \"10.233.64.0/18\" was meant"),
                bad("0.0.0.0/0", "default route is not allowed here"),
                bad("fd00::1/64", "probably \"fd00::/64\" was meant"), bad("fd00::/129", example)});
  }
  expect_all({{{{"hostAddresses", {"10.1.20.4/16"}}}, {"hostAddresses[0] \"10.1.20.4/16\""}},
              {{{"hostAddresses", {"127.0.0.1"}}}, {"hostAddresses[0]", "unicast address"}},
              {{{"hostAddresses", {"224.0.0.1"}}}, {"hostAddresses[0]", "unicast address"}},
              {{{"hostAddresses", {"fe80::1"}}}, {"hostAddresses[0]", "link-local"}}});
}

TEST_CASE("the kernel's tables and priorities are refused", "[bad-input]") {
  expect_all({{{{"routeTable", 253}}, {"routeTable 253", "253, 254 and 255"}},
              {{{"routeTable", 254}}, {"routeTable 254", "253, 254 and 255"}},
              {{{"routeTable", 255}}, {"routeTable 255", "253, 254 and 255"}},
              {{{"routeTableBase", 0}}, {"routeTableBase 0", "from 1 to"}},
              {{{"routeTableBase", 254}}, {"routeTableBase 254", "253, 254 and 255"}},
              {{{"routeTableBase", 252}},
               {"routing table 253", "routeTableBase 252 + 1", "reserved"},
               108},
              {{{"rulePriorityBase", 32766}}, {"rulePriorityBase 32766", "to 32765"}},
              {{{"rulePriorityBase", 32665}},
               {"32766", "rulePriorityBase 32665 + routing table 101", "below 32766"},
               108},
              {{{"routeTable", 4294967295}},
               {"routing table 4294967295", "below 32766", "routeTable"},
               108}});
}

TEST_CASE("a table or priority of others is refused with its user", "[bad-input]") {
  Refusals refusals;
  ip_batch("pod",
           "rule add from 10.9.0.1 lookup 300 priority 50\n"
           "rule add from 10.9.0.2 lookup 301 priority 32150\n"
           "rule add from 10.9.0.3 lookup 400 priority 51\n"
           "route add 10.9.0.0/16 dev eth0 table 302\n");
  refusals.look_again();
  refusals.expect({{"routeTable", 300}}, 108,
                  {"routing table 300 (routeTable) is in use by the rule", "10.9.0.1"});
  refusals.expect({{"routeTable", 150}}, 108,
                  {"rule priority 32150", "rulePriorityBase 32000", "10.9.0.2"});
  refusals.expect({{"routeTable", 302}}, 108,
                  {"routing table 302 (routeTable) is in use by the route", "10.9.0.0/16", "eth0"});
  refusals.expect(
      {{"routeTableBase", 400}}, 108,
      {"routing table 400 (routeTableBase, for eth0) is in use by the rule", "10.9.0.3"});
  refusals.expect({{"routeTable", 100}}, 108, {"routing table 100", "routeTableBase"});
}

TEST_CASE("a master that is not there is refused with all that were tried", "[bad-input]") {
  const Refusals refusals;
  refusals.expect({{"master", "nowhere"}}, 100, {"master \"nowhere\"", "no such interface"});
  refusals.expect({{"master", {"ens1", "ens2"}}}, 100, {"\"ens1\", \"ens2\"", "on this node"});
  refusals.expect({{"master", "0000:0b:00.0"}}, 100, {"0000:0b:00.0", "device with a netdev"});
  refusals.expect({{"master", "lo"}}, 100, {"master lo", "no Ethernet interface"});
  refusals.expect({{"master", rail_master(1)}, {"linkInContainer", true}}, 100,
                  {rail_master(1), "in the pod (linkInContainer)"});
  refusals.expect({{"master", nullptr}, {"deviceID", "0000:0b:00.0"}}, 100,
                  {"deviceID \"0000:0b:00.0\"", "no netdev"});
}

TEST_CASE("an interface name that is taken is refused", "[bad-input]") {
  Refusals refusals;
  ip_batch("pod", "link add net1 type veth peer name other\n");
  refusals.look_again();
  refusals.expect(json::object(), 101, {"net1: ", "interface of this name is in the pod already"});
  Call call = refusals.call();
  call.ifname = "eth0";
  refusals.expect_call(call, 101, {"eth0: ", "in the pod already"});
}

TEST_CASE("names with path separators are refused", "[bad-input]") {
  expect_all({{{{"name", "a/b"}}, {"name \"a/b\"", "letters, digits"}},
              {{{"name", "../../etc/passwd"}}, {"name \"../../etc/passwd\"", "letters, digits"}},
              {{{"name", ".."}}, {"name \"..\"", "letter or digit"}},
              {{{"name", ""}}, {"name: missing network name"}},
              {{{"name", nullptr}}, {"name: missing network name"}},
              {{{"name", std::string(256, 'x')}}, {"name \"xxx", "at most 255"}},
              {{{"master", "../eth0"}}, {"master \"../eth0\"", "without '/'"}},
              {{{"ipam", {{"type", "../bin/sh"}}}}, {"ipam.type \"../bin/sh\"", "without '/'"}},
              {{{"ipam", {{"type", ".."}}}}, {"ipam.type \"..\"", "file name"}},
              {{{"logFile", "log"}}, {"logFile \"log\"", "absolute path"}},
              {{{"logFile", "/run/../etc/log"}}, {"logFile", "without \"..\""}},
              {{{"stateDir", "state"}}, {"stateDir \"state\"", "absolute path"}},
              {{{"stateDir", ""}}, {"stateDir \"\"", "absolute path"}},
              {{{"defaultsFile", "../x"}}, {"defaultsFile \"../x\"", "absolute path"}}});
}

TEST_CASE("sysctls of anything but the NIC are refused", "[bad-input]") {
  const auto bad = [](const char* key, const json& value = "1") {
    return Bad{{{"sysctls", {{key, value}}}},
               {std::string("sysctls.") + key, "net.ipv4.conf.IFNAME.forwarding"}};
  };
  expect_all({bad("net.ipv4.conf.eth0.forwarding"), bad("net.ipv4.ip_forward"),
              bad("kernel.IFNAME.panic"), bad("net.ipv4.conf.all.forwarding"),
              bad("net/ipv4/conf/IFNAME/../all/forwarding"), bad("net/ipv4/conf/../IFNAME/x"),
              bad("net.IFNAME.x"), bad("net.ipv4.conf.IFNAME"), bad("net//conf/IFNAME/x"),
              bad("/net/ipv4/conf/IFNAME/forwarding"), bad("net.ipv4.IFNAME.IFNAME.x")});
  expect_all(
      {{{{"sysctls", {{"net.ipv4.conf.IFNAME.forwarding", 1}}}},
        {"sysctls.net.ipv4.conf.IFNAME.forwarding 1", "must be a string"}},
       {{{"sysctls", {{"net.ipv4.conf.IFNAME.forwarding", "1\n"}}}},
        {"sysctls.net.ipv4.conf.IFNAME.forwarding", "without control characters"}},
       {{{"sysctls",
          {{"net.ipv4.conf.IFNAME.forwarding", "1"}, {"net/ipv4/conf/IFNAME/forwarding", "0"}}}},
        {"two keys name the same sysctl net/ipv4/conf/IFNAME/forwarding"}}});
}

TEST_CASE("a sysctl that the kernel does not have, or not with that value, undoes all",
          "[bad-input]") {
  const Refusals refusals;
  refusals.expect({{"sysctls", {{"net.ipv4.conf.IFNAME.no_such", "1"}}}}, 101,
                  {"net1: ", "no_such"});
  refusals.expect({{"sysctls", {{"net.ipv4.conf.IFNAME.forwarding", "many"}}}}, 101,
                  {"net1: ", "forwarding", "many"});
}

TEST_CASE("a stateDir that others can write is refused", "[bad-input]") {
  Refusals refusals;
  const std::string dir = "/run/test/open";
  put_file(dir + "/x", "");
  run({.argv = {"chmod", "0777", dir}});
  refusals.expect({{"stateDir", dir}}, 5, {dir, "writable by nobody else"});
  refusals.expect({{"stateDir", dir + "/x"}}, 5, {dir + "/x"});
  refusals.expect({{"stateDir", "/run/test/no/such/dir"}}, 5, {"/run/test/no/such/dir"});
}
