// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma gc`: what dead attachments have left is undone, and nothing of the living.
#include <fcntl.h>
#include <sys/mount.h>

#include <csignal>
#include <filesystem>

#include "mvr/state/journal.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;
namespace state = mvr::state;

namespace {

void expect_output(const Output& output, int status, const std::vector<std::string>& lines) {
  INFO(output.out << output.err);
  CHECK(output.status == status);
  std::string text;
  for (const std::string& line : lines) {
    text += line + '\n';
  }
  CHECK(output.out == text);
}

std::string name_of(int n, const std::string& container = kContainerId) {
  return "gpu" + std::to_string(n) + "-macvlan/" + container + "/net" + std::to_string(n);
}

json fake_config() {
  return rail_config_with(1, {{"type", "fake"}});
}

}  // namespace

TEST_CASE("gc undoes what pods left whose namespaces are gone, and no other", "[gc]") {
  OnePod world({.rails = 2});
  const Pod other = world.scenario.add_pod("other");
  Runtime other_runtime(other, "other-container");
  add_or_fail(world.runtime, 1);
  const json before = snapshot_world({"pod"});
  add_or_fail(other_runtime, 1);
  add_or_fail(other_runtime, 2);
  remove_netns("other");
  const Output gone = run_gc();
  INFO(gone.out << gone.err);
  CHECK(gone.status == 0);
  for (const int n : {1, 2}) {
    const std::string line =
        "undone  " + name_of(n, "other-container") + " of training/other: its namespace is gone\n";
    CHECK(gone.out.find(line) != std::string::npos);
  }
  CHECK(gone.out.ends_with("\n3 attachments: 1 alive, 2 undone\n"));
  CHECK(gone.err.empty());
  CHECK(difference(before, snapshot_world({"pod"})).find("lease") == std::string::npos);
  CHECK(snapshot_leases().size() == 1);
  CHECK(count_journals() == 1);
  check_ok(world.runtime.check(1));
  expect_output(run_gc(), 0, {"1 attachment: 1 alive"});
}

TEST_CASE("gc undoes an ADD that was killed, and calls IPAM as that did", "[gc]") {
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.script("ADD", "kill -9 $PPID");
  world.use(ipam);
  const Call add = world.make_call("ADD", "net1", fake_config());
  REQUIRE(run_plugin(add).status == -SIGKILL);
  CHECK(count_journals() == 1);
  SECTION("unless it is only asked") {
    const json killed = snapshot_world({"pod"});
    expect_output(run_gc({"--dry-run"}), 0,
                  {"dead    " + name_of(1) + " of training/pod: its ADD has not ended well",
                   "1 attachment: 1 dead"});
    CHECK(difference(killed, snapshot_world({"pod"})) == "");
    CHECK(ipam.calls() == Lines{"ADD"});
  }
  expect_output(run_gc(), 0,
                {"undone  " + name_of(1) + " of training/pod: its ADD has not ended well",
                 "1 attachment: 1 undone"});
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});
  CHECK(ipam.last_input() == add.config.dump());
  CHECK(world.changes() == "");
}

TEST_CASE("gc leaves a call alone that is under way", "[gc]") {
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.hang();
  world.use(ipam);
  Process add(make_command(world.make_call("ADD", "net1", fake_config())));
  REQUIRE(eventually([&] { return !ipam.calls().empty(); }));
  expect_output(run_gc(), 0,
                {"busy    " + name_of(1) + " of training/pod", "1 attachment: 1 busy"});
  add.signal(SIGTERM);
  CHECK(make_answer(add.wait()).code() == 110);
  CHECK(world.changes() == "");
  expect_output(run_gc(), 0, {"0 attachments"});
}

TEST_CASE("gc undoes what a NIC left that somebody has removed", "[gc]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(2)) == "");
  world.look();
  REQUIRE(failure(world.add(1)) == "");
  ip({"-n", "pod", "link", "delete", "net1"});
  expect_output(run_gc(), 0,
                {"undone  " + name_of(1) + " of training/pod: its NIC is gone",
                 "2 attachments: 1 alive, 1 undone"});
  CHECK(world.changes() == "");
  CHECK(failure(world.check(2)) == "");
}

