// SPDX-License-Identifier: Apache-2.0
// IPAM plugins whose answer cannot be used, and those that fail to take an address back.
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

const char* const kAddress = "172.16.11.10/24";
const char* const kGateway = "172.16.11.254";

Call call_for(const Refusals& refusals, const FakeIpam& ipam) {
  Call call = refusals.call();
  call.config["ipam"] = ipam.section();
  call.cni_path = ipam.dir();
  return call;
}

/// ADD with an IPAM plugin that answers so; it is asked to take it back.
void refuse_answer(const json& answer, int code, const std::vector<std::string>& words) {
  const Refusals refusals;
  const FakeIpam ipam;
  ipam.answer(answer);
  INFO(answer.dump());
  refusals.expect_call(call_for(refusals, ipam), code, words);
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});
}

void refuse_ip(const json& ip, int code, const std::vector<std::string>& words) {
  refuse_answer(make_result(json::array({ip})), code, words);
}

void refuse_route(const json& route, int code, const std::vector<std::string>& words) {
  refuse_answer(make_result(json::array({make_ip(kAddress, kGateway)}), json::array({route})), code,
                words);
}

/// A script whose ADD answers with an address, and whose DEL fails.
void answer_and_keep(const FakeIpam& ipam, const std::string& address) {
  ipam.script("ADD", "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"" + address +
                         "\",\"gateway\":\"" + kGateway +
                         "\"}]}'\nfi\nif [ \"$CNI_COMMAND\" = DEL ]; then\n"
                         "echo '{\"code\":11,\"msg\":\"the pool is locked\"}'; exit 1");
}

}  // namespace

TEST_CASE("an answer without an address is refused", "[ipam-failure]") {
  refuse_answer({{"cniVersion", "1.0.0"}}, 102, {"net1: ipam fake: returned no address"});
  refuse_answer(make_result(json::array()), 102, {"net1: ipam fake: returned no address"});
}

TEST_CASE("an address that no NIC can have is refused", "[ipam-failure]") {
  const std::string why = "no unicast address that a NIC can have";
  for (const char* address : {"127.0.0.5/8", "224.0.0.9/24", "0.0.0.0/0", "255.255.255.255/32"}) {
    refuse_ip(make_ip(address), 7, {"IPAM's address", address, why});
  }
}

TEST_CASE("an address of length 0 would be a default route, and is refused", "[ipam-failure]") {
  refuse_ip(make_ip("172.16.11.10/0", kGateway), 7, {"IPAM's address 172.16.11.10/0"});
}

TEST_CASE("an IPv6 address that no NIC can have is refused", "[ipam-failure]") {
  for (const char* address : {"::1/128", "::/64", "ff02::5/64"}) {
    refuse_ip(make_ip(address), 7, {"IPAM's address", address, "no unicast address"});
  }
}

TEST_CASE("a gateway that cannot be one is refused", "[ipam-failure]") {
  refuse_ip(make_ip(kAddress, "172.16.11.10"), 7,
            {std::string("IPAM's address ") + kAddress,
             "its gateway 172.16.11.10 is the address itself"});
  for (const char* gateway : {"224.0.0.1", "127.0.0.1", "0.0.0.0", "255.255.255.255"}) {
    refuse_ip(make_ip(kAddress, gateway), 7,
              {"IPAM's address", std::string("its gateway ") + gateway, "no unicast address"});
  }
  refuse_ip(make_ip(kAddress, "fd00::1"), 7, {"its gateway fd00::1", "of the other family"});
  refuse_answer(make_result(json::array({make_ip(kAddress)}),
                            json::array({{{"dst", "0.0.0.0/0"}, {"gw", "172.16.11.10"}}})),
                7,
                {std::string("IPAM's address ") + kAddress, "gateway 172.16.11.10 is the address"});
}

