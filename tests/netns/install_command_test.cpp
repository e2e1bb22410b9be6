// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma install`: the directory has the old program or the new one, whole, at any time.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "mvr/state/journal.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/refusal.hpp"
#include "support/tracee.hpp"
#include "support/unit_dir.hpp"

using namespace mvr::test;
namespace state = mvr::state;

namespace {

const std::string kDir = std::string(kScratchDir) + "/bin";
const std::string kFile = kDir + "/macvlan-rdma";
const std::string kTemporary = kDir + "/.macvlan-rdma.new";

/// What a file looks like that is a program of ours of this version.
std::string program_of(const std::string& version) {
  return "\x7f"
         "ELF...macvlan-rdma-version=" +
         version + ";...";
}

std::vector<std::string> command(std::vector<std::string> options) {
  options.insert(options.begin(), {plugin_path(), "install"});
  return options;
}

Output install(std::vector<std::string> options = {}, const std::string& directory = kDir) {
  options.insert(options.end(), {"--to", directory});
  return run({.argv = command(std::move(options))});
}

Output uninstall(std::vector<std::string> options = {}) {
  options.insert(options.end(),
                 {"--uninstall", "--from", kDir, "--state-dir", std::string(kStateDir)});
  return run({.argv = command(std::move(options))});
}

void make_world() {
  isolate();
  std::filesystem::create_directories(kDir);
}

bool is_ours() {
  return run({.argv = {"cmp", "--silent", kFile, plugin_path()}}).status == 0;
}

ino_t inode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_ino;
}

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(kDir)) {
    found.push_back(entry.path().filename());
  }
  return found;
}

void check_done(const Output& output, const std::string& words) {
  INFO(output.out << output.err);
  CHECK(output.status == 0);
  CHECK(output.err.empty());
  expect_words(output.out, {words});
  CHECK(is_ours());
  CHECK(mode_of(kFile) == 0755);
  CHECK(names() == std::vector<std::string>{"macvlan-rdma"});
}

void check_refused(const Output& output, const std::vector<std::string>& words) {
  INFO(output.out << output.err);
  CHECK(output.status == 1);
  CHECK(output.out.empty());
  expect_words(output.err, words);
  CHECK_FALSE(std::filesystem::exists(kTemporary));
}

void put_journal() {
  state::Record record;
  record.attachment = {"rail1", "0123abcd", "net1"};
  record.pod = "training/worker-0";
  auto journal = state::Journal::open(std::string(kStateDir), record.attachment,
                                      mvr::Budget::grace(std::chrono::seconds(1)));
  REQUIRE(journal);
  REQUIRE(journal->write(record));
}

}  // namespace

TEST_CASE("install copies the program, once", "[install]") {
  make_world();
  check_done(run({.argv = {"sh", "-c", "umask 077; exec \"$0\" install --to \"$1\"", plugin_path(),
                           kDir}}),
             "installed version ");
  const ino_t before = inode_of(kFile);
  check_done(install(), "is already in");
  CHECK(inode_of(kFile) == before);
  std::filesystem::permissions(kFile, std::filesystem::perms::owner_read);
  check_done(install(), "replaced ");
  CHECK(run({.argv = {kFile, "--version"}}).status == 0);
}

TEST_CASE("install replaces an older program, or one that says nothing", "[install]") {
  make_world();
  const auto [present, words] =
      GENERATE(table<std::string, std::string>({{program_of("0.0.9"), "replaced 0.0.9 by"},
                                                {program_of("0.1.0"), "replaced 0.1.0 by"},
                                                {program_of("nonsense"), "an unknown version"},
                                                {"#!/bin/sh\n", "an unknown version"},
                                                {"", "installed version"}}));
  put_file(kFile, present);
  put_file(kTemporary, "of a dead run");
  check_done(install(), words);
}

TEST_CASE("install replaces a newer program only if it must", "[install]") {
  make_world();
  const std::string newer = program_of("9.0.0");
  put_file(kFile, newer);
  check_refused(install(), {kFile, "version 9.0.0", "newer", "--force"});
  CHECK(read_text(kFile) == newer);
  check_done(install({"--force"}), "replaced 9.0.0 by version");
}

TEST_CASE("install replaces a link, not what it leads to", "[install]") {
  make_world();
  put_file(std::string(kScratchDir) + "/other", "other");
  std::filesystem::create_symlink("../other", kFile);
  std::filesystem::create_symlink("../other", kTemporary);
  check_done(install(), "replaced ");
  CHECK(read_text(std::string(kScratchDir) + "/other") == "other");
}

TEST_CASE("install replaces a program that is running", "[install]") {
  make_world();
  std::filesystem::copy_file("/bin/sleep", kFile);
  Process running({.argv = {kFile, "100"}});
  REQUIRE(eventually([&] {
    return std::filesystem::read_symlink("/proc/" + std::to_string(running.pid()) + "/exe") ==
           kFile;
  }));
  check_done(install(), "replaced an unknown version");
  running.signal(SIGTERM);
  CHECK(running.wait().status == -SIGTERM);
}

