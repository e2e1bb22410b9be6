// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "unit/netconf_fixture.hpp"

using mvr::Code;
using mvr::Error;
using mvr::cni::Args;
using mvr::cni::AttachmentRef;
using mvr::cni::NetConf;
using mvr::cni::ParsedConf;
using mvr::ip::Mac;
using namespace std::chrono_literals;
using namespace mvr::cni::test;

TEST_CASE("unknown keys are warnings, and problems when strict", "[cni][netconf]") {
  const auto warned = warnings(R"("mtus":1500,"gatewayProbe":{"attempt":3},"rdma":{"x":1})");
  REQUIRE(warned.size() == 3);
  CHECK(std::ranges::any_of(warned, [](auto& text) { return contains(text, "mtus 1500"); }));
  CHECK(std::ranges::any_of(warned, [](auto& text) { return contains(text, "rdma.x 1"); }));
  for (const char* members : {R"("mtus":1500,"strict":true)", R"("rdma":{"x":1},"strict":true)",
                              R"("gatewayProbe":{"attempt":3},"Strict":true)"}) {
    CHECK(refuse(members).code == Code::unsupported_field);
  }
  CHECK(contains(refuse(R"("mtus":1500,"strict":true)").msg, "mtus 1500"));
  CHECK(contains(warnings("\"a\\nb\":1").at(0), "a\\x0ab"));
}

TEST_CASE("keys of others are known", "[cni][netconf]") {
  CHECK(warnings(R"("capabilities":{"mac":true},"runtimeConfig":{"ips":["10.0.0.2"],
      "io.kubernetes.cri.pod-annotations":{}},"args":{"labels":{},"cni":{"ips":[]}},"ipMasq":true,
      "prevResult":null,"disableCheck":"true","deviceID":"","pciBusID":"0000:0b:00.0",
      "cni.dev/x":1,"dns":null)")
            .empty());
}

TEST_CASE("a key in another case is taken with a warning", "[cni][netconf]") {
  const ParsedConf parsed = parse(R"("Master":"ens1","MTU":9000,"RuntimeConfig":
      {"MAC":"02:00:00:00:00:01"},"IPAM":{"Type":"static"},"gatewayProbe":{"Attempts":2})");
  CHECK(parsed.problems.empty());
  CHECK(parsed.conf.master == std::vector<std::string>{"ens1"});
  CHECK(parsed.conf.mtu == 9000);
  CHECK(mac_text(parsed.conf) == "02:00:00:00:00:01");
  CHECK(parsed.conf.ipam_type == "static");
  CHECK(parsed.conf.gateway_probe.attempts == 2);
  CHECK(parsed.warnings.size() == 5);
}

TEST_CASE("the exact spelling wins over another case", "[cni][netconf]") {
  const ParsedConf parsed = parse(R"("MTU":"rubbish","mtu":9000,"zzz":1)");
  CHECK(parsed.problems.empty());
  CHECK(parsed.conf.mtu == 9000);
  REQUIRE(parsed.warnings.size() == 2);
  CHECK(contains(parsed.warnings[0], "MTU \"rubbish\": ignored"));
}

TEST_CASE("of a key that is there twice the last one stands", "[cni][netconf]") {
  CHECK(accept(R"("mtu":1400,"mtu":1500)").mtu == 1500);
}

TEST_CASE("the defaults file lies below the configuration", "[cni][netconf]") {
  const std::string defaults =
      R"({"mtu":9000,"stateDir":"/d","overlayPodCIDR":["10.0.0.0/8"],"mac":"","Timeout":"5s"})";
  const NetConf conf = accept(R"("mtu":1500,"overlayPodCIDR":[])", defaults);
  CHECK(conf.mtu == 1500);
  CHECK(conf.state_dir == "/d");
  CHECK(conf.overlay_pod_cidr.empty());
  CHECK(conf.timeout == 5s);
  CHECK(contains(warnings("", defaults).at(0), "defaults file: Timeout"));
  CHECK(accept(R"("MTU":1400)", defaults).mtu == 1400);
  CHECK(accept("", "{}").mtu == 0);
}

