// SPDX-License-Identifier: Apache-2.0
/// \file
/// Runtimes start plugins from containers, with closed streams, odd limits and signals. None of
/// that is the plugin's own choice, and it works all the same.
#include "support/surroundings.hpp"

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

/// Every verb from there: each succeeds, and in the end nothing is left.
void expect_all_verbs(const std::string& lines) {
  OnePod world;
  json config = rail_config(1);
  config["cniVersion"] = "1.1.0";
  const auto call = [&](const std::string& verb) {
    Answer answer = run_surrounded(world.runtime.call(verb, "net1", config), lines);
    INFO(lines << '\n' << verb << ' ' << answer);
    CHECK(answer.ok());
    return answer;
  };
  CHECK(call("VERSION").body.at("cniVersion") == "1.1.0");
  call("STATUS");
  CHECK(world.changes() == "");
  config["prevResult"] = call("ADD").body;
  check_routing(world.pod, wanted_nics({1}));
  const json attached = snapshot_world({"pod"});
  call("CHECK");
  config["cni.dev/valid-attachments"] = {{{"containerID", kContainerId}, {"ifname", "net1"}}};
  call("GC");
  CHECK(difference(attached, snapshot_world({"pod"})) == "");
  call("DEL");
  CHECK(world.changes() == "");
}

}  // namespace

TEST_CASE("every verb works with other files around it", "[surroundings]") {
  expect_all_verbs(GENERATE(as<std::string>{}, "mount -o remount,bind,ro /",
                            "mount -t tmpfs none /sys", "mount -t tmpfs none /etc",
                            "mount -t tmpfs none /dev", "mount -t tmpfs none /tmp",
                            "mount -t proc -o hidepid=2 none /proc"));
}

TEST_CASE("every verb works from a working directory that is of no use", "[surroundings]") {
  expect_all_verbs(GENERATE(as<std::string>{}, "mkdir -p /run/gone; cd /run/gone; rmdir /run/gone",
                            "mkdir -p /run/test/scratch/shut; chmod 0 /run/test/scratch/shut\n"
                            "cd /run/test/scratch/shut",
                            "cd /proc/self/fd"));
}

TEST_CASE("every verb works with next to no environment, and with a lot of it", "[surroundings]") {
  expect_all_verbs(GENERATE(as<std::string>{}, "unset HOME", "unset PATH HOME PWD OLDPWD",
                            "export HOME=/nowhere TMPDIR=/nowhere TZ=/nowhere",
                            "export LC_ALL=tr_TR.UTF-8 LANG=de_DE LANGUAGE=ja",
                            "x=$(head -c 100000 /dev/zero | tr '\\0' x)\n"
                            "for i in 1 2 3 4 5 6 7 8 9; do export LONG_$i=$x; done",
                            "for i in $(seq 5000); do export MANY_$i=$i; done"));
}

TEST_CASE("every verb works with the limits that it inherits", "[surroundings]") {
  expect_all_verbs(GENERATE(as<std::string>{}, "ulimit -n 24", "ulimit -s 256", "ulimit -c 0",
                            "umask 0777", "umask 0000", "exec setpriv --no-new-privs \"$0\"",
                            "exec nice -n 19 \"$0\""));
}

TEST_CASE("every verb works with three capabilities, and however it is scheduled",
          "[surroundings]") {
  const std::string with = "exec setpriv --inh-caps=-all --bounding-set=-all,";
  expect_all_verbs(
      GENERATE_COPY(as<std::string>{}, with + "+net_admin,+net_raw,+sys_admin \"$0\"",
                    "exec ionice -c 3 \"$0\"", "exec prlimit --memlock=0 --rtprio=0 \"$0\"",
                    "exec unshare --time --monotonic 100000000 --boottime 100000000 --fork \"$0\"",
                    "exec 3<&0 4<&0 5>&1 6>&2 7<&0 8>&1 9>&2"));
}

TEST_CASE("every verb works with the signals that it inherits", "[surroundings]") {
  expect_all_verbs(GENERATE(as<std::string>{}, "trap '' PIPE TERM INT HUP CHLD ALRM",
                            "exec env --block-signal \"$0\"",
                            "exec env --ignore-signal --block-signal=CHLD \"$0\""));
}

TEST_CASE("every verb works as the first process of a PID namespace", "[surroundings]") {
  expect_all_verbs(GENERATE(as<std::string>{}, "exec unshare --pid --fork \"$0\"",
                            "exec unshare --pid --fork --mount-proc \"$0\"",
                            "exec unshare --ipc --uts --cgroup \"$0\""));
}

TEST_CASE("every verb works without standard error", "[surroundings]") {
  expect_all_verbs(GENERATE(as<std::string>{}, "exec 2>&-", "exec 2>/dev/full",
                            "mount -t tmpfs none /dev\nexec 2>&-"));
}

TEST_CASE("without /proc every verb says what is missing, but VERSION", "[surroundings]") {
  const std::string lines = "mount -t tmpfs none /proc";
  const std::string verb = GENERATE("ADD", "DEL", "STATUS", "GC");
  const OnePod world;
  json config = rail_config(1);
  config["cniVersion"] = "1.1.0";
  config["cni.dev/valid-attachments"] = json::array();
  const Answer answer = run_surrounded(world.runtime.call(verb, "net1", config), lines);
  INFO(verb << ' ' << answer);
  CHECK(answer.code() == (verb == "STATUS" ? 50 : 8));
  expect_words(answer.message(), {"/proc/", "/ns/net: No such file or directory"});
  CHECK(world.changes() == "");
  CHECK(run_surrounded({.verb = "VERSION"}, lines).ok());
}

TEST_CASE("who may not change the kernel is told what, and has changed nothing", "[surroundings]") {
  const auto [lines, code, word] = GENERATE(table<std::string, int, std::string>(
      {{"mount --bind /proc/sys /proc/sys\nmount -o remount,bind,ro /proc/sys", 101,
        "rp_filter = 2: Read-only file system"},
       {"mount -t proc -o subset=pid none /proc", 101, "rp_filter = 2: No such file or directory"},
       {"mount -o remount,bind,ro /run", 5, "stateDir /run/test/state: Read-only file system"},
       {"exec setpriv --reuid 1000 --clear-groups --inh-caps=-all \"$0\"", 50,
        "without CAP_NET_ADMIN and CAP_SYS_ADMIN"}}));
  OnePod world;
  const Call call = world.runtime.call("ADD", "net1", rail_config(1));
  const Answer added = run_surrounded(call, lines);
  INFO(lines << '\n' << added);
  expect_error(added, code);
  expect_words(added.message(), {"net1: ", word});
  CHECK(world.changes() == "");
}

TEST_CASE("a DEL that cannot remove its journal is not done, and the next one is",
          "[surroundings]") {
  OnePod world;
  const std::string version = GENERATE("0.3.1", "1.0.0");
  add_or_fail(world.runtime, 1, {{"cniVersion", version}, {"ipam", nullptr}});
  const Call call = world.runtime.call("DEL", "net1");
  const Answer answer = run_surrounded(call, "mount -o remount,bind,ro /run");
  INFO(answer);
  CHECK(answer.code() == 5);
  expect_words(answer.message(), {"journal ", "Read-only file system"});
  CHECK(read_link("pod", "net1").is_null());
  check_ok(run_plugin(call));
  CHECK(world.changes() == "");
}
