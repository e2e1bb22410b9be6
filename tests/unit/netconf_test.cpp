// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <fstream>

#include "unit/netconf_fixture.hpp"

using mvr::Code;
using mvr::Error;
using mvr::LogLevel;
using mvr::cni::DadMode;
using mvr::cni::MacvlanMode;
using mvr::cni::NetConf;
using mvr::cni::parse_netconf;
using mvr::cni::ParsedConf;
using mvr::cni::ProbePolicy;
using mvr::cni::RdmaMode;
using mvr::cni::Version;
using namespace std::chrono_literals;
using namespace mvr::cni::test;

TEST_CASE("the case table", "[cni][netconf]") {
  std::ifstream file(MVR_SOURCE_DIR "/tests/unit/netconf_cases.json");
  const Json cases = Json::parse(file, nullptr, false);
  REQUIRE(cases.is_array());
  REQUIRE(cases.size() >= 90);
  for (const Json& entry : cases) {
    INFO(entry["name"].get<std::string>());
    const std::string key = entry["key"];
    const auto found = messages(entry["config"].dump());
    const auto names_key = [&key](const std::string& msg) { return contains(msg, key); };
    if (entry["accepts"].get<bool>()) {
      CHECK(found == std::vector<std::string>{});
    } else {
      CHECK(std::ranges::any_of(found, names_key));
    }
  }
}

TEST_CASE("defaults of all keys", "[cni][netconf]") {
  const NetConf conf = accept("");
  CHECK(conf.name == "rail1");
  CHECK(conf.type == "macvlan-rdma");
  CHECK(conf.cni_version == Version{1, 0, 0});
  CHECK(conf.master.empty());
  CHECK(conf.mode == MacvlanMode::bridge);
  CHECK(conf.mtu == 0);
  CHECK_FALSE(conf.mac);
  CHECK_FALSE(conf.link_in_container);
  CHECK_FALSE(conf.promisc);
  CHECK_FALSE(conf.allmulti);
  CHECK_FALSE(conf.mac_prefix);
  CHECK(conf.vlan == 0);
  CHECK(conf.ipam_type.empty());
  CHECK(conf.rdma.mode == RdmaMode::automatic);
  CHECK(conf.rdma.device.empty());
  CHECK(conf.rdma.gid_timeout == 1s);
  CHECK(conf.device_info_file.empty());
  CHECK(conf.gateway_probe.policy == ProbePolicy::fail);
  CHECK(conf.gateway_probe.attempts == 5);
  CHECK(conf.gateway_probe.interval == 100ms);
  CHECK(conf.conflict_probe.policy == ProbePolicy::fail);
  CHECK(conf.conflict_probe.attempts == 3);
  CHECK(conf.conflict_probe.interval == 10ms);
  CHECK(conf.announce == 2);
  CHECK(conf.ipv6.dad == DadMode::probe);
  CHECK_FALSE(conf.ipv6.accept_ra);
  CHECK(conf.overlay_nic == "eth0");
  CHECK(conf.overlay_pod_cidr.empty());
  REQUIRE(conf.hijack_cidr.size() == 1);
  CHECK(conf.hijack_cidr[0].to_string() == "169.254.0.0/16");
  CHECK_FALSE(conf.host_addresses);
  CHECK(conf.tune_pod_routes);
  CHECK(conf.default_route_nic.empty());
  CHECK(conf.policy_routes.empty());
  CHECK(conf.host_rule_table == 0);
  CHECK(conf.route_table == 0);
  CHECK(conf.route_table_base == 100);
  CHECK(conf.rule_priority_base == 32000);
  CHECK(conf.rp_filter == 2);
  CHECK(conf.strict_arp);
  CHECK(conf.log_file.empty());
  CHECK(conf.log_level == LogLevel::info);
  CHECK(conf.state_dir == "/run/macvlan-rdma");
  CHECK(conf.timeout == 100s);
  CHECK_FALSE(conf.strict);
  CHECK_FALSE(conf.prev_result);
  CHECK_FALSE(conf.valid_attachments);
}

