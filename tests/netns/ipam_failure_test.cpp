// SPDX-License-Identifier: Apache-2.0
// IPAM plugins that are not there or fail: a clear error, everything undone, the address given
// back.
#include <sys/stat.h>

#include "support/catch.hpp"
#include "support/fake_ipam.hpp"
#include "support/ipam_scripts.hpp"
#include "support/link_state.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

/// A pod whose only rail asks the fake plugin.
struct Rig {
  Refusals refusals = {};
  FakeIpam ipam = FakeIpam();

  [[nodiscard]] Call call(const json& patch = json::object()) const {
    Call call = refusals.call(patch);
    call.config["ipam"] = ipam.section();
    call.cni_path = ipam.dir();
    return call;
  }

  /// The refusal, after which IPAM DEL has been called.
  Answer expect(const Call& call, int code, const std::vector<std::string>& words) const {
    const Answer answer = refusals.expect_call(call, code, words);
    CHECK(answer.message().starts_with("net1: "));
    CHECK(ipam.calls() == Lines{"ADD", "DEL"});
    return answer;
  }
};

}  // namespace

TEST_CASE("an IPAM plugin that is missing is named with the directories", "[ipam-failure]") {
  Rig rig;
  Call call = rig.refusals.call({{"ipam", {{"type", "not-installed"}}}});
  call.cni_path = "/nowhere/a::/nowhere/b:" + rig.ipam.dir();
  rig.refusals.expect_call(
      call, 102,
      {"ipam not-installed: no such file in CNI_PATH", "/nowhere/a", "/nowhere/b", rig.ipam.dir()});
}

TEST_CASE("an IPAM plugin that is a directory counts as missing", "[ipam-failure]") {
  Rig rig;
  const std::string dir = std::string(kScratchDir) + "/first";
  put_file(dir + "/fake/x", "");
  Call call = rig.call();
  call.cni_path = dir;
  rig.refusals.expect_call(call, 102, {"ipam fake: no such file in CNI_PATH", dir});
  rig.ipam.answer_address(rail_address(1) + "/24", rail_gateway(1));
  call.cni_path = dir + ":" + rig.ipam.dir();
  CHECK(run_plugin(call).ok());
}

TEST_CASE("an IPAM plugin that cannot be executed is named with the reason", "[ipam-failure]") {
  Rig rig;
  const std::string program = rig.ipam.dir() + "/fake";
  SECTION("no permission") {
    REQUIRE(chmod(program.c_str(), 0644) == 0);
    rig.refusals.expect_call(rig.call(), 102, {"ipam fake", program, "EACCES"});
  }
  SECTION("no program") {
    put_file(program,
             "\x7f"
             "ELF and nothing else",
             0755);
    rig.refusals.expect_call(rig.call(), 102, {"ipam fake", program, "ENOEXEC"});
  }
  SECTION("an interpreter that is missing") {
    put_file(program, "#!/no/such/interpreter\n", 0755);
    rig.refusals.expect_call(rig.call(), 102, {"ipam fake", program, "ENOENT"});
  }
}

TEST_CASE("an IPAM plugin's error document keeps code and text", "[ipam-failure]") {
  Rig rig;
  const int code = GENERATE(1, 11, 102, 999);
  rig.ipam.fail("ADD", code, "no addresses left in pool a");
  const Answer answer = rig.expect(rig.call(), code, {});
  CHECK(answer.message() == "net1: ipam fake: no addresses left in pool a");
}

TEST_CASE("host-local that finds a placeholder is no riddle", "[ipam-failure]") {
  const Refusals refusals;
  Call call = refusals.call();
  call.config["ipam"] = {{"type", "host-local"},
                         {"ranges", {{{{"subnet", "CHANGE-ME-subnet-of-rail-1"}}}}}};
  const Answer answer = refusals.expect_call(
      call, 102, {"ipam host-local", "placeholder CHANGE-ME-subnet-of-rail-1", "ipam section"});
  CHECK(json::parse(answer.out)["details"].get<std::string>().find("invalid CIDR address") !=
        std::string::npos);
}

TEST_CASE("an IPAM plugin's details and standard error are kept", "[ipam-failure]") {
  Rig rig;
  rig.ipam.script(
      "ADD",
      "echo 'first line' >&2; echo 'second line' >&2\n"
      "echo '{\"code\":11,\"msg\":\"later\",\"details\":\"the lock is taken\"}'\nexit 1");
  const Answer answer = rig.expect(rig.call(), 11, {"ipam fake: later"});
  expect_words(answer.details(), {"the lock is taken", "first line\nsecond line"});
  expect_words(answer.err, {"first line\nsecond line\n"});
}

TEST_CASE("an IPAM plugin that fails with text is quoted", "[ipam-failure]") {
  Rig rig;
  rig.ipam.script("ADD", "echo 'out of luck'; echo 'and of ideas' >&2; exit 3");
  const Answer answer =
      rig.expect(rig.call(), 102, {"ipam fake: exit status 3", "printed: out of luck"});
  CHECK(answer.details() == "and of ideas");
}

TEST_CASE("an IPAM plugin that fails without a word is reported with its status",
          "[ipam-failure]") {
  Rig rig;
  rig.ipam.script("ADD", "exit 7");
  rig.expect(rig.call(), 102, {"ipam fake: exit status 7"});
}

