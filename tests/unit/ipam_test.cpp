// SPDX-License-Identifier: Apache-2.0
// What we make of a plugin's answers. tests/unit/ipam_process_test.cpp has the processes.
#include "mvr/ipam/ipam.hpp"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/catch.hpp"
#include "support/fake_ipam.hpp"
#include "support/print.hpp"

namespace fs = std::filesystem;

using Catch::Matchers::Contains;
using mvr::Budget;
using mvr::Code;
using mvr::Error;
using mvr::cni::Version;
using mvr::ipam::Plugin;
using mvr::test::CapturedStderr;
using mvr::test::kPrintResult;
using mvr::test::make_budget;
using mvr::test::PluginDir;
using mvr::test::unwrap;

namespace {

constexpr Version kV100{1, 0, 0};
constexpr Version kV110{1, 1, 0};
constexpr const char* kConfig = R"({"cniVersion":"1.0.0","name":"rail1","type":"macvlan-rdma"})";
constexpr const char* kConfig110 = R"({"cniVersion":"1.1.0","name":"rail1","type":"macvlan-rdma"})";

/// The error of an ADD that is answered by these commands.
Error add_error(const PluginDir& dir, std::string_view commands) {
  const CapturedStderr quiet(dir.file("stderr"));
  const auto result = dir.plugin(commands).add(kConfig, kV100, make_budget());
  REQUIRE_FALSE(result);
  return result.error();
}

/// A plugin that knows 1.0.0 at most and notes its calls.
constexpr const char* kOldPlugin = R"(
  config=$(cat)
  echo "$CNI_COMMAND" >>calls
  case "$config" in
    *'"1.0.0"'*) ;;
    *) echo '{"cniVersion":"1.0.0","code":1,"msg":"incompatible CNI versions"}'; exit 1 ;;
  esac
  test "$CNI_COMMAND" != ADD || )";

}  // namespace

TEST_CASE("an IPAM plugin is the first regular file of that name in CNI_PATH", "[ipam]") {
  const PluginDir first;
  const PluginDir second;
  const Budget budget = make_budget();
  fs::create_directory(first.file("fake"));
  second.put("fake", std::string("#!/bin/sh\n") + kPrintResult);
  const std::string cni_path = "::" + first.path() + "::" + second.path() + ":";
  CHECK(unwrap(Plugin::find("fake", cni_path)).add(kConfig, kV100, budget));

  SECTION("a FIFO is none") {
    fs::remove(first.file("fake"));
    REQUIRE(::mkfifo(first.file("fake").c_str(), 0755) == 0);
    CHECK(unwrap(Plugin::find("fake", cni_path)).add(kConfig, kV100, budget));
  }
  SECTION("a link to a file is one, and the first wins") {
    first.put("other", "#!/bin/sh\nexit 7");
    fs::remove(first.file("fake"));
    fs::create_symlink("other", first.file("fake"));
    const auto result = unwrap(Plugin::find("fake", cni_path)).add(kConfig, kV100, budget);
    CHECK_THAT(result.error().msg, Contains("exit status 7"));
  }
}

TEST_CASE("a missing IPAM plugin is reported with the directories searched", "[ipam]") {
  const auto missing = Plugin::find("host-local", "/nowhere/a::/nowhere/b");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Code::ipam_failed);
  CHECK(missing.error().sys_errno == ENOENT);
  CHECK_THAT(missing.error().msg,
             Contains("ipam host-local: ") && Contains("/nowhere/a") && Contains("/nowhere/b"));
  CHECK_FALSE(Plugin::find("host-local", ""));
  CHECK_FALSE(Plugin::find("host-local", "::"));
}

TEST_CASE("a plugin that cannot be executed is reported with its path and errno", "[ipam]") {
  const PluginDir dir;
  dir.put("fake", "#!/bin/sh\n", 0644);
  const auto result = unwrap(Plugin::find("fake", dir.path())).add(kConfig, kV100, make_budget());
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::ipam_failed);
  CHECK(result.error().sys_errno == EACCES);
  CHECK_THAT(result.error().msg, Contains("EACCES") && Contains(dir.file("fake")));
  CHECK(mvr::test::has_no_children());
}

TEST_CASE("a plugin's error document keeps its code and text", "[ipam]") {
  const PluginDir dir;
  const Error error = add_error(dir, R"(
    echo 'could not lock' >&2
    echo '{"cniVersion":"1.0.0","code":11,"msg":"try later","details":"pool is busy"}'
    exit 1)");
  CHECK(error.code == Code::try_again);
  CHECK(error.msg == "ipam fake: try later");
  CHECK(error.details == "pool is busy\ncould not lock");
}

