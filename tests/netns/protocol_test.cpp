// SPDX-License-Identifier: Apache-2.0
// The program as a process: what it reads from the environment, and where it prints what.
#include <sys/stat.h>

#include <algorithm>

#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

const char* const kVersionDocument =
    R"({"cniVersion":"1.1.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]})";

/// The program with this environment and nothing else in it.
Answer run_bare(std::vector<std::string> options, std::map<std::string, std::string> env,
                const std::string& input = "") {
  std::vector<std::string> argv{plugin_path()};
  argv.insert(argv.end(), options.begin(), options.end());
  return make_answer(
      run({.argv = std::move(argv), .input = input, .env = std::move(env), .clean_env = true}));
}

/// All variables are as a runtime sets them but for the ones in `env`.
Answer add_with(const std::map<std::string, std::string>& env) {
  return run_plugin(
      {.verb = "ADD", .netns = "/run/netns/pod", .config = rail_config(1), .env = env});
}

}  // namespace

TEST_CASE("VERSION needs nothing but its verb", "[protocol]") {
  isolate();
  const auto input =
      GENERATE(as<std::string>{}, "", "rubbish {", "{\"cniVersion\":\"1.1.0\"}", "[1,2,3]");
  const Answer answer = run_bare({}, {{"CNI_COMMAND", "VERSION"}}, input);
  CHECK(answer.status == 0);
  CHECK(answer.out == std::string(kVersionDocument) + "\n");
  CHECK(answer.err.empty());
}

TEST_CASE("VERSION takes the values that podman fills the other variables with", "[protocol]") {
  isolate();
  const Answer answer = run_bare({},
                                 {{"CNI_COMMAND", "VERSION"},
                                  {"CNI_NETNS", "dummy"},
                                  {"CNI_IFNAME", "dummy"},
                                  {"CNI_PATH", "dummy"},
                                  {"CNI_CONTAINERID", "../no id"},
                                  {"CNI_ARGS", "rubbish"}},
                                 "{\"cniVersion\":\"0.4.0\"}");
  CHECK(answer.ok());
  CHECK(answer.body == json::parse(kVersionDocument));
}

TEST_CASE("VERSION does not wait for standard input", "[protocol]") {
  isolate();
  const std::string fifo = std::string(kScratchDir) + "/fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  // Opened for reading and writing, a fifo never ends.
  const Output output = run({.argv = {"sh", "-c", "exec \"$0\" <> \"$1\"", plugin_path(), fifo},
                             .env = {{"CNI_COMMAND", "VERSION"}},
                             .timeout = std::chrono::seconds(10)});
  CHECK(output.status == 0);
  CHECK(output.out == std::string(kVersionDocument) + "\n");
}

TEST_CASE("VERSION fails when nobody can read it", "[protocol]") {
  isolate();
  const std::string redirection = GENERATE(">&-", "> /dev/full");
  const Output output = run({.argv = {"sh", "-c", "exec \"$0\" " + redirection, plugin_path()},
                             .env = {{"CNI_COMMAND", "VERSION"}}});
  CHECK(output.status == 1);
}

TEST_CASE("without a verb there is help on standard error, and success", "[protocol]") {
  isolate();
  const auto env = GENERATE(std::map<std::string, std::string>{},
                            std::map<std::string, std::string>{{"CNI_COMMAND", ""}});
  const Answer answer = run_bare({}, env);
  CHECK(answer.status == 0);
  CHECK(answer.out.empty());
  expect_words(answer.err, {"macvlan-rdma",
                            "CNI protocol versions supported: "
                            "0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"});
}

TEST_CASE("help that was asked for goes to standard output", "[protocol]") {
  isolate();
  const auto option = GENERATE("-h", "--help", "help", "-V", "--version", "version");
  const Answer answer = run_bare({option}, {});
  CHECK(answer.status == 0);
  CHECK(answer.err.empty());
  expect_words(answer.out, {"macvlan-rdma", "1.1.0", "CNI_COMMAND"});
}