TEST_CASE("text that is no address is refused with its place", "[ipam-failure]") {
  refuse_ip(make_ip("172.16.11.10"), 102, {"ips[0].address \"172.16.11.10\"", "prefix length"});
  refuse_ip(make_ip("172.16.11.10/33"), 102, {"ips[0].address", "172.16.11.10/33"});
  refuse_ip(make_ip("nonsense/24"), 102, {"ips[0].address", "nonsense/24"});
  refuse_ip(make_ip(kAddress, "nonsense"), 102, {"ips[0].gateway \"nonsense\"", "IP address"});
  refuse_ip({{"gateway", kGateway}}, 102, {"ips[0].address"});
  refuse_ip({{"address", 5}}, 102, {"ips[0].address 5"});
  refuse_answer({{"ips", {{"address", kAddress}}}}, 102, {"ips", "array of objects"});
  refuse_answer({{"cniVersion", "9.9.9"}, {"ips", json::array()}}, 102, {"9.9.9"});
}

TEST_CASE("a route that the kernel would not take is refused with its place", "[ipam-failure]") {
  refuse_route({{"dst", "10.9.0.7/16"}}, 102,
               {"routes[0].dst \"10.9.0.7/16\"", "host bits", "10.9.0.0/16"});
  refuse_route({{"dst", "10.9.0.0"}}, 102, {"routes[0].dst \"10.9.0.0\""});
  refuse_route({{"gw", kGateway}}, 102, {"routes[0].dst"});
  refuse_route({{"dst", "10.9.0.0/16"}, {"gw", "x"}}, 102, {"routes[0].gw \"x\""});
}

TEST_CASE("a route by our own address would lose its packets, and is refused", "[ipam-failure]") {
  refuse_route({{"dst", "10.9.0.0/16"}, {"gw", "172.16.11.10"}}, 7,
               {"IPAM's route to 10.9.0.0/16", "its gateway 172.16.11.10", "own address"});
}

TEST_CASE("a route that the kernel refuses undoes all", "[ipam-failure]") {
  refuse_route({{"dst", "10.9.0.0/16"}, {"gw", "224.0.0.1"}}, 108,
               {"net1: ", "10.9.0.0/16", "224.0.0.1"});
}

TEST_CASE("the same address twice is one address", "[ipam-failure]") {
  const Refusals refusals;
  const FakeIpam ipam;
  ipam.answer(make_result(json::array({make_ip(kAddress, kGateway), make_ip(kAddress)})));
  const Answer answer = run_plugin(call_for(refusals, ipam));
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(addresses("pod", "net1") == Lines{kAddress});
}

TEST_CASE("when the undo's IPAM DEL fails, the first error is reported and the journal stays",
          "[ipam-failure]") {
  const Refusals refusals;
  const FakeIpam ipam;
  answer_and_keep(ipam, "127.0.0.5/8");
  Call call = call_for(refusals, ipam);
  const Answer answer = run_plugin(call);
  INFO(answer);
  expect_error(answer, 7);
  expect_words(answer.message(), {"IPAM's address 127.0.0.5/8"});
  expect_words(answer.err, {"level=error", "undo: ipam fake: the pool is locked"});
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
  CHECK(rules("pod").empty());
  CHECK(snapshot_files(std::string(kStateDir)).size() == 1);
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});

  SECTION("a later DEL fails as long as IPAM does") {
    call.verb = "DEL";
    expect_error(run_plugin(call), 11);
    CHECK(snapshot_files(std::string(kStateDir)).size() == 1);
  }
  SECTION("a later DEL cleans up") {
    ipam.answer_address(kAddress, kGateway);
    call.verb = "DEL";
    CHECK(run_plugin(call).ok());
    refusals.expect_unchanged();
    CHECK(ipam.calls() == Lines{"ADD", "DEL", "DEL"});
  }
  SECTION("a later ADD cleans up first") {
    ipam.answer_address(kAddress, kGateway);
    const Answer again = run_plugin(call);
    INFO(again);
    CHECK(again.ok());
    CHECK(ipam.calls() == Lines{"ADD", "DEL", "DEL", "ADD"});
  }
}

