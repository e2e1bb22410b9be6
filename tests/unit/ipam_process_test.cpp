// SPDX-License-Identifier: Apache-2.0
// How a plugin's process is started, fed, watched and ended.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <thread>

#include "mvr/base/text.hpp"
#include "mvr/ipam/ipam.hpp"
#include "support/catch.hpp"
#include "support/fake_ipam.hpp"
#include "support/print.hpp"

namespace fs = std::filesystem;

using Catch::Matchers::Contains;
using mvr::Budget;
using mvr::Clock;
using mvr::Code;
using mvr::Fd;
using mvr::cni::Version;
using mvr::ipam::Child;
using mvr::ipam::Plugin;
using mvr::test::CapturedStderr;
using mvr::test::dies;
using mvr::test::has_no_children;
using mvr::test::kPrintResult;
using mvr::test::make_budget;
using mvr::test::PluginDir;
using mvr::test::unwrap;
using namespace std::chrono_literals;

namespace {

constexpr Version kV100{1, 0, 0};

std::vector<std::string> own_environment_with(const std::string& command) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const bool is_command = std::string_view(*variable).starts_with("CNI_COMMAND=");
    variables.emplace_back(is_command ? command : *variable);
  }
  return variables;
}

std::vector<std::string> split_zeros(const std::string& text) {
  std::vector<std::string> parts;
  for (const std::string_view part : mvr::split(text, '\0')) {
    parts.emplace_back(part);
  }
  parts.pop_back();
  return parts;
}

/// Removes a pending signal, which would fail every later budget of this process.
void take_signal(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  const timespec at_once{};
  REQUIRE(::sigtimedwait(&set, nullptr, &at_once) == number);
}

/// What our descriptors point to.
std::set<std::string> open_files() {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    files.insert(fs::read_symlink(entry.path()).string());
  }
  return files;
}

/// Runs a function in a process of its own and returns its exit status.
template <typename Function>
int status_of(Function function) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::_exit(function() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return status;
}

}  // namespace

TEST_CASE("a plugin gets our environment with another CNI_COMMAND", "[ipam]") {
  const PluginDir dir;
  const Plugin plugin = dir.plugin("cat /proc/$$/environ >environ");
  ::setenv("CNI_COMMAND", "ADD", 1);
  ::setenv("CNI_COMMAND_OF_OTHERS", "a=b c", 1);
  ::setenv("CNI_ARGS", "", 1);
  unwrap(plugin.call("DEL", "{}", kV100, make_budget()));
  CHECK(split_zeros(dir.text_of("environ")) == own_environment_with("CNI_COMMAND=DEL"));
  CHECK(std::string(::getenv("CNI_COMMAND")) == "ADD");

  SECTION("it is added where there is none") {
    ::unsetenv("CNI_COMMAND");
    unwrap(plugin.call("GC", "{}", kV100, make_budget()));
    auto expected = own_environment_with("");
    expected.emplace_back("CNI_COMMAND=GC");
    CHECK(split_zeros(dir.text_of("environ")) == expected);
  }
}