TEST_CASE("install refuses what is no directory", "[install]") {
  make_world();
  put_file(kFile, "old");
  check_refused(install({}, "/nowhere"), {"/nowhere", "ENOENT", "where the runtime looks"});
  check_refused(install({}, kFile), {kFile, "ENOTDIR"});
  CHECK(read_text(kFile) == "old");
  std::filesystem::remove(kFile);
  std::filesystem::create_directory(kFile);
  check_refused(install(), {"replace " + kFile, "EISDIR"});
}

TEST_CASE("install leaves the old program on a full disk", "[install]") {
  make_world();
  REQUIRE(mount("tmpfs", kDir.c_str(), "tmpfs", 0, "size=128k") == 0);
  put_file(kFile, "old");
  check_refused(install(), {"write " + kTemporary, "ENOSPC", "make room"});
  CHECK(read_text(kFile) == "old");
}

TEST_CASE("install leaves the old program on a read-only disk", "[install]") {
  make_world();
  put_file(kFile, "old");
  REQUIRE(mount(kDir.c_str(), kDir.c_str(), "", MS_BIND, nullptr) == 0);
  REQUIRE(mount("", kDir.c_str(), "", MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  check_refused(install(), {kTemporary, "EROFS", "mount it writable"});
  CHECK(read_text(kFile) == "old");
  CHECK(uninstall().status == 1);
}

TEST_CASE("install that is killed leaves the old program or the new one", "[install]") {
  unsetenv("MVR_PLUGIN");  // which may be a sanitized one, with thousands of calls of its own
  make_world();
  const std::string old = "old";
  bool has_ended = false;
  int halves = 0;
  int news = 0;
  for (int last = 0; !has_ended && last < 1000; ++last) {
    std::filesystem::remove(kFile);
    put_file(kFile, old, 0755);
    Tracee tracee({.argv = command({"--to", kDir})});
    tracee.skip_loader();
    int calls = 0;
    // A read changes nothing, and it takes thousands to read a program.
    while (const auto call = tracee.enter()) {
      if (call->number != SYS_read && calls++ == last) {
        tracee.kill();
        break;
      }
      tracee.leave();
    }
    has_ended = tracee.wait().status != -SIGKILL;
    const bool is_new = std::filesystem::file_size(kFile) > old.size();
    CHECK((is_new ? is_ours() : read_text(kFile) == old));
    halves += std::filesystem::exists(kTemporary) ? 1 : 0;
    news += is_new ? 1 : 0;
  }
  CHECK(has_ended);
  CHECK(halves > 0);
  CHECK(news > 1);
  check_done(install(), "is already in");
}

TEST_CASE("install waits until it is told to end", "[install]") {
  make_world();
  Process waiting({.argv = command({"--to", kDir, "--wait"})});
  REQUIRE(eventually([] { return std::filesystem::exists(kFile); }));
  CHECK(eventually([&] {
    return read_text("/proc/" + std::to_string(waiting.pid()) + "/syscall")
        .starts_with(std::to_string(SYS_rt_sigtimedwait) + " ");
  }));
  waiting.signal(SIGTERM);
  const Output output = waiting.wait();
  CHECK(output.status == 0);
  expect_words(output.out, {"installed version"});
}

TEST_CASE("install takes the program away when nothing needs it", "[install]") {
  make_world();
  put_file(kFile, "old");
  put_file(kDir + "/macvlan", "somebody else's");
  put_journal();
  check_refused(uninstall(), {"1 attachment is left", "rail1/0123abcd/net1 of training/worker-0",
                              "macvlan-rdma gc", "--force"});
  CHECK(read_text(kFile) == "old");
  put_file(kTemporary, "of a dead run");
  const Output forced = uninstall({"--force"});
  CHECK(forced.status == 0);
  CHECK(forced.out == "removed from " + kDir + '\n');
  CHECK(names() == std::vector<std::string>{"macvlan"});
  put_file(std::string(kStateDir) + "/00000000000000000000000000000000.json", "rubbish");
  check_refused(uninstall(), {"says nothing that is understood", "--force"});
  std::filesystem::remove_all(kStateDir);
  check_refused(uninstall(), {"--state-dir", "no such directory"});
  std::filesystem::create_directory(kStateDir);
  std::filesystem::permissions(kStateDir, std::filesystem::perms::owner_all);
  CHECK(uninstall().out == "there is none in " + kDir + '\n');
}

TEST_CASE("install refuses a command line that it does not know", "[install]") {
  make_world();
  const auto [options, words] = GENERATE(table<std::vector<std::string>, std::string>(
      {{std::vector<std::string>{}, "--to DIR is missing"},
       {{"--to", ""}, "--to DIR is missing"},
       {{"--from", kDir}, "--to DIR is missing"},
       {{"--to", kDir, "--from", kDir}, "--from is for --uninstall"},
       {{"--to", kDir, "--state-dir", kDir}, "--state-dir is for --uninstall"},
       {{"--uninstall"}, "--uninstall needs --from"},
       {{"--uninstall", "--from", kDir, "--to", kDir}, "--to is not for"},
       {{"--uninstall", "--from", kDir, "--wait"}, "--wait is not for"},
       {{"--to", kDir, "extra"}, "unexpected argument"}}));
  const Output output = run({.argv = command(options)});
  CHECK(output.status == 2);
  CHECK(output.out.empty());
  expect_words(output.err, {"macvlan-rdma install: ", words, "--help"});
  CHECK(names().empty());
}