TEST_CASE("gc takes no NIC for gone that its pod has renamed", "[gc]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  ip({"-n", "pod", "link", "set", "net1", "name", "rail0"});
  expect_output(run_gc(), 0, {"1 attachment: 1 alive"});
  ip({"-n", "pod", "link", "set", "rail0", "name", "net1"});
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("gc takes no pod for gone that it cannot see while its NIC is there", "[gc]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  const std::string path = world.pod().netns;
  const mvr::Fd pod(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(umount2(path.c_str(), MNT_DETACH) == 0);
  expect_output(run_gc(), 0, {"1 attachment: 1 alive"});
  CHECK(snapshot_leases().size() == 1);
  const std::string open_file = "/proc/self/fd/" + std::to_string(pod.get());
  REQUIRE(mount(open_file.c_str(), path.c_str(), "", MS_BIND, nullptr) == 0);
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("gc gives the node's routes back", "[gc]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1, {{"hostRuleTable", 500}})) == "");
  REQUIRE(ip_json("", {"route", "show", "table", "500"}).size() == 1);
  remove_netns("pod");
  CHECK(run_gc().status == 0);
  CHECK(ip_json("", {"rule", "show", "table", "500"}).empty());
  CHECK(ip_json("", {"route", "show", "table", "all"}).dump().find("\"500\"") == std::string::npos);
  CHECK(snapshot_leases().empty());
  CHECK(count_journals() == 0);
}

TEST_CASE("gc goes on after a failure, says so, and does the rest the next time", "[gc]") {
  OnePod world({.rails = 2});
  const FakeIpam ipam;
  ipam.answer_address("172.16.11.10/24", rail_gateway(1));
  REQUIRE(run_plugin(add_call(world.runtime, ipam)).ok());
  add_or_fail(world.runtime, 2);
  remove_netns("pod");
  ipam.fail("DEL", 11, "the store is away");
  const Output failed = run_gc();
  INFO(failed.out << failed.err);
  CHECK(failed.status == 1);
  CHECK(failed.out.find("failed  " + name_of(1) +
                        " of training/pod: ipam fake: the store is away") != std::string::npos);
  CHECK(failed.out.ends_with("\n2 attachments: 1 undone, 1 failed\n"));
  CHECK(count_journals() == 1);
  ipam.answer(json::object());
  CHECK(run_gc().status == 0);
  CHECK(count_journals() == 0);
}

TEST_CASE("gc says when it cannot know how to give a lease back", "[gc]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  const json files = snapshot_files(std::string(kStateDir));
  for (const auto& [path, content] : files.items()) {
    json record = json::parse(content.get<std::string>());
    REQUIRE(record.erase("request") == 1);
    put_file(path, record.dump(), 0600);
  }
  remove_netns("pod");
  const Output output = run_gc();
  expect_words(output.err, {"level=warn", "does not say how to call IPAM", "ipam=host-local"});
  CHECK(output.status == 0);
  CHECK(count_journals() == 0);
  CHECK(snapshot_leases().size() == 1);
}

TEST_CASE("gc believes no journal that it did not write, and shows no escapes", "[gc]") {
  isolate();
  const std::string directory(kStateDir);
  const std::string scratch(kScratchDir);
  put_file(scratch + "/hostile", "#!/bin/sh\ntouch \"$0.was-run\"\n", 0755);
  state::Record record;
  record.attachment = {"rail\x1b[2J", "a\nb", "net1"};
  record.netns_path = "/no\x1b[1m/where";
  record.ipam_type = "../scratch/hostile";
  record.request = {R"({"cniVersion": "1.0.0", "name": "rail\u001b[2J", "type": "macvlan-rdma",)"
                    R"("ipam": {"type": "../scratch/hostile"}})",
                    directory, ""};
  {
    auto journal = state::Journal::open(directory, record.attachment,
                                        mvr::Budget::grace(std::chrono::seconds(1)));
    REQUIRE(journal);
    REQUIRE(journal->write(record));
  }
  const std::string broken = directory + "/0123456789abcdef0123456789abcdef.json";
  put_file(broken, "{\"format\":", 0600);
  const Output output = run_gc();
  INFO(output.out << output.err);
  CHECK(output.status == 1);
  CHECK((output.out + output.err).find('\x1b') == std::string::npos);
  CHECK(output.out.find("undone  rail\\x1b[2J/a\\x0ab/net1: its namespace is gone") !=
        std::string::npos);
  CHECK(output.out.find("failed  journal " + broken + " says nothing that is understood") !=
        std::string::npos);
  CHECK(std::filesystem::exists(broken));
  CHECK_FALSE(std::filesystem::exists(scratch + "/hostile.was-run"));
}

TEST_CASE("gc refuses a command line that it does not know", "[gc]") {
  isolate();
  const auto [options, status, to_stdout] =
      GENERATE(table<std::vector<std::string>, int, bool>({{{"--frobnicate"}, 2, false},
                                                           {{"net1"}, 2, false},
                                                           {{"--state-dir"}, 2, false},
                                                           {{"--dry-run", "--", "x"}, 2, false},
                                                           {{"--help"}, 0, true}}));
  const Output output = run_gc(options);
  CHECK(output.status == status);
  if (to_stdout) {
    expect_words(output.out, {"Usage: macvlan-rdma gc", "--dry-run"});
  } else {
    expect_words(output.err, {"macvlan-rdma gc: ", "Try \"macvlan-rdma gc --help\"."});
  }
  CHECK((to_stdout ? output.err : output.out).empty());
}

TEST_CASE("gc refuses a directory that somebody has mistyped", "[gc]") {
  isolate();
  const auto [directory, words] =
      GENERATE(table<std::string, std::string>({{"run/macvlan-rdma", "must be an absolute path"},
                                                {"", "must be an absolute path"},
                                                {"/run/macvlan-rdam", "no such directory"},
                                                {"/etc/hostname", "no such directory"}}));
  const Output output = run_gc({"--state-dir", directory});
  INFO(output.out << output.err);
  CHECK(output.status == (directory.starts_with('/') ? 1 : 2));
  CHECK(output.out.empty());
  expect_words(output.err, {"--state-dir", words});
}

TEST_CASE("gc of a node without journals, or with a directory that anybody can write", "[gc]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  expect_output(run_gc(), 0, {"0 attachments"});
  REQUIRE(failure(world.add(1)) == "");
  remove_netns("pod");
  std::filesystem::permissions(kStateDir, std::filesystem::perms::all);
  const Output output = run_gc();
  CHECK(output.status == 1);
  expect_words(output.out, {"failed", std::string(kStateDir), "writable by nobody else"});
  CHECK(snapshot_leases().size() == 1);
}

TEST_CASE("gc says that it needs root", "[gc]") {
  isolate();
  const Output output =
      run({.argv = {"setpriv", "--reuid=65534", "--clear-groups", plugin_path(), "gc"}});
  CHECK(output.status == 1);
  CHECK(output.out.empty());
  CHECK(output.err ==
        "macvlan-rdma gc: must be run as root: it removes links, routes and leases\n");
}
