// SPDX-License-Identifier: Apache-2.0
// RDMA keys on rails that have no RDMA device: what is refused, and what goes on without one.
#include <algorithm>
#include <filesystem>

#include "mvr/rdma/device.hpp"
#include "support/catch.hpp"
#include "support/log_lines.hpp"
#include "support/namespaces.hpp"
#include "support/print.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

/// The mode that this kernel is in; nothing when it has no RDMA.
std::optional<mvr::rdma::NetnsMode> read_kernel_mode() {
  auto socket = unwrap(mvr::rdma::open_socket());
  return socket ? std::optional(unwrap(mvr::rdma::read_netns_mode(*socket))) : std::nullopt;
}

/// What must be said to a configuration that insists on a mode.
struct Refusal {
  int code;
  std::vector<std::string> words;
};

Refusal expected_refusal(const std::string& wish) {
  const auto mode = read_kernel_mode();
  const std::string key = "rdma \"" + wish + '"';
  if (!mode) {
    return {105, {key, "this kernel has no RDMA", "NETLINK_RDMA", "load ib_core"}};
  }
  if (to_string(*mode) != wish) {
    return {107, {key, "mode is " + std::string(to_string(*mode))}};
  }
  return {105, {key, "master " + rail_master(1) + " has no RDMA device"}};
}

/// One rail and a pod. ADD with this configuration, then DEL; the lines of ADD's log.
std::vector<LogLine> add_and_del(const json& patch) {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const Answer answer = runtime.add(1, patch);
  INFO(patch.dump() << "\n" << answer);
  REQUIRE(answer.ok());
  CHECK(runtime.del(1).ok());
  return read_log(answer.err);
}

}  // namespace

TEST_CASE("RDMA words and values that are not allowed are refused", "[bad-input][rdma]") {
  const Refusals refusals;
  const std::string modes = R"(must be "auto", "shared", "exclusive" or "off")";
  const std::string times = R"(a string with a unit (ms, s, m, h) from "0s" to "60s")";
  const auto expect = [&refusals](const json& rdma, const std::vector<std::string>& words) {
    INFO(rdma.dump());
    Call call = refusals.call();
    call.config["rdma"] = rdma;
    refusals.expect_call(call, 7, words);
  };
  expect("on", {"rdma \"on\"", modes});
  expect("", {"rdma \"\"", modes});
  expect("Shared", {"rdma \"Shared\"", modes});
  expect(false, {"rdma false", "an object with mode, device and gidTimeout"});
  expect(nullptr, {"rdma null", "an object with mode"});
  expect({{"mode", "always"}}, {"rdma.mode \"always\"", modes});
  expect({{"mode", 1}}, {"rdma.mode 1", modes});
  expect({{"gidTimeout", 5}}, {"rdma.gidTimeout 5", times});
  expect({{"gidTimeout", "5"}}, {"rdma.gidTimeout \"5\"", times});
  expect({{"gidTimeout", "-1s"}}, {"rdma.gidTimeout \"-1s\"", times});
  expect({{"gidTimeout", "61s"}}, {"rdma.gidTimeout \"61s\"", times});
  for (const std::string device : {"../mlx5_0", "mlx5/0", ".", "..", "mlx5_%d", "mlx5 0", "a\tb"}) {
    expect({{"device", device}},
           {"rdma.device " + json(device).dump(), "RDMA device such as \"mlx5_0\""});
  }
  expect({{"device", std::string(64, 'x')}}, {"rdma.device \"xxx", "at most 63 bytes"});
  expect({{"device", 0}}, {"rdma.device 0", "RDMA device"});
}

TEST_CASE("a path for device information that is none is refused", "[bad-input][rdma]") {
  const Refusals refusals;
  for (const json& path : std::vector<json>{"info.json", "/run/../etc/x", "/run/a\nb", 5}) {
    refusals.expect({{"runtimeConfig", {{"CNIDeviceInfoFile", path}}}}, 7,
                    {"runtimeConfig.CNIDeviceInfoFile " + path.dump(), "absolute path"});
  }
}

TEST_CASE("RDMA that the node cannot give is refused, with what is missing", "[bad-input][rdma]") {
  const Refusals refusals;
  for (const std::string wish : {"shared", "exclusive"}) {
    const Refusal refusal = expected_refusal(wish);
    refusals.expect({{"rdma", wish}}, refusal.code, refusal.words);
    refusals.expect({{"rdma", {{"mode", wish}, {"gidTimeout", "0s"}}}}, refusal.code,
                    refusal.words);
  }
}

TEST_CASE("a named RDMA device that is not there is refused, with auto too", "[bad-input][rdma]") {
  const Refusals refusals;
  std::vector<std::string> words{"rdma \"auto\"", "no RDMA"};
  if (read_kernel_mode()) {
    words.emplace_back("mlx5_77");
  }
  refusals.expect({{"rdma", {{"device", "mlx5_77"}}}}, 105, words);
}

TEST_CASE("auto goes on without an RDMA device, and says so", "[rdma]") {
  for (const json& rdma : std::vector<json>{"auto", json::object(), {{"gidTimeout", "60s"}}}) {
    const auto lines = add_and_del({{"rdma", rdma}});
    REQUIRE(lines.size() == 1);
    expect_words(lines[0].at("remark"), {"rdma \"auto\"", "no RDMA"});
    CHECK(lines[0].count("rdma_device") + lines[0].count("gid_index") == 0);
  }
}

TEST_CASE("RDMA that is off is no matter for the log", "[rdma]") {
  for (const json& rdma : std::vector<json>{"off", {{"mode", "off"}, {"device", "mlx5_77"}}}) {
    const auto lines = add_and_del({{"rdma", rdma}});
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].count("remark") == 0);
  }
}

TEST_CASE("without an RDMA device no device information is written", "[rdma]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const std::string file = std::string(kScratchDir) + "/devinfo/cni/net1.json";
  const json patch{{"runtimeConfig", {{"CNIDeviceInfoFile", file}}}};
  REQUIRE(runtime.add(1, patch).ok());
  CHECK_FALSE(std::filesystem::exists(std::string(kScratchDir) + "/devinfo"));
  put_file(file, "{}");
  CHECK(runtime.del(1).ok());
  CHECK(std::filesystem::exists(file));
}

TEST_CASE("a plain number as deviceID is passed over, with a line at debug", "[rdma]") {
  const auto mentions_it = [](const LogLine& line) {
    return line.at("msg") == "deviceID \"17\": ignored, a plain number names no device" &&
           line.at("level") == "debug";
  };
  const auto lines = add_and_del({{"deviceID", "17"}, {"logLevel", "debug"}});
  CHECK(std::ranges::count_if(lines, mentions_it) == 1);
  CHECK(add_and_del({{"deviceID", "17"}}).size() == 1);
}

TEST_CASE("DEL does its work whatever is said about RDMA", "[rdma][del]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  REQUIRE(runtime.add(1).ok());
  Call call = runtime.call("DEL", "net1");
  call.config["rdma"] = GENERATE(json("shared"), json("exclusive"), json("on"), json(7),
                                 json{{"device", "../x"}}, json{{"gidTimeout", "-1s"}});
  call.config["runtimeConfig"] = {{"CNIDeviceInfoFile", "not absolute"}};
  const Answer answer = run_plugin(call);
  INFO(call.config.dump() << "\n" << answer);
  CHECK(answer.ok());
  CHECK(run({.argv = {"ip", "-n", "pod", "link", "show", "net1"}}).status != 0);
}