TEST_CASE("a plugin that stumbles over a placeholder is not to blame", "[ipam]") {
  const auto explain = [](int code, const std::string& msg, const std::string& details = "") {
    return mvr::ipam::explain_refusal("fake", {static_cast<Code>(code), 0, msg, details});
  };
  const std::string text = "ipam fake: invalid CIDR address: CHANGE-ME-subnet-of-rail-1";
  const Error error = explain(999, text, "more");
  CHECK(error.code == Code::ipam_failed);
  CHECK(error.msg ==
        "ipam fake: refused the placeholder CHANGE-ME-subnet-of-rail-1 in the configuration's ipam "
        "section; write the value");
  CHECK(error.details == text + " (code 999)\nmore");
  CHECK(explain(7, text) == Error{Code::bad_config, 0, text});
  CHECK(explain(999, "no addresses left") == Error{static_cast<Code>(999), 0, "no addresses left"});
}

TEST_CASE("a plugin's error that says nothing is told as such", "[ipam]") {
  const PluginDir dir;
  const auto answer = [&](const std::string& document) {
    return add_error(dir, "echo '" + document + "'; exit 1");
  };
  CHECK(answer(R"({"code":0,"msg":"pool is empty"})") ==
        Error{Code::ipam_failed, 0, "ipam fake: pool is empty"});
  CHECK(answer(R"({"code":0,"msg":" "})") ==
        Error{Code::ipam_failed, 0, "ipam fake: failed without a word (code 0)"});
  CHECK(answer(R"({"code":11,"msg":""})") ==
        Error{Code::try_again, 0, "ipam fake: failed without a word (code 11)"});
}

TEST_CASE("a plugin that fails without a document is named with its exit status", "[ipam]") {
  const PluginDir dir;
  SECTION("text on standard error goes to the details") {
    const Error error = add_error(dir, "echo 'no more addresses' >&2; exit 3");
    CHECK(error.code == Code::ipam_failed);
    CHECK(error.msg == "ipam fake: exit status 3");
    CHECK(error.details == "no more addresses");
  }
  SECTION("nothing at all") {
    const Error error = add_error(dir, "exit 3");
    CHECK(error == Error{Code::ipam_failed, 0, "ipam fake: exit status 3"});
  }
  SECTION("rubbish on standard output is shown on one line") {
    const Error error = add_error(dir, "printf 'panic:\\n at 1\\n'; exit 2");
    CHECK(error.msg == R"(ipam fake: exit status 2, printed: panic:\x0a at 1)");
  }
  SECTION("a signal has its name") {
    CHECK(add_error(dir, "kill -KILL $$").msg == "ipam fake: killed by signal 9 (SIGKILL)");
    CHECK(add_error(dir, "kill -TERM $$").msg == "ipam fake: killed by signal 15 (SIGTERM)");
  }
}

TEST_CASE("what is no result is refused", "[ipam]") {
  const PluginDir dir;
  SECTION("no JSON") {
    const Error error = add_error(dir, R"(
      echo 'the reason' >&2
      printf 'rubbish\033[2J'; head -c 2000 /dev/zero | tr '\0' x)");
    CHECK(error.code == Code::ipam_failed);
    CHECK(error.details == "the reason");
    CHECK_THAT(error.msg, Contains(R"(printed what is no result: rubbish\x1b[2Jxxx)"));
    CHECK(error.msg.size() < 600);
  }
  SECTION("nothing") {
    CHECK(add_error(dir, "exit 0").code == Code::ipam_failed);
  }
  SECTION("no address") {
    const Error error = add_error(dir, R"(echo '{"cniVersion":"1.0.0","ips":[]}')");
    CHECK(error == Error{Code::ipam_failed, 0, "ipam fake: returned no address"});
  }
  SECTION("a field of the wrong form") {
    const Error error = add_error(dir, R"(echo '{"cniVersion":"1.0.0","ips":[{"address":"x"}]}')");
    CHECK(error.code == Code::ipam_failed);
  }
  SECTION("verbs that return nothing do not look at it") {
    CHECK(dir.plugin("echo rubbish").call("DEL", kConfig, kV100, make_budget()));
  }
}

TEST_CASE("the result of ADD is returned", "[ipam]") {
  const PluginDir dir;
  const auto result = unwrap(dir.plugin(kPrintResult).add(kConfig, kV100, make_budget()));
  REQUIRE(result.ips.size() == 1);
  CHECK(result.ips.front().address.to_string() == "172.16.11.10/24");
}

