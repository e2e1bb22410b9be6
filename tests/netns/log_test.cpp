// SPDX-License-Identifier: Apache-2.0
// The log: one line for each verb, steps at debug, trace ids.
#include <algorithm>
#include <set>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/log_lines.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";

/// One rail, a pod, and a configuration with these keys.
struct Rig {
  explicit Rig(const json& more = json::object()) : pod(scenario.add_pod("pod")), runtime(pod) {
    patch.update(more);
  }

  Answer add() { return runtime.add(1, patch); }

  Scenario scenario = Scenario({.rails = 1});
  Pod pod;
  Runtime runtime;
  json patch = json::object();
};

void expect_attachment(const LogLine& line) {
  CHECK(line.at("network") == "gpu1-macvlan");
  CHECK(line.at("containerID") == kContainerId);
  CHECK(line.at("ifname") == "net1");
  CHECK(line.at("pod") == "training/pod");
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// "observe:12 link:345": names and numbers; the names.
std::vector<std::string> read_phases(const std::string& text) {
  std::vector<std::string> names;
  for (const std::string_view phase : mvr::split(text, ' ')) {
    const auto colon = phase.find(':');
    REQUIRE(colon != std::string_view::npos);
    CHECK(is_number(std::string(phase.substr(colon + 1))));
    names.emplace_back(phase.substr(0, colon));
  }
  return names;
}

/// The lines of an ADD with this TRACEPARENT.
std::vector<LogLine> add_traced(const std::string& parent) {
  Rig rig(json{{"logLevel", "debug"}});
  json config = rail_config(1);
  config.update(rig.patch);
  Call call = rig.runtime.call("ADD", "net1", config);
  call.env = {{"TRACEPARENT", parent}};
  const Answer answer = run_plugin(call);
  INFO(answer);
  REQUIRE(answer.ok());
  return read_log(answer.err);
}

}  // namespace

TEST_CASE("each verb that succeeds has one line, at info", "[log]") {
  Rig rig(json{{"cniVersion", "1.1.0"}});
  const auto expect_line = [](const char* verb, const Answer& answer) {
    INFO(verb << "\n" << answer);
    REQUIRE(answer.ok());
    const auto lines = read_log(answer.err);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].at("level") == "info");
    CHECK(lines[0].at("msg") == verb);
    CHECK(lines[0].at("outcome") == "ok");
    CHECK(lines[0].at("code") == "0");
    CHECK(lines[0].count("error") == 0);
    CHECK(is_number(lines[0].at("total_us")));
    return lines[0];
  };
  const LogLine added = expect_line("ADD", rig.add());
  expect_attachment(added);
  CHECK(read_phases(added.at("phases_us")) ==
        std::vector<std::string>{"observe", "link", "ipam", "conflict", "gateway", "routing",
                                 "announce", "journal"});
  const LogLine checked = expect_line("CHECK", rig.runtime.check(1));
  expect_attachment(checked);
  CHECK_FALSE(read_phases(checked.at("phases_us")).empty());
  Call status = rig.runtime.call("STATUS", "net1");
  status.container_id = status.ifname = status.netns = status.args = "";
  const LogLine looked = expect_line("STATUS", run_plugin(status));
  CHECK(looked.at("network") == "gpu1-macvlan");
  CHECK(looked.count("containerID") + looked.count("ifname") + looked.count("pod") == 0);
  const LogLine deleted = expect_line("DEL", rig.runtime.del(1));
  expect_attachment(deleted);
  CHECK_FALSE(read_phases(deleted.at("phases_us")).empty());
}

TEST_CASE("GC has one line, and one for each attachment that it removes", "[log]") {
  Rig rig(json{{"cniVersion", "1.1.0"}});
  REQUIRE(rig.add().ok());
  Call call = rig.runtime.call("GC", "net1");
  call.container_id = call.ifname = call.netns = call.args = "";
  call.config["cni.dev/valid-attachments"] = json::array();
  const Answer answer = run_plugin(call);
  INFO(answer);
  REQUIRE(answer.ok());
  const auto lines = read_log(answer.err);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("msg") == "collected");
  CHECK(lines[0].at("attachment") == std::string("gpu1-macvlan/") + kContainerId + "/net1");
  CHECK(lines[1].at("msg") == "GC");
  CHECK(lines[1].at("outcome") == "ok");
}

TEST_CASE("a verb that fails has one line, at error, with code and message", "[log]") {
  Rig rig(json{{"master", "nowhere"}});
  const Answer answer = rig.add();
  REQUIRE(answer.code() == 100);
  const auto lines = read_log(answer.err);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("level") == "error");
  CHECK(lines[0].at("msg") == "ADD");
  expect_attachment(lines[0]);
  CHECK(lines[0].at("outcome") == "failed");
  CHECK(lines[0].at("code") == "100");
  expect_words(lines[0].at("error"), {"master \"nowhere\"", "no such interface"});
  CHECK(is_number(lines[0].at("total_us")));
}

TEST_CASE("a configuration that is refused has its line as well", "[log]") {
  Rig rig(json{{"mode", "ipvlan"}, {"mtus", 1}});
  const Answer answer = rig.add();
  REQUIRE(answer.code() == 7);
  const auto lines = read_log(answer.err);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("level") == "warn");
  CHECK(lines[1].at("level") == "error");
  CHECK(lines[1].at("code") == "7");
  expect_attachment(lines[1]);
  expect_words(lines[1].at("error"), {"mode \"ipvlan\""});
}