TEST_CASE("a plugin starts with default signals, in a group of its own", "[ipam]") {
  const PluginDir dir;
  const Budget budget = make_budget();
  // The shell blocks signals for an instant while it starts a command, hence exec.
  unwrap(dir.plugin(R"(
    echo $$ >pid
    cut -d ' ' -f 5 /proc/$$/stat >group
    exec grep -E '^Sig(Blk|Ign)' /proc/self/status >signals)")
             .call("DEL", "{}", kV100, budget));
  CHECK(dir.text_of("signals") == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  CHECK(dir.text_of("group") == dir.text_of("pid"));
}

TEST_CASE("a plugin has no descriptor of ours but its three streams", "[ipam]") {
  const PluginDir dir;
  const std::set<std::string> before = open_files();
  const Budget budget = make_budget();
  unwrap(dir.plugin("readlink /proc/$$/fd/* >links || true").call("DEL", "{}", kV100, budget));
  std::vector<std::string> added;
  const std::string links = dir.text_of("links");
  for (const std::string_view link : mvr::split(links, '\n')) {
    if (!before.contains(std::string(link)) && !link.empty()) {
      added.emplace_back(link);
    }
  }
  // The fourth is the script.
  CHECK(std::ranges::count(added, dir.file("fake")) == 1);
  CHECK(added.size() == 4);
  CHECK(std::set(added.begin(), added.end()).size() == 4);
}

TEST_CASE("a plugin gets exactly the bytes that we were given", "[ipam]") {
  const PluginDir dir;
  const std::string config("{\"name\" : \"a\\u0000\"}\r\n\0\xff\n\n", 24);
  unwrap(dir.plugin("cat >input").call("DEL", config, kV100, make_budget()));
  CHECK(dir.text_of("input") == config);
}

TEST_CASE("large input and output at the same time do not block each other", "[ipam]") {
  const PluginDir dir;
  std::string config(16UL * 1024 * 1024, ' ');
  for (std::size_t i = 0; i < config.size(); i += 4096) {
    config[i] = static_cast<char>('a' + i / 4096 % 26);
  }
  const auto plugin = dir.plugin("head -c 1000000 /dev/zero | tr '\\0' ' '; cat >input; " +
                                 std::string(kPrintResult));
  CHECK(unwrap(plugin.add(config, kV100, make_budget())).ips.size() == 1);
  CHECK((dir.text_of("input") == config));
}

TEST_CASE("a plugin need not read its input", "[ipam]") {
  const PluginDir dir;
  const std::string config(3'000'000, ' ');
  const Budget budget = make_budget();
  CHECK(dir.plugin(kPrintResult).add(config, kV100, budget));
  CHECK(
      dir.plugin("exec <&-; sleep 0.05; " + std::string(kPrintResult)).add(config, kV100, budget));
  CHECK(dir.plugin("head -c 100 >/dev/null").call("DEL", config, kV100, budget));
}

TEST_CASE("input is fed from the start on", "[ipam]") {
  const PluginDir dir;
  const Budget budget = make_budget();
  const Plugin plugin = dir.plugin("cat >input; echo $$ >done; exit 4");
  Child child = unwrap(plugin.start("DEL", "{}", budget));
  CHECK(dir.pid_in("done") > 0);
  CHECK(dir.text_of("input") == "{}");
  const auto result = plugin.collect("DEL", std::move(child), "{}", kV100, budget);
  CHECK_THAT(result.error().msg, Contains("exit status 4"));
}

TEST_CASE("standard error is passed on, its end is kept", "[ipam]") {
  const PluginDir dir;
  const Plugin plugin = dir.plugin("seq 1 5000 >&2; exit 1");
  mvr::Result<void> result;
  {
    const CapturedStderr captured(dir.file("stderr"));
    result = plugin.call("DEL", "{}", kV100, make_budget());
  }
  const std::string all = dir.text_of("stderr");
  CHECK(all.starts_with("1\n2\n3\n"));
  CHECK(all.ends_with("\n5000\n"));
  CHECK(std::ranges::count(all, '\n') == 5000);
  const std::string& details = result.error().details;
  CHECK(details.size() == 4095);
  CHECK(all == all.substr(0, all.size() - 4096) + details + "\n");
}

TEST_CASE("a standard error that nobody reads does not outlast the budget", "[ipam]") {
  const PluginDir dir;
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  mvr::Result<void> result;
  {
    const CapturedStderr captured("/dev/null");
    REQUIRE(::dup2(writer.get(), STDERR_FILENO) == STDERR_FILENO);
    result = dir.plugin("seq 1 100000 >&2").call("DEL", "{}", kV100, make_budget(200ms));
  }
  CHECK(result.error().code == Code::interrupted);
  CHECK(has_no_children());
}

TEST_CASE("output is bounded", "[ipam]") {
  const PluginDir dir;
  const auto print = [&](const std::string& count) {
    return dir.plugin("echo $$ >pid; head -c " + count + " /dev/zero");
  };
  CHECK(print("16777216").call("DEL", "{}", kV100, make_budget()));
  CHECK(print("16777217").call("DEL", "{}", kV100, make_budget()).error().code ==
        Code::ipam_failed);
  const auto result = print("100000000").call("DEL", "{}", kV100, make_budget());
  CHECK(result.error().code == Code::ipam_failed);
  CHECK_THAT(result.error().msg, Contains("ipam fake: printed more than 16777216 bytes"));
  CHECK(dies(dir.pid_in("pid")));
  CHECK(has_no_children());
}

TEST_CASE("a plugin that hangs is killed with its children", "[ipam]") {
  const PluginDir dir;
  const CapturedStderr quiet(dir.file("stderr"));
  const auto start = Clock::now();
  const char* script = "sleep 1000 & echo $! >child; echo $$ >pid; echo waiting >&2; ";
  const std::string how_it_hangs =
      GENERATE("wait", "exec >&- 2>&- <&-; wait", "trap '' TERM; wait");
  const auto result =
      dir.plugin(script + how_it_hangs).call("DEL", "{}", kV100, make_budget(200ms));
  CHECK(Clock::now() - start < 3s);
  CHECK(result.error().code == Code::interrupted);
  CHECK_THAT(result.error().msg, Contains("ipam fake: ") && Contains("timeout 200ms"));
  CHECK(result.error().details == "waiting\n");
  CHECK(dies(dir.pid_in("pid")));
  CHECK(dies(dir.pid_in("child")));
  CHECK(has_no_children());
}

TEST_CASE("a signal to us ends a plugin", "[ipam]") {
  const PluginDir dir;
  const Budget budget = make_budget();
  const Plugin plugin = dir.plugin("echo $$ >pid; exec sleep 1000");
  Child child = unwrap(plugin.start("ADD", "{}", budget));
  ::raise(SIGTERM);
  const auto exit = child.finish(budget);
  CHECK(exit.error().code == Code::interrupted);
  CHECK(has_no_children());
  take_signal(SIGTERM);
}

TEST_CASE("a child that is given up is killed and reaped", "[ipam]") {
  const PluginDir dir;
  pid_t pid = -1;
  {
    Child first = unwrap(dir.plugin("echo $$ >pid; sleep 1000").start("ADD", "{}", make_budget()));
    const Child second = std::move(first);
    pid = dir.pid_in("pid");
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) == -1);
  CHECK(has_no_children());
}