TEST_CASE("a command that does not exist is an error, in one line", "[protocol]") {
  isolate();
  const auto [word, guess] = GENERATE(table<std::string, std::string>({{"--frobnicate", ""},
                                                                       {"inspekt", "inspect"},
                                                                       {"insp", "inspect"},
                                                                       {"", ""},
                                                                       {"g", "gc"},
                                                                       {"gd", "gc"},
                                                                       {"verison", "version"},
                                                                       {"x\x1b[2J", ""}}));
  const Answer answer = run_bare({word}, {});
  INFO(answer);
  CHECK(answer.status == 2);
  CHECK(answer.out.empty());
  expect_words(answer.err, {"unknown command", "ee \"macvlan-rdma --help\""});
  CHECK(std::ranges::count(answer.err, '\n') == 1);
  CHECK((answer.err.find("did you mean " + guess + '?') != std::string::npos) == !guess.empty());
  CHECK(answer.err.find('\x1b') == std::string::npos);
}

TEST_CASE("help of a command is what the command says of itself", "[protocol]") {
  isolate();
  const Answer answer = run_bare({"help", "inspect"}, {});
  CHECK(answer.status == 0);
  CHECK(answer.out == run_bare({"inspect", "--help"}, {}).out);
  CHECK(run_bare({"help", "--help"}, {}).out == run_bare({"--help"}, {}).out);
  CHECK(run_bare({"help", "inspekt"}, {}).status == 2);
  CHECK(run_bare({"help", "inspect", "doctor"}, {}).status == 2);
}

TEST_CASE("the version is told without the commands", "[protocol]") {
  isolate();
  const Answer answer = run_bare({"--version"}, {});
  CHECK(answer.out.starts_with("macvlan-rdma "));
  CHECK(answer.out.find("inspect") == std::string::npos);
}

TEST_CASE("an unknown verb is named", "[protocol]") {
  isolate();
  const auto [verb, shown] = GENERATE(table<const char*, const char*>({{"add", "add"},
                                                                       {"ADD ", "ADD "},
                                                                       {"UPDATE", "UPDATE"},
                                                                       {"ADD\nDEL", "ADD\\x0aDEL"},
                                                                       {"\x1b[2J", "\\x1b[2J"}}));
  const Answer answer = add_with({{"CNI_COMMAND", verb}});
  INFO(answer);
  expect_error(answer, 4);
  CHECK(answer.message() == std::string("unknown CNI_COMMAND: ") + shown);
}

TEST_CASE("all missing variables are named at once", "[protocol]") {
  isolate();
  const auto missing = [](const char* verb) {
    const Answer answer = run_bare({}, {{"CNI_COMMAND", verb}, {"CNI_IFNAME", ""}}, "{}");
    INFO(answer);
    expect_error(answer, 4);
    return answer.message();
  };
  const std::string attachment =
      "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing";
  CHECK(missing("ADD") == attachment);
  CHECK(missing("CHECK") == attachment);
  CHECK(missing("DEL") == "required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing");
  CHECK(missing("GC") == "required env variables [CNI_PATH] missing");
  CHECK(missing("STATUS") == "required env variables [CNI_PATH] missing");
}

TEST_CASE("an ID that could be no file name is refused", "[protocol]") {
  Refusals refusals;
  const auto id = GENERATE(as<std::string>{}, "a/b", "../x", ".hidden", "-x", "a b", "a%b", "a\nb",
                           "\xc3\xa4", std::string(256, 'x'));
  Call call = refusals.call();
  call.container_id = id;
  refusals.expect_call(call, 4,
                       {"CNI_CONTAINERID", id.substr(0, id.find('\n')).substr(0, 64),
                        "at most 255 letters, digits"});
}

TEST_CASE("an interface name that the kernel would not take is refused", "[protocol]") {
  Refusals refusals;
  const auto name = GENERATE(as<std::string>{}, "a/b", "..", ".", "net%d", "a:b", "a b", "a\tb",
                             "a\xc2\xa0"
                             "b",
                             "sixteen-bytes-xx");
  Call call = refusals.call();
  call.ifname = name;
  refusals.expect_call(call, 4, {"CNI_IFNAME", "must be 1 to 15 bytes"});
}

TEST_CASE("the longest names that are allowed work", "[protocol]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  Runtime runtime(pod, std::string(255, 'c'));
  json config = rail_config(1);
  config["name"] = std::string(255, 'n');
  const Answer added = runtime.add("fifteen-bytes-x", config);
  INFO(added);
  REQUIRE(added.ok());
  CHECK(added.body.at("interfaces").at(0).at("name") == "fifteen-bytes-x");
  CHECK(ip_json("pod", {"link", "show", "fifteen-bytes-x"}).size() == 1);
  CHECK(runtime.check("fifteen-bytes-x").ok());
  CHECK(runtime.del("fifteen-bytes-x").ok());
}

