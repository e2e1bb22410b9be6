// SPDX-License-Identifier: Apache-2.0
#include "mvr/cni/environment.hpp"

#include <map>

#include "support/print.hpp"

using mvr::Code;
using mvr::Error;
using mvr::Result;
using mvr::cni::Args;
using mvr::cni::Environment;
using mvr::cni::parse_args;
using mvr::cni::Verb;
using mvr::test::unwrap;

namespace {

using Variables = std::map<std::string, std::string>;

Result<Environment> read(const Variables& variables) {
  return mvr::cni::read_environment([&variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

Variables complete(const std::string& command) {
  return {{"CNI_COMMAND", command},
          {"CNI_CONTAINERID", "0123abcd"},
          {"CNI_NETNS", "/var/run/netns/cni-1"},
          {"CNI_IFNAME", "net1"},
          {"CNI_PATH", "/opt/cni/bin:/opt/cni/bin"}};
}

Variables with(Variables variables, const std::string& name, const std::string& value) {
  variables[name] = value;
  return variables;
}

Error refusal(const Variables& variables) {
  const auto env = read(variables);
  REQUIRE_FALSE(env);
  CHECK(env.error().code == Code::bad_environment);
  return env.error();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// As Multus sends it: its own five keys, then those of the runtime again, some of them empty.
constexpr const char* kMultusArgs =
    "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=;K8S_POD_INFRA_CONTAINER_ID="
    "0123abcd;"
    "K8S_POD_UID=;IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=gpu-pod;"
    "K8S_POD_INFRA_CONTAINER_ID=0123abcd;K8S_POD_UID=7-9;MAC=02:00:5e:10:00:01;IP=172.16.11.10/24";

}  // namespace

TEST_CASE("ADD's environment", "[cni]") {
  Variables variables = complete("ADD");
  variables["CNI_ARGS"] = kMultusArgs;
  variables["TRACEPARENT"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const Environment env = unwrap(read(variables));
  CHECK(env.verb == Verb::add);
  CHECK(env.container_id == "0123abcd");
  CHECK(env.netns == "/var/run/netns/cni-1");
  CHECK(env.ifname == "net1");
  CHECK(env.path == "/opt/cni/bin:/opt/cni/bin");
  CHECK_FALSE(env.allows_own_netns);
  CHECK(env.trace_parent == variables["TRACEPARENT"]);
  CHECK(env.args.pod_namespace == "default");
  CHECK(env.args.pod_name == "gpu-pod");
  CHECK(env.args.mac->to_string() == "02:00:5e:10:00:01");
}

TEST_CASE("missing variables are all named at once", "[cni]") {
  Variables variables = complete("ADD");
  variables.erase("CNI_IFNAME");
  variables["CNI_NETNS"] = "";  // empty is missing
  CHECK(refusal(variables).msg == "required env variables [CNI_NETNS,CNI_IFNAME] missing");
  CHECK(refusal({}).msg == "required env variables [CNI_COMMAND] missing");
  CHECK(refusal({{"CNI_COMMAND", "CHECK"}}).msg ==
        "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing");
  CHECK(refusal({{"CNI_COMMAND", "DEL"}}).msg ==
        "required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing");
  CHECK(refusal({{"CNI_COMMAND", "GC"}}).msg == "required env variables [CNI_PATH] missing");
}

TEST_CASE("an invalid value is reported before missing ones", "[cni]") {
  const Error error = refusal({{"CNI_COMMAND", "ADD"}, {"CNI_CONTAINERID", "../etc"}});
  CHECK(contains(error.msg, "CNI_CONTAINERID \"../etc\""));
  CHECK(contains(refusal({{"CNI_COMMAND", "DEL"}, {"CNI_IFNAME", "a/b"}}).msg, "CNI_IFNAME"));
}

TEST_CASE("a verb looks only at what it needs", "[cni]") {
  const Variables rubbish = {{"CNI_CONTAINERID", "../.."},
                             {"CNI_IFNAME", "%d"},
                             {"CNI_NETNS", "dummy"},
                             {"CNI_ARGS", "rubbish"},
                             {"CNI_PATH", "dummy"}};
  CHECK(unwrap(read(with(rubbish, "CNI_COMMAND", "STATUS"))).container_id.empty());
  CHECK(unwrap(read(with(rubbish, "CNI_COMMAND", "GC"))).path == "dummy");
  const Environment version = unwrap(read(with(rubbish, "CNI_COMMAND", "VERSION")));
  CHECK(version.verb == Verb::version);
  CHECK(version.path.empty());
  CHECK(unwrap(read({{"CNI_COMMAND", "VERSION"}})).verb == Verb::version);
}

TEST_CASE("DEL needs no netns and forgives CNI_ARGS", "[cni]") {
  for (const char* verb : {"DEL", "CHECK"}) {
    Variables variables = complete(verb);
    variables["CNI_ARGS"] = "UNKNOWN=1;no-pair;MAC=01:00:00:00:00:00;K8S_POD_NAME=p";
    const Environment env = unwrap(read(variables));
    CHECK(env.args.pod_name == "p");
    CHECK_FALSE(env.args.mac);
  }
  CHECK(unwrap(read(with(complete("DEL"), "CNI_NETNS", ""))).netns.empty());
  CHECK(contains(refusal(with(complete("ADD"), "CNI_ARGS", "UNKNOWN=1")).msg, "UNKNOWN"));
}

TEST_CASE("an unknown verb", "[cni]") {
  CHECK(refusal(complete("add")).msg == "unknown CNI_COMMAND: add");
  CHECK(refusal(complete("A\nB")).msg == "unknown CNI_COMMAND: A\\x0aB");
  for (const Verb verb : {Verb::add, Verb::del, Verb::check, Verb::gc, Verb::status}) {
    CHECK(unwrap(read(complete(std::string(to_string(verb))))).verb == verb);
  }
}

TEST_CASE("CNI_NETNS_OVERRIDE", "[cni]") {
  for (const char* on : {"1", "TRUE", "true", "True"}) {
    CHECK(unwrap(read(with(complete("ADD"), "CNI_NETNS_OVERRIDE", on))).allows_own_netns);
  }
  for (const char* off : {"", "0", "yes", "11", "false"}) {
    CHECK_FALSE(unwrap(read(with(complete("ADD"), "CNI_NETNS_OVERRIDE", off))).allows_own_netns);
  }
}

TEST_CASE("names and identifiers", "[cni]") {
  using mvr::cni::is_valid_id;
  CHECK(is_valid_id("a"));
  CHECK(is_valid_id("0_.-Z"));
  CHECK(is_valid_id(std::string(255, 'x')));
  for (const std::string& bad :
       {std::string(), std::string("_a"), std::string(".a"), std::string("-a"), std::string("a/b"),
        std::string("a b"), std::string("\xc3\xa4"), std::string(256, 'x')}) {
    INFO(bad);
    CHECK_FALSE(is_valid_id(bad));
  }
}

TEST_CASE("interface names", "[cni]") {
  using mvr::cni::is_valid_ifname;
  for (const char* good : {"net1", "a", "123456789012345", "...", "eth0.100", "\xc3\xa4"}) {
    INFO(good);
    CHECK(is_valid_ifname(good));
  }
  for (const char* bad : {"", ".", "..", "1234567890123456", "a/b", "a:b", "net%d", "a b", "a\tb",
                          "a\x7f", "a\xc2\x85", "a\xc2\xa0", "a\xe2\x80\x83", "a\xe3\x80\x80"}) {
    INFO(bad);
    CHECK_FALSE(is_valid_ifname(bad));
  }
  CHECK_FALSE(is_valid_ifname(std::string_view("a\0b", 3)));
}

TEST_CASE("CNI_ARGS of real clients", "[cni]") {
  CHECK(unwrap(parse_args("")).pod_name.empty());
  CHECK(unwrap(parse_args("IgnoreUnknown=1;K8S_POD_NAME=c1")).pod_name == "c1");  // podman
  CHECK(unwrap(parse_args("K8S_POD_NAME=late;X=1;IgnoreUnknown=True;")).pod_name == "late");
  CHECK(unwrap(parse_args("K8S_POD_NAME=a;K8S_POD_NAME=b")).pod_name == "b");
  CHECK_FALSE(unwrap(parse_args("MAC=02:00:5e:10:00:01;MAC=")).mac);
  CHECK(unwrap(parse_args("IP=10.0.0.2;GATEWAY=10.0.0.1;K8S_POD_UID=1")).pod_name.empty());
}

TEST_CASE("CNI_ARGS that are refused", "[cni]") {
  for (const char* bad :
       {"K8S_POD_NAME", "a=b=c", "UNKNOWN=1", "UNKNOWN=1;IgnoreUnknown=0",
        "unknown=1;MAC=", "IgnoreUnknown=yes", "MAC=01:00:5e:00:00:01", "MAC=00:00:00:00:00:00",
        "MAC=xx", "ignoreunknown=1;X=1", "k8s_pod_name=x", "IgnoreUnknown=1;pair"}) {
    INFO(bad);
    const auto args = parse_args(bad);
    REQUIRE_FALSE(args);
    CHECK(args.error().code == Code::bad_environment);
    CHECK(contains(args.error().msg, "CNI_ARGS"));
  }
  CHECK(contains(parse_args("MAC=0a:bad").error().msg, "MAC \"0a:bad\""));
}