TEST_CASE("problems of the defaults file name it", "[cni][netconf]") {
  CHECK(contains(refuse("", R"({"mtu":"9000"})").msg, R"(defaults file: mtu "9000")"));
  CHECK(contains(refuse("", R"({"gatewayProbe":{"attempts":0}})").msg,
                 "defaults file: gatewayProbe.attempts 0"));
  accept(R"("mtu":9000)", R"({"mtu":"9000"})");  // overridden, so of no effect
  for (const char* key : {"ipam", "name", "type", "cniVersion", "capabilities", "prevResult"}) {
    const Error problem = refuse("", std::string("{\"") + key + "\":{}}");
    CHECK(problem.code == Code::bad_config);
    CHECK(contains(problem.msg, std::string("defaults file: ") + key));
  }
  CHECK(contains(warnings("", R"({"mtus":1})").at(0), "defaults file: mtus 1"));
  CHECK(contains(refuse("", R"({"mtus":1,"strict":true})").msg, "defaults file: mtus 1"));
  CHECK(warnings(R"("strict":false)", R"({"mtus":1,"strict":true})").size() == 1);
}

TEST_CASE("a defaults file that is no object stops everything", "[cni][netconf]") {
  for (const char* bad : {"[]", "null", "{", "rubbish", " ", ""}) {
    const Error error = hard_error(config(), bad);
    CHECK(error.code == Code::bad_config);
    CHECK(contains(error.msg, "defaults file"));
  }
}

TEST_CASE("where the MAC address comes from", "[cni][netconf]") {
  const std::string own = R"("mac":"02:00:00:00:00:01")";
  const std::string in_args = own + R"(,"args":{"cni":{"mac":"02:00:00:00:00:03"}})";
  const std::string in_runtime = in_args + R"(,"runtimeConfig":{"mac":"02:00:00:00:00:04"})";
  Args args;
  CHECK(mac_text(accept(own)) == "02:00:00:00:00:01");
  args.mac = Mac::parse("02:00:00:00:00:02");
  CHECK(mac_text(accept(own, "{}", args)) == "02:00:00:00:00:02");
  CHECK(mac_text(accept(in_args, "{}", args)) == "02:00:00:00:00:03");
  CHECK(mac_text(accept(in_runtime, "{}", args)) == "02:00:00:00:00:04");
  CHECK(mac_text(accept(own + R"(,"runtimeConfig":{"mac":""})")) == "02:00:00:00:00:01");
  CHECK(mac_text(accept(own + R"(,"runtimeConfig":{"mac":null},"args":null)")) ==
        "02:00:00:00:00:01");
}

TEST_CASE("a MAC address is judged wherever it comes from", "[cni][netconf]") {
  CHECK(contains(refuse(R"("runtimeConfig":{"mac":"01:00:00:00:00:04"})").msg,
                 "runtimeConfig.mac \"01:00:00:00:00:04\""));
  CHECK(contains(refuse(R"("args":{"cni":{"mac":5}})").msg, "args.cni.mac 5"));
  CHECK(contains(refuse(R"("args":{"cni":[]})").msg, "args.cni"));
  Args args;
  args.mac = Mac::parse("02:00:00:00:00:02");
  CHECK(contains(refuse(R"("mode":"passthru")", "{}", args).msg, "CNI_ARGS MAC"));
  CHECK(contains(refuse(R"("mode":"passthru","runtimeConfig":{"mac":"02:00:00:00:00:04"})").msg,
                 "runtimeConfig.mac"));
}