TEST_CASE("the time is UTC with microseconds, and does not run backwards", "[log]") {
  Rig rig(json{{"logLevel", "debug"}});
  const Answer answer = rig.add();
  REQUIRE(answer.ok());
  std::string last;
  for (const LogLine& line : read_log(answer.err)) {
    const std::string& time = line.at("time");
    REQUIRE(time.size() == std::string("2026-01-02T03:04:05.678901Z").size());
    CHECK(time[10] == 'T');
    CHECK(time[19] == '.');
    CHECK(time.back() == 'Z');
    CHECK(time >= last);
    last = time;
  }
}

TEST_CASE("debug adds a line for each step, with its microseconds", "[log]") {
  Rig rig(json{{"logLevel", "debug"}});
  const auto steps_of = [](const Answer& answer) {
    INFO(answer);
    REQUIRE(answer.ok());
    std::vector<std::string> steps;
    for (const LogLine& line : read_log(answer.err)) {
      if (line.at("msg") == "step") {
        CHECK(line.at("level") == "debug");
        CHECK(line.at("outcome") == "ok");
        CHECK(is_number(line.at("us")));
        expect_attachment(line);
        steps.push_back(line.at("step"));
      }
    }
    return steps;
  };
  const auto expect_step = [](const std::vector<std::string>& steps, const std::string& word) {
    INFO(word);
    CHECK(std::any_of(steps.begin(), steps.end(), [&](const std::string& step) {
      return step.find(word) != std::string::npos;
    }));
  };
  const auto added = steps_of(rig.add());
  for (const char* word : {"create", "net1", "172.16.11.10/24", "rp_filter=2", "lookup 101",
                           "default via 172.16.11.254", "10.233.0.0/18"}) {
    expect_step(added, word);
  }
  const auto deleted = steps_of(rig.runtime.del(1));
  for (const char* word : {"172.16.11.10/24", "lookup 101", "lookup 100", "10.233.0.0/18"}) {
    expect_step(deleted, word);
  }
}

TEST_CASE("logLevel holds back what is below it, never a failure", "[log]") {
  const auto level = GENERATE("warn", "error");
  Rig rig(json{{"logLevel", level}, {"mtus", 1}});
  const Answer added = rig.add();
  REQUIRE(added.ok());
  CHECK(read_log(added.err).size() == (level == std::string("warn") ? 1 : 0));
  rig.patch["master"] = "nowhere";
  const Answer failed = run_plugin(rig.runtime.call("ADD", "net2", [&] {
    json config = rail_config(1);
    config.update(rig.patch);
    return config;
  }()));
  CHECK(read_log(failed.err).back().at("level") == "error");
}

TEST_CASE("a valid TRACEPARENT makes the call a span, and its steps spans below", "[log]") {
  const auto parent = GENERATE_COPY(as<std::string>{}, "00-" + kTrace + "-" + kSpan + "-01",
                                    "00-" + kTrace + "-" + kSpan + "-00",
                                    "cc-" + kTrace + "-" + kSpan + "-01-of-a-later-version");
  const auto lines = add_traced(parent);
  REQUIRE(lines.size() > 5);
  const std::string span = lines.back().at("span_id");
  CHECK(lines.back().at("msg") == "ADD");
  CHECK(lines.back().at("parent_span_id") == kSpan);
  std::set<std::string> spans{span, kSpan};
  for (const LogLine& line : lines) {
    CHECK(line.at("trace_id") == kTrace);
    if (line.at("msg") == "step") {
      CHECK(line.at("parent_span_id") == span);
      CHECK(line.at("span_id").size() == 16);
      CHECK(spans.insert(line.at("span_id")).second);
    }
  }
}

TEST_CASE("a TRACEPARENT that is none leaves the log without ids", "[log]") {
  const auto parent = GENERATE_COPY(
      as<std::string>{}, "", "rubbish", "00-" + kTrace + "-" + kSpan,
      "ff-" + kTrace + "-" + kSpan + "-01", "zz-" + kTrace + "-" + kSpan + "-01",
      "00-" + std::string(32, '0') + "-" + kSpan + "-01",
      "00-" + kTrace + "-" + std::string(16, '0') + "-01",
      "00-" + kTrace.substr(1) + "-" + kSpan + "-01", "00-" + kTrace + "-" + kSpan + "-1",
      "00-" + kTrace + "-" + kSpan + "-xx", "00-" + kTrace + "-" + kSpan + "-01-more",
      "00-" + std::string("4BF92F3577B34DA6A3CE929D0E0E4736") + "-" + kSpan + "-01");
  INFO(parent);
  for (const LogLine& line : add_traced(parent)) {
    CHECK(line.count("trace_id") + line.count("span_id") + line.count("parent_span_id") == 0);
  }
}

TEST_CASE("hostile CNI_ARGS stay inside their field", "[log]") {
  Rig rig;
  Call call = rig.runtime.call("ADD", "net1", rail_config(1));
  const std::string hostile = "a b\" outcome ok\\\nlevel\r\x1b[31m\t\xc2\x9b\xff";
  call.args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=n;K8S_POD_NAME=" + hostile;
  const Answer answer = run_plugin(call);
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK_FALSE(has_raw_control(answer.err));
  const auto lines = read_log(answer.err);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("pod") == "n/a b\" outcome ok\\\\x0alevel\\x0d\\x1b[31m\\x09\\xc2\\x9b\\xff");
  CHECK(lines[0].at("outcome") == "ok");
  CHECK(std::count(answer.err.begin(), answer.err.end(), '\n') == 1);
}

TEST_CASE("a value of unusual length is cut, not the line", "[log]") {
  Rig rig;
  Call call = rig.runtime.call("ADD", "net1", rail_config(1));
  call.args = "IgnoreUnknown=1;K8S_POD_NAME=" + std::string(50'000, 'x');
  const Answer answer = run_plugin(call);
  REQUIRE(answer.ok());
  const auto lines = read_log(answer.err);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("outcome") == "ok");
  CHECK(lines[0].at("pod").size() < 5000);
}