TEST_CASE("values of the link and of IPAM", "[cni][netconf]") {
  const NetConf conf = accept(
      R"("master":["ens1","0000:0b:00.0"],"mode":"private","mtu":9000,"mac":"02-00-5E-10-00-01",
         "linkInContainer":true,"bcqueuelen":4294967295,"txQueueLen":500,"rdma":{"mode":"off"},
         "ipam":{"type":"host-local"},"dns":{"nameservers":["10.0.0.1"],"domain":"x"},
         "sysctls":{"net.ipv4.conf.IFNAME.forwarding":"1","net/ipv6/conf/IFNAME/accept_ra":""})");
  CHECK(conf.master == std::vector<std::string>{"ens1", "0000:0b:00.0"});
  CHECK(conf.mode == MacvlanMode::private_mode);
  CHECK(conf.mtu == 9000);
  CHECK(mac_text(conf) == "02:00:5e:10:00:01");
  CHECK(conf.link_in_container);
  CHECK(conf.bc_queue_len == 4294967295);
  CHECK(conf.tx_queue_len == 500);
  CHECK(conf.rdma.mode == RdmaMode::off);
  CHECK(conf.ipam_type == "host-local");
  CHECK(conf.dns.nameservers == std::vector<std::string>{"10.0.0.1"});
  REQUIRE(conf.sysctls.size() == 2);
  CHECK(conf.sysctls[0].path == "ipv4/conf/IFNAME/forwarding");
  CHECK(conf.sysctls[0].value == "1");
  CHECK(conf.sysctls[0].label == "sysctls.net.ipv4.conf.IFNAME.forwarding");
  CHECK(conf.sysctls[1].path == "ipv6/conf/IFNAME/accept_ra");
}

TEST_CASE("values of routing and of the program", "[cni][netconf]") {
  const NetConf conf = accept(
      R"("podDefaultCniNic":"eth1","overlayPodCIDR":["10.233.64.0/18"],"hijackCIDR":[],
         "serviceCIDR":["10.233.0.0/18"],"hostAddresses":["10.1.20.4"],"routeTable":4294967295,
         "routeTableBase":500,"rulePriorityBase":0,"podRPFilter":-1,"strictArp":false,
         "gatewayProbe":{"policy":"warn","attempts":3,"interval":"1.5s"},"logFile":"/l",
         "logLevel":"debug","stateDir":"/s","timeout":"2m","strict":true)");
  CHECK(conf.overlay_nic == "eth1");
  CHECK(conf.overlay_pod_cidr.at(0).to_string() == "10.233.64.0/18");
  CHECK(conf.service_cidr.at(0).to_string() == "10.233.0.0/18");
  CHECK(conf.hijack_cidr.empty());
  REQUIRE(conf.host_addresses);
  CHECK(conf.host_addresses->at(0).to_string() == "10.1.20.4");
  CHECK(conf.route_table == 4294967295);
  CHECK(conf.route_table_base == 500);
  CHECK(conf.rule_priority_base == 0);
  CHECK(conf.rp_filter == -1);
  CHECK_FALSE(conf.strict_arp);
  CHECK(conf.gateway_probe.policy == ProbePolicy::warn);
  CHECK(conf.gateway_probe.attempts == 3);
  CHECK(conf.gateway_probe.interval == 1500ms);
  CHECK(conf.log_file == "/l");
  CHECK(conf.log_level == LogLevel::debug);
  CHECK(conf.state_dir == "/s");
  CHECK(conf.timeout == 120s);
  CHECK(conf.strict);
}

TEST_CASE("a refusal names key, value and what is allowed", "[cni][netconf]") {
  const Error mtu = refuse(R"("mtu":"1500")");
  CHECK(mtu.code == Code::bad_config);
  CHECK(mtu.msg == R"(mtu "1500": must be an integer from 0 to 65535)");
  CHECK(contains(refuse(R"("mode":"ipvlan")").msg,
                 R"(mode "ipvlan": must be "bridge", "private", "vepa" or "passthru")"));
  CHECK(contains(refuse(R"("overlayPodCIDR":["10.0.0.0/8","10.233.65.0/18"])").msg,
                 R"(overlayPodCIDR[1] "10.233.65.0/18": has host bits set, probably )"
                 R"("10.233.64.0/18")"));
  CHECK(contains(refuse(R"("timeout":100)").msg, "unit"));
  CHECK(contains(refuse(R"("hostAddresses":["127.0.0.1"])").msg, "hostAddresses[0]"));
  CHECK(contains(refuse(R"("hostAddresses":["224.0.0.1"])").msg, "unicast"));
  const Error probe = refuse(R"("gatewayProbe":{"attempts":1000,"interval":"1s"})");
  CHECK((contains(probe.msg, "gatewayProbe") && contains(probe.msg, "attempts") &&
         contains(probe.msg, "interval") && contains(probe.msg, "timeout")));
}

