// SPDX-License-Identifier: Apache-2.0
// Where the log goes: a file that is appended to, or standard error if that cannot be.
#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/log_lines.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

const std::string kFile = std::string(kScratchDir) + "/mvr.log";

struct Rig {
  Scenario scenario = Scenario({.rails = 1});
  Pod pod = scenario.add_pod("pod");
  Runtime runtime = Runtime(pod);

  Answer add(const json& more = json::object()) {
    json config = rail_config(1);
    config["logFile"] = kFile;
    config.update(more);
    return runtime.add("net1", config);
  }
};

std::vector<LogLine> lines_in_file() {
  return read_log(mvr::read_file(kFile, 1 << 20).value_or(""));
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status;
}

/// ADD works, and says on standard error why the file is not used.
void expect_warning(Rig& rig, const std::vector<std::string>& words) {
  const Answer answer = rig.add();
  INFO(answer);
  REQUIRE(answer.ok());
  const auto lines = read_log(answer.err);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("level") == "warn");
  expect_words(lines[0].at("msg"), {"logFile", "logging to standard error"});
  expect_words(lines[0].at("msg"), words);
  CHECK(lines[1].at("msg") == "ADD");
}

}  // namespace

TEST_CASE("a log file is made for its owner and group alone", "[log]") {
  Rig rig;
  umask(0);
  const Answer answer = rig.add();
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(answer.err.empty());
  CHECK((status_of(kFile).st_mode & 07777U) == 0640);
  CHECK(status_of(kFile).st_uid == geteuid());
  REQUIRE(lines_in_file().size() == 1);
  CHECK(lines_in_file()[0].at("msg") == "ADD");
}

TEST_CASE("a log file is appended to by every verb, failures too", "[log]") {
  Rig rig;
  put_file(kFile, "time=t level=info msg=before\n", 0600);
  REQUIRE(rig.add().ok());
  REQUIRE(rig.runtime.check("net1").ok());
  Call again = rig.runtime.call("ADD", "net1");
  CHECK(run_plugin(again).code() == 101);
  again.config["mode"] = "ipvlan";
  CHECK(run_plugin(again).code() == 7);
  REQUIRE(rig.runtime.del("net1").ok());
  std::string verbs;
  for (const LogLine& line : lines_in_file()) {
    verbs += line.at("msg") + (line.count("code") != 0 ? ":" + line.at("code") : "") + " ";
  }
  CHECK(verbs == "before ADD:0 CHECK:0 ADD:101 ADD:7 DEL:0 ");
  CHECK((status_of(kFile).st_mode & 07777U) == 0600);
}

TEST_CASE("warnings and steps go to the log file as well", "[log]") {
  Rig rig;
  const Answer answer = rig.add({{"logLevel", "debug"}, {"mtus", 1}});
  REQUIRE(answer.ok());
  CHECK(answer.err.empty());
  CHECK(lines_in_file().front().at("level") == "warn");
  CHECK(lines_in_file().size() > 10);
}

TEST_CASE("a symbolic link is not followed", "[log]") {
  Rig rig;
  const std::string target = std::string(kScratchDir) + "/target";
  put_file(target, "precious");
  REQUIRE(symlink(target.c_str(), kFile.c_str()) == 0);
  expect_warning(rig, {kFile, "ELOOP"});
  CHECK(mvr::read_file(target, 100).value_or("") == "precious");
}

TEST_CASE("a log file that cannot be written costs a warning, not the pod", "[log]") {
  Rig rig;
  SECTION("a directory") {
    REQUIRE(mkdir(kFile.c_str(), 0755) == 0);
    expect_warning(rig, {kFile, "EISDIR"});
  }
  SECTION("a fifo without reader") {
    REQUIRE(mkfifo(kFile.c_str(), 0600) == 0);
    expect_warning(rig, {kFile, "ENXIO"});
  }
  SECTION("in a directory that is missing") {
    json config = rail_config(1);
    config["logFile"] = "/run/no/such/dir/log";
    const Answer answer = rig.runtime.add("net1", config);
    REQUIRE(answer.ok());
    expect_words(answer.err, {"/run/no/such/dir/log", "ENOENT", "logging to standard error"});
  }
}

TEST_CASE("a full disk costs the line, not the pod", "[log]") {
  Rig rig;
  const Answer answer = rig.add({{"logFile", "/dev/full"}});
  INFO(answer);
  CHECK(answer.ok());
  CHECK(read_links("pod") == Lines{"eth0", "lo", "net1"});
}

TEST_CASE("lines of calls at the same time do not mix", "[log]") {
  Scenario scenario({.rails = 1});
  constexpr int kPods = 4;
  json config = rail_config(1);
  config.update({{"logFile", kFile}, {"logLevel", "debug"}});
  std::vector<Process> calls;
  for (int i = 0; i < kPods; ++i) {
    const Pod pod = scenario.add_pod("pod" + std::to_string(i));
    Call call = Runtime(pod, "container" + std::to_string(i)).call("ADD", "net1", config);
    calls.emplace_back(make_command(call));
  }
  for (Process& call : calls) {
    const Answer answer = make_answer(call.wait());
    INFO(answer);
    CHECK(answer.ok());
  }
  int verbs = 0;
  for (const LogLine& line : lines_in_file()) {
    verbs += line.at("msg") == "ADD" ? 1 : 0;
  }
  CHECK(verbs == kPods);
}
