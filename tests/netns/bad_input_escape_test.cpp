// SPDX-License-Identifier: Apache-2.0
// What comes from outside must not reach an operator's terminal as a command to it.
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

/// Clears the screen, by ESC and by the one character that C1 has for it; then a line of its own.
const std::string kHostile = "\x1b[2J\xc2\x9b\x32Jx\x7f\nlevel=error msg=forged";

void expect_harmless(const Answer& answer) {
  INFO(answer);
  CHECK_FALSE(has_raw_control(answer.err));
  CHECK_FALSE(has_raw_control(answer.message()));
  CHECK(answer.message().find('\n') == std::string::npos);
  CHECK(answer.err.find("\nlevel=error") == std::string::npos);
}

}  // namespace

TEST_CASE("control characters are known when they are seen", "[bad-input]") {
  CHECK_FALSE(has_raw_control("plain, \xc3\xa4 and \xe2\x80\xa6\n"));
  CHECK(has_raw_control("\x1b"));
  CHECK(has_raw_control("\r"));
  CHECK(has_raw_control("\x7f"));
  CHECK(has_raw_control("\xc2\x9b"));
  CHECK(has_raw_control("\x9b"));
}

TEST_CASE("hostile values in a refusal are shown, not obeyed", "[bad-input]") {
  const Refusals refusals;
  for (const char* key : {"mode", "mtu", "mac", "master", "name", "type", "logFile", "logLevel",
                          "stateDir", "timeout", "podDefaultCniNic", "vlan", "cniVersion"}) {
    INFO(key);
    const Answer answer = run_plugin(refusals.call({{key, kHostile}}));
    if (key != std::string("type")) {
      CHECK(answer.status == 1);
      expect_harmless(answer);
    } else {
      CHECK(answer.ok());
      CHECK_FALSE(has_raw_control(answer.err));
    }
  }
}

TEST_CASE("hostile keys in a refusal are shown, not obeyed", "[bad-input]") {
  const Refusals refusals;
  expect_harmless(refusals.expect(json{{"strict", true}, {kHostile, 1}}, 2, {"unknown key"}));
  expect_harmless(refusals.expect({{"sysctls", {{kHostile, "1"}}}}, 7, {"sysctls."}));
}

TEST_CASE("hostile variables in a refusal are shown, not obeyed", "[bad-input]") {
  const Refusals refusals;
  Call call = refusals.call();
  SECTION("container") {
    call.container_id = kHostile;
  }
  SECTION("interface") {
    call.ifname = kHostile.substr(0, 15);
  }
  SECTION("arguments") {
    call.args = kHostile;
  }
  SECTION("verb") {
    call.verb = kHostile;
  }
  expect_harmless(refusals.expect_call(call, 4, {}));
}

TEST_CASE("a hostile namespace path in a refusal is shown, not obeyed", "[bad-input]") {
  const Refusals refusals;
  Call call = refusals.call();
  call.netns = "/run/" + kHostile;
  expect_harmless(refusals.expect_call(call, 8, {"netns /run/"}));
}

TEST_CASE("hostile text in a warning is shown, not obeyed", "[bad-input]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  json config = rail_config(1);
  config[kHostile] = kHostile;
  Call call = Runtime(pod).call("ADD", "net1", config);
  call.args = "IgnoreUnknown=1;K8S_POD_NAME=" + kHostile.substr(0, kHostile.find("=")) +
              "\x9b;K8S_POD_NAMESPACE=\xff\x1b]0:title\x07";
  const Answer answer = run_plugin(call);
  REQUIRE(answer.ok());
  expect_harmless(answer);
}

TEST_CASE("an IPAM plugin's hostile error is shown in the log, not obeyed", "[bad-input]") {
  const Refusals refusals;
  const FakeIpam ipam;
  ipam.fail("ADD", 11, kHostile);
  Call call = refusals.call({{"ipam", ipam.section()}});
  call.cni_path = ipam.dir();
  const Answer answer = refusals.expect_call(call, 11, {"ipam fake: "});
  CHECK_FALSE(has_raw_control(answer.err));
  CHECK(answer.err.find("\nlevel=error") == std::string::npos);
}