TEST_CASE("a bad variable is reported before the missing ones", "[protocol]") {
  isolate();
  const Answer answer = run_bare({}, {{"CNI_COMMAND", "ADD"}, {"CNI_CONTAINERID", "a/b"}}, "{}");
  expect_error(answer, 4);
  expect_words(answer.message(), {"CNI_CONTAINERID \"a/b\""});
}

TEST_CASE("bad CNI_ARGS fail ADD, and no other verb", "[protocol]") {
  Refusals refusals;
  const auto [args, word] = GENERATE(table<const char*, const char*>(
      {{"rubbish", "rubbish"},
       {"A=1", "unknown key A"},
       {"IgnoreUnknown=1;MAC=01:00:5e:00:00:01", "01:00:5e:00:00:01"},
       {"IgnoreUnknown=1;MAC=no", "CNI_ARGS MAC \"no\""},
       {"IgnoreUnknown=maybe", "IgnoreUnknown \"maybe\""},
       {"K8S_POD_NAME=a=b", "K8S_POD_NAME=a=b"}}));
  Call call = refusals.call();
  call.args = args;
  refusals.expect_call(call, 4, {"CNI_ARGS", word});
  call.verb = "DEL";
  call.config["ipam"] = json::object();  // host-local would read them, too
  CHECK(run_plugin(call).ok());
}

TEST_CASE("standard output is empty when DEL, CHECK, GC and STATUS succeed", "[protocol]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const FakeIpam ipam;
  ipam.answer_address(rail_address(1) + "/24", rail_gateway(1));
  json config = rail_config(1);
  config["cniVersion"] = "1.1.0";
  config["ipam"] = ipam.section();
  const auto run_verb = [&](const char* verb, json&& more) {
    Call call = runtime.call(verb, "net1", config);
    call.cni_path = ipam.dir();
    call.config.update(more);
    return run_plugin(call);
  };
  const Answer added = run_verb("ADD", json::object());
  INFO(added);
  REQUIRE(added.ok());
  CHECK(added.body.is_object());
  CHECK(added.out.ends_with("}\n"));
  const json attachment{{"containerID", kContainerId}, {"ifname", "net1"}};
  for (const auto& [verb, more] :
       {std::pair<const char*, json>{"CHECK", {{"prevResult", added.body}}},
        {"STATUS", json::object()},
        {"GC", {{"cni.dev/valid-attachments", json::array({attachment})}}},
        {"DEL", {{"prevResult", added.body}}}}) {
    INFO(verb);
    const Answer answer = run_verb(verb, json(more));
    INFO(answer);
    CHECK(answer.status == 0);
    CHECK(answer.out.empty());
  }
  CHECK(ipam.calls() == std::vector<std::string>{"ADD", "CHECK", "STATUS", "GC", "DEL"});
}

TEST_CASE("every verb fails with one document in the configuration's version", "[protocol]") {
  Refusals refusals;
  const auto [verb, version, config, code] = GENERATE(table<const char*, const char*, json, int>(
      {{"ADD", "0.3.1", {{"master", "nowhere"}}, 100},
       {"ADD", "1.0.0", {{"mode", "ipvlan"}}, 7},
       {"CHECK", "0.4.0", json::object(), 7},
       {"CHECK", "0.3.1", json::object(), 1},
       {"STATUS", "1.1.0", {{"master", "nowhere"}}, 50},
       {"STATUS", "1.0.0", json::object(), 1},
       {"GC", "1.1.0", json::object(), 7},
       {"GC", "1.0.0", json::object(), 1},
       {"DEL", "1.1.0", {{"ipam", {{"type", "not-installed"}}}}, 102}}));
  Call call = refusals.call(config);
  call.verb = verb;
  call.config["cniVersion"] = version;
  const Answer answer = refusals.expect_call(call, code, {});
  CHECK(answer.body.at("cniVersion") == version);
}

TEST_CASE("a version that allows no CHECK, STATUS or GC says so", "[protocol]") {
  Refusals refusals;
  const auto [verb, version, least] = GENERATE(table<const char*, const char*, const char*>(
      {{"CHECK", "0.3.1", "0.4.0"}, {"STATUS", "1.0.0", "1.1.0"}, {"GC", "0.4.0", "1.1.0"}}));
  Call call = refusals.call({{"cniVersion", version}});
  call.verb = verb;
  refusals.expect_call(call, 1,
                       {std::string("config version does not allow ") + verb, version, least});
}