TEST_CASE("every problem is reported, and the rest is read", "[cni][netconf]") {
  const ParsedConf parsed =
      parse(R"("mtu":"x","mode":5,"master":"ens1","vlan":4095,"stateDir":"/s")");
  CHECK(parsed.problems.size() == 3);
  CHECK(parsed.conf.master == std::vector<std::string>{"ens1"});
  CHECK(parsed.conf.state_dir == "/s");
  CHECK(parsed.conf.mtu == 0);
  CHECK(parsed.conf.vlan == 0);
}

TEST_CASE("values that are too long are shortened in messages", "[cni][netconf]") {
  const Error problem = refuse("\"mode\":\"" + std::string(3'000'000, 'x') + '"');
  CHECK(problem.msg.size() < 400);
  const Error name =
      hard_error(R"({"cniVersion":"1.0.0","name":")" + std::string(3'000'000, 'n') + "\"}");
  CHECK(name.code == Code::bad_config);
  CHECK(name.msg.size() < 400);
}

TEST_CASE("sysctls in other spellings", "[cni][netconf]") {
  // In a key with dots a slash stands for a dot, as in sysctl(8).
  CHECK(accept(R"("sysctls":{"net.ipv4.x/y.IFNAME.z":"1"})").sysctls.at(0).path ==
        "ipv4/x.y/IFNAME/z");
  CHECK(contains(refuse(R"("sysctls":{"net.ipv4.conf.IFNAME.a":"1",
                                      "net/ipv4/conf/IFNAME/a":"2"})")
                     .msg,
                 "ipv4/conf/IFNAME/a"));
  for (const char* key : {"net", "", "net.IFNAME.x", "net.ipv4.IFNAME.IFNAME.x", "IFNAME.net.x.y",
                          "net.//.IFNAME.x", "net/./IFNAME/x", "net.ipv4.IFNAME.\\u0000x",
                          "/net/ipv4/IFNAME/x", "net.ipv4.conf.eth0.x"}) {
    INFO(key);
    CHECK(refuse(std::string("\"sysctls\":{\"") + key + "\":\"1\"}").code == Code::bad_config);
  }
}

TEST_CASE("durations", "[cni][netconf]") {
  CHECK(accept(R"("timeout":"0.5m")").timeout == 30s);
  CHECK(accept(R"("timeout":"2000000us")").timeout == 2s);
  CHECK(accept(R"("gatewayProbe":{"interval":"0.1s"})").gateway_probe.interval == 100ms);
  for (const char* bad : {"1.5", "1e3s", "1..5s", ".5m", "s", "", "1 s", "+1s", "0x5s", "1m30s",
                          "1000500us", "99999999999999999999h", "1S", "nans", "infs"}) {
    INFO(bad);
    CHECK(contains(refuse(std::string("\"timeout\":\"") + bad + '"').msg, "unit"));
  }
}

TEST_CASE("integers are JSON integers", "[cni][netconf]") {
  for (const char* bad : {"1500.0", "1.5e3", "true", "\"1500\"", "null", "[1500]", "1e400",
                          "18446744073709551615", "18446744073709551616", "-1"}) {
    INFO(bad);
    const auto parsed = parse_netconf(config(std::string("\"mtu\":") + bad), "{}");
    CHECK((!parsed || parsed->problems.size() == 1));
  }
}

TEST_CASE("modes have upstream's names", "[cni][netconf]") {
  for (const char* name : {"bridge", "private", "vepa", "passthru"}) {
    CHECK(to_string(accept(std::string("\"mode\":\"") + name + '"').mode) == name);
  }
}