TEST_CASE("only device ids that name a device are kept", "[cni][netconf]") {
  CHECK(accept(R"("deviceID":"0000:0B:00.0")").device_id == "0000:0b:00.0");
  CHECK(accept(R"("deviceID":"10000:e1:00.7")").device_id == "10000:e1:00.7");
  CHECK(accept(R"("deviceID":"mlx5_core.sf.4")").device_id == "mlx5_core.sf.4");
  const std::string plain = R"("deviceID":"0000:0b:00.0","runtimeConfig":{"deviceID":"17"})";
  CHECK(accept(plain).device_id == "0000:0b:00.0");
  CHECK(warnings(plain).empty());
  CHECK(parse(plain).notes ==
        std::vector<std::string>{
            R"(runtimeConfig.deviceID "17": ignored, a plain number names no device)"});
  CHECK(parse(R"("deviceID":"","runtimeConfig":{"deviceID":"0000:0b:00.0"})").notes.empty());
  CHECK(accept(R"("deviceID":"0000:0b:00.0","runtimeConfig":{"deviceID":"mlx5_core.sf.4"})")
            .device_id == "mlx5_core.sf.4");
  for (const char* bad : {"\"0000:0b:00.8\"", "\"0b:00.0\"", "\"a.b.c\"", "5", "\"../x.sf.1\""}) {
    INFO(bad);
    CHECK(accept(std::string("\"deviceID\":") + bad).device_id.empty());
    CHECK(warnings(std::string("\"deviceID\":") + bad).size() == 1);
  }
}

TEST_CASE("prevResult", "[cni][netconf]") {
  const NetConf conf = accept(R"("prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"net1"}],
      "ips":[{"address":"172.16.11.10/24","interface":0}]})");
  REQUIRE(conf.prev_result);
  CHECK(conf.prev_result->ips.at(0).address.to_string() == "172.16.11.10/24");
  CHECK_FALSE(accept(R"("prevResult":null)").prev_result);
  const Error problem = refuse(R"("prevResult":{"ips":[{"address":5}]})");
  CHECK(problem.code == Code::bad_config);
  CHECK(contains(problem.msg, "prevResult: ips[0].address 5"));
}

TEST_CASE("valid attachments of GC: absent is not empty", "[cni][netconf]") {
  CHECK_FALSE(accept("").valid_attachments);
  CHECK_FALSE(accept(R"("cni.dev/valid-attachments":null)").valid_attachments);
  CHECK(accept(R"("cni.dev/valid-attachments":[])").valid_attachments->empty());
  const std::vector<AttachmentRef> one = {{"c1", "net1"}};
  const std::string element = R"([{"containerID":"c1","ifname":"net1","x":1}])";
  CHECK((accept("\"cni.dev/attachments\":" + element).valid_attachments == one));
  CHECK((accept(R"("cni.dev/attachments":[],"cni.dev/valid-attachments":)" + element)
             .valid_attachments == one));
  CHECK((accept(R"("cni.dev/valid-attachments":null,"cni.dev/attachments":)" + element)
             .valid_attachments == one));
  for (const char* bad : {"{}", "\"x\"", "[5]", "[{}]", R"([{"containerID":"c1"}])",
                          R"([{"containerID":"c1","ifname":5}])"}) {
    const ParsedConf parsed = parse(std::string("\"cni.dev/valid-attachments\":") + bad);
    CHECK(parsed.problems.size() == 1);
    CHECK_FALSE(parsed.conf.valid_attachments);
  }
}

TEST_CASE("a key that is nearly a known one is suggested", "[cni][netconf]") {
  CHECK(warnings(R"("mastr":"rail1")").front() ==
        "mastr \"rail1\": unknown key; did you mean master?");
  CHECK(contains(refuse(R"("strict":true,"gatewayProbe":{"polcy":"warn"})").msg,
                 "did you mean policy?"));
  CHECK_FALSE(contains(warnings(R"("somethingElse":1)").front(), "did you mean"));
}

TEST_CASE("a whole list is no plugin's configuration", "[cni][netconf]") {
  const Error error = hard_error(config(R"("plugins":[{"type":"macvlan-rdma"}])"));
  CHECK(error.code == Code::bad_config);
  CHECK(contains(error.msg, "plugins: this is a network configuration list"));
}