TEST_CASE("an IPAM plugin that is killed is reported with the signal", "[ipam-failure]") {
  Rig rig;
  rig.ipam.die_by_signal();
  rig.expect(rig.call(), 102, {"ipam fake: killed by signal 9 (SIGKILL)"});
}

TEST_CASE("an IPAM plugin that prints rubbish, or nothing, is reported", "[ipam-failure]") {
  Rig rig;
  SECTION("rubbish") {
    rig.ipam.print_rubbish();
    rig.expect(rig.call(), 102, {"ipam fake: printed what is no result", "this is { no JSON"});
  }
  SECTION("nothing") {
    rig.ipam.print_nothing();
    rig.expect(rig.call(), 102, {"ipam fake: printed what is no result"});
  }
  SECTION("another type") {
    rig.ipam.script("ADD", "echo '[]'");
    rig.expect(rig.call(), 102, {"ipam fake: printed what is no result", "must be a JSON object"});
  }
  SECTION("a second document") {
    rig.ipam.script("ADD", "echo '{\"ips\":[]}{}'");
    rig.expect(rig.call(), 102, {"ipam fake: printed what is no result"});
  }
  SECTION("brackets without end") {
    rig.ipam.script("ADD", "yes '[' | head -c 400000 | tr -d '\\n'");
    CHECK(rig.expect(rig.call(), 102, {"nested deeper than"}).message().size() < 2000);
  }
}

TEST_CASE("an IPAM plugin that prints 100 MB is stopped", "[ipam-failure]") {
  Rig rig;
  rig.ipam.print_huge();
  const Answer answer =
      rig.expect(rig.call(), 102, {"ipam fake: printed more than 16777216 bytes"});
  CHECK(answer.message().size() < 1000);
}

TEST_CASE("an IPAM plugin that hangs costs the time that is allowed, and no more",
          "[ipam-failure]") {
  Rig rig;
  const std::string note = rig.ipam.dir() + "/pid";
  rig.ipam.script("ADD", "echo $$ > '" + note + "'\nexec sleep 1000");
  const auto start = std::chrono::steady_clock::now();
  rig.expect(rig.call({{"timeout", "1s"}, {"gatewayProbe", false}}), 110,
             {"ipam fake", "timeout 1000ms is used up"});
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(6));
  CHECK(dies(std::stoi(mvr::read_file(note, 20).value_or("1"))));
}

TEST_CASE("an IPAM plugin that hangs in the undo as well ends after the grace time",
          "[ipam-failure]") {
  Rig rig;
  rig.ipam.script("ADD", "exit 7\nfi\nif [ \"$CNI_COMMAND\" = DEL ]; then\nexec sleep 1000");
  const auto start = std::chrono::steady_clock::now();
  const Answer answer = run_plugin(rig.call());
  INFO(answer);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(12));
  expect_error(answer, 102);
  expect_words(answer.message(), {"exit status 7"});
  CHECK(rig.ipam.calls() == Lines{"ADD", "DEL"});
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
}

TEST_CASE("an IPAM plugin gets our standard input byte for byte, and our environment",
          "[ipam-failure]") {
  Rig rig;
  rig.ipam.script("ADD",
                  "env | grep -E '^(CNI_|TRACE)' | sort >&2\n"
                  "echo '{\"code\":11,\"msg\":\"enough\"}'; exit 1");
  Call call = rig.call();
  call.input = " " + call.config.dump(3) + "\n\n";
  call.env = {{"TRACESTATE", "a=b"}};
  const Answer answer = rig.expect(call, 11, {"enough"});
  CHECK(rig.ipam.last_input() == *call.input);
  expect_words(
      answer.err,
      {"CNI_COMMAND=ADD\n", std::string("CNI_CONTAINERID=") + kContainerId + "\n",
       "CNI_IFNAME=net1\n", "CNI_NETNS=/run/netns/pod\n", "CNI_PATH=" + rig.ipam.dir() + "\n",
       "CNI_ARGS=IgnoreUnknown=true;", "TRACESTATE=a=b\n"});
}

TEST_CASE("an ADD that IPAM refuses leaves no journal, though IPAM refuses DEL as well",
          "[ipam-failure]") {
  OnePod world;
  const FakeIpam ipam;
  put_file(ipam.dir() + "/fake",
           "#!/bin/sh\n"
           "echo '{\"cniVersion\":\"1.0.0\",\"code\":7,\"msg\":\"no such pool\"}'\n"
           "exit 1\n",
           0755);
  const Answer added = run_plugin(add_call(world.runtime, ipam));
  INFO(added);
  CHECK(added.message() == "net1: ipam fake: no such pool");
  CHECK(added.err.find("undo: ipam fake: no such pool") != std::string::npos);
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that cannot take all back says what is left", "[ipam-failure]") {
  OnePod world;
  const FakeIpam ipam;
  put_file(ipam.dir() + "/fake",
           "#!/bin/sh\n"
           "if [ $CNI_COMMAND = ADD ]; then\n"
           "  echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"172.16.11.10/24\","
           "\"gateway\":\"172.16.11.254\"}]}'\n"
           "else\n"
           "  echo '{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"the store is away\"}'\n"
           "  exit 1\n"
           "fi\n",
           0755);
  Scenario::silence_gateway(1);
  const Answer added = run_plugin(add_call(world.runtime, ipam));
  INFO(added);
  CHECK(added.code() == 104);
  CHECK(added.details() == "left behind, for DEL to remove: ipam fake: the store is away");
  CHECK(count_journals() == 1);
}