TEST_CASE("a plugin without 1.1.0 is asked once more in 1.0.0", "[ipam]") {
  const PluginDir dir;
  const Budget budget = make_budget();
  const Plugin plugin = dir.plugin(std::string(kOldPlugin) + kPrintResult);
  CHECK(plugin.add(kConfig110, kV110, budget));
  CHECK(dir.text_of("calls") == "ADD\nADD\n");
  CHECK(plugin.call("CHECK", kConfig110, kV110, budget));
  CHECK(plugin.call("DEL", kConfig110, kV110, budget));
  CHECK(dir.text_of("calls") == "ADD\nADD\nCHECK\nCHECK\nDEL\nDEL\n");
}

TEST_CASE("a refused version is reported when there is no other to offer", "[ipam]") {
  const PluginDir dir;
  const Plugin plugin = dir.plugin(R"(
    echo "$CNI_COMMAND" >>calls
    echo '{"cniVersion":"1.0.0","code":1,"msg":"incompatible CNI versions"}'
    exit 1)");
  SECTION("1.0.0 is not repeated") {
    const auto result = plugin.add(kConfig, kV100, make_budget());
    CHECK(result.error().code == Code::incompatible_version);
    CHECK(dir.text_of("calls") == "ADD\n");
  }
  SECTION("1.1.0 is repeated once") {
    const auto result = plugin.call("DEL", kConfig110, kV110, make_budget());
    CHECK(result.error().code == Code::incompatible_version);
    CHECK(dir.text_of("calls") == "DEL\nDEL\n");
  }
}

TEST_CASE("STATUS and GC of a plugin that has neither succeed", "[ipam]") {
  const PluginDir dir;
  const Budget budget = make_budget();
  const auto answer = [&](const std::string& code, const std::string& msg) {
    return dir.plugin("echo '{\"cniVersion\":\"1.0.0\",\"code\":" + code + ",\"msg\":\"" + msg +
                      "\"}'; echo x >>calls; exit 1");
  };
  for (const char* verb : {"STATUS", "GC"}) {
    CHECK(answer("1", "incompatible").call(verb, kConfig110, kV110, budget));
    CHECK(answer("4", "unknown CNI_COMMAND: STATUS").call(verb, kConfig110, kV110, budget));
    CHECK(answer("3", "missing containerID").call(verb, kConfig110, kV110, budget));
    CHECK_FALSE(answer("5", "unknown CNI_COMMAND: x").call(verb, kConfig110, kV110, budget));
    CHECK_FALSE(answer("4", "CNI_PATH missing").call(verb, kConfig110, kV110, budget));
    CHECK(answer("50", "no pool").call(verb, kConfig110, kV110, budget).error().code ==
          Code::unavailable);
  }
  CHECK(dir.text_of("calls").size() == 2 * 2 * 6);
  CHECK_FALSE(answer("4", "unknown CNI_COMMAND: DEL").call("DEL", kConfig110, kV110, budget));
}

TEST_CASE("host-local gives and takes back an address, whatever the version", "[ipam]") {
  const std::string directory = "/usr/lib/cni";
  if (!fs::exists(directory + "/host-local")) {
    WARN("skipped: " << directory << "/host-local is not installed");
    return;
  }
  const PluginDir dir;
  const Budget budget = make_budget();
  for (const auto& [key, value] : {std::pair("CNI_CONTAINERID", "pod1"),
                                   {"CNI_NETNS", "/run/netns/none"},
                                   {"CNI_IFNAME", "net1"},
                                   {"CNI_PATH", "/usr/lib/cni"}}) {
    ::setenv(key, value, 1);
  }
  for (const Version& version : {Version{0, 3, 1}, Version{0, 4, 0}, kV100, kV110}) {
    const std::string config =
        R"({"cniVersion":")" + version.to_string() +
        R"(","name":"rail1","type":"macvlan-rdma","ipam":{"type":"host-local","dataDir":")" +
        dir.path() + R"(","ranges":[[{"subnet":"172.16.11.0/24","gateway":"172.16.11.254"}]]}})";
    INFO(config);
    const Plugin plugin = unwrap(Plugin::find("host-local", directory));
    const auto result = unwrap(plugin.add(config, version, budget));
    REQUIRE(result.ips.size() == 1);
    const std::string lease = "rail1/" + result.ips[0].address.address.to_string();
    CHECK_THAT(dir.text_of(lease), Contains("pod1"));
    unwrap(plugin.call("DEL", config, version, budget));
    CHECK_FALSE(fs::exists(dir.file(lease)));
    unwrap(plugin.call("DEL", config, version, budget));
    unwrap(plugin.call("STATUS", config, version, budget));
  }
}