TEST_CASE("a DEL whose IPAM fails has removed all else, and can be repeated", "[ipam-failure]") {
  const Refusals refusals;
  const FakeIpam ipam;
  answer_and_keep(ipam, kAddress);
  Call call = call_for(refusals, ipam);
  REQUIRE(run_plugin(call).ok());
  call.verb = "DEL";
  const Answer failed = run_plugin(call);
  INFO(failed);
  expect_error(failed, 11);
  expect_words(failed.message(), {"net1: ipam fake: the pool is locked"});
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
  CHECK(rules("pod").empty());
  CHECK(snapshot_files(std::string(kStateDir)).size() == 1);
  ipam.answer_address(kAddress, kGateway);
  CHECK(run_plugin(call).ok());
  refusals.expect_unchanged();
}

TEST_CASE("a DEL whose IPAM plugin is gone has removed all else", "[ipam-failure]") {
  const Refusals refusals;
  const FakeIpam ipam;
  ipam.answer_address(kAddress, kGateway);
  Call call = call_for(refusals, ipam);
  REQUIRE(run_plugin(call).ok());
  call.verb = "DEL";
  call.cni_path = "/nowhere";
  expect_error(run_plugin(call), 102);
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
  call.cni_path = ipam.dir();
  CHECK(run_plugin(call).ok());
  refusals.expect_unchanged();
}

TEST_CASE("CHECK fails when IPAM's CHECK does", "[ipam-failure]") {
  const Refusals refusals;
  const FakeIpam ipam;
  ipam.answer_address(kAddress, kGateway);
  Call call = call_for(refusals, ipam);
  const Answer added = run_plugin(call);
  REQUIRE(added.ok());
  ipam.fail("CHECK", 101, "the lease is gone");
  call.verb = "CHECK";
  call.config["prevResult"] = added.body;
  const Answer answer = run_plugin(call);
  expect_error(answer, 101);
  expect_words(answer.message(), {"net1: ipam fake: the lease is gone"});
}

TEST_CASE("STATUS fails when IPAM's STATUS does", "[ipam-failure]") {
  const Refusals refusals;
  const FakeIpam ipam;
  const auto [code, wanted] = GENERATE(table<int, int>({{50, 50}, {51, 51}, {11, 50}}));
  ipam.fail("STATUS", code, "no addresses left");
  Call call = call_for(refusals, ipam);
  call.verb = "STATUS";
  call.config["cniVersion"] = "1.1.0";
  refusals.expect_call(call, wanted, {"ipam fake: no addresses left"});
}

TEST_CASE("an IPAM plugin that knows no STATUS or GC is fine", "[ipam-failure]") {
  const Refusals refusals;
  const FakeIpam ipam;
  const auto verb = GENERATE("STATUS", "GC");
  const auto [code, text] = GENERATE(table<int, const char*>({{1, "incompatible CNI versions"},
                                                              {3, "missing containerID"},
                                                              {4, "unknown CNI_COMMAND: STATUS"}}));
  ipam.fail(verb, code, text);
  Call call = call_for(refusals, ipam);
  call.verb = verb;
  call.config["cniVersion"] = "1.1.0";
  call.config["cni.dev/valid-attachments"] = json::array();
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK(answer.ok());
  CHECK(answer.out.empty());
}

TEST_CASE("Debian's host-local, which knows no STATUS and GC, is fine with both",
          "[ipam-failure]") {
  const Refusals refusals;
  Call call = refusals.call({{"cniVersion", "1.1.0"}});
  call.verb = GENERATE("STATUS", "GC");
  call.container_id = call.ifname = call.netns = call.args = "";
  call.config["cni.dev/valid-attachments"] = json::array();
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK(answer.ok());
  refusals.expect_unchanged();
}