TEST_CASE("what a plugin leaves behind does not hold us up", "[ipam]") {
  const PluginDir dir;
  const CapturedStderr quiet("/dev/null");
  const auto start = Clock::now();
  SECTION("silent") {
    const auto plugin = dir.plugin("sleep 30 & echo $! >child; " + std::string(kPrintResult));
    CHECK(plugin.add("{}", kV100, make_budget()));
    const pid_t child = dir.pid_in("child");
    CHECK(::kill(child, SIGKILL) == 0);
  }
  SECTION("writing for ever") {
    const auto plugin = dir.plugin("yes >&2 & echo $! >child; " + std::string(kPrintResult));
    CHECK(plugin.add("{}", kV100, make_budget()));
    CHECK(dies(dir.pid_in("child")));
  }
  CHECK(Clock::now() - start < 5s);
}

TEST_CASE("output written just before the end is complete", "[ipam]") {
  const PluginDir dir;
  const CapturedStderr captured(dir.file("stderr"));
  const Budget budget = make_budget();
  const Plugin plugin = dir.plugin("head -c 60000 /dev/zero; seq 1 5000 >&2; echo $$ >done");
  for (int i = 0; i < 5; ++i) {
    fs::remove(dir.file("done"));
    Child child = unwrap(plugin.start("ADD", "{}", budget));
    CHECK(dies(dir.pid_in("done")));
    const Child::Exit exit = unwrap(child.finish(budget));
    CHECK(exit.out.size() == 60000);
    CHECK(exit.err.ends_with("\n4999\n5000\n"));
  }
}

TEST_CASE("a busy executable is tried again for a while", "[ipam]") {
  const PluginDir dir;
  fs::copy_file("/bin/true", dir.file("fake"));
  const Plugin plugin = unwrap(Plugin::find("fake", dir.path()));
  Fd writer(::open(dir.file("fake").c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(writer);
  const auto start = Clock::now();
  SECTION("until it is free") {
    std::thread copier([&] {
      std::this_thread::sleep_for(50ms);
      writer = Fd();
    });
    const auto result = plugin.call("DEL", "{}", kV100, make_budget());
    copier.join();
    unwrap(result);
    CHECK(Clock::now() - start >= 50ms);
  }
  SECTION("but not for ever") {
    const auto result = plugin.call("DEL", "{}", kV100, make_budget());
    CHECK(result.error().code == Code::ipam_failed);
    CHECK(result.error().sys_errno == ETXTBSY);
    CHECK(Clock::now() - start >= 100ms);
  }
  SECTION("and not beyond the budget") {
    const auto result = plugin.call("DEL", "{}", kV100, make_budget(30ms));
    CHECK(result.error().code == Code::interrupted);
  }
  CHECK(has_no_children());
}

TEST_CASE("a plugin dies with us", "[ipam]") {
  const PluginDir dir;
  const Plugin plugin = dir.plugin("echo $$ >pid; exec sleep 1000");
  const pid_t parent = ::fork();
  if (parent == 0) {
    const auto child = plugin.start("ADD", "{}", make_budget());
    for (;;) {
      ::pause();
    }
  }
  const pid_t pid = dir.pid_in("pid");
  CHECK(::kill(pid, 0) == 0);
  ::kill(parent, SIGKILL);
  CHECK(::waitpid(parent, nullptr, 0) == parent);
  CHECK(dies(pid));
}

TEST_CASE("closed standard input and output and an ignored SIGCHLD do no harm", "[ipam]") {
  const PluginDir dir;
  const Plugin plugin = dir.plugin("cat >input; echo text >&2; " + std::string(kPrintResult));
  const Budget budget = make_budget();
  const auto adds = [&] {
    const auto result = plugin.add("{\"a\":1}", kV100, budget);
    return result && result->ips.size() == 1;
  };
  SECTION("streams") {
    const CapturedStderr quiet("/dev/null");
    CHECK(status_of([&] {
            // The first pipe gets these numbers.
            ::close(STDIN_FILENO);
            ::close(STDOUT_FILENO);
            return adds();
          }) == 0);
  }
  SECTION("SIGCHLD") {
    const CapturedStderr quiet("/dev/null");
    ::signal(SIGCHLD, SIG_IGN);
    CHECK(adds());
  }
  CHECK(dir.text_of("input") == "{\"a\":1}");
}
