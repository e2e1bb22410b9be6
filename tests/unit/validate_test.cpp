// SPDX-License-Identifier: Apache-2.0
// What `validate` finds in files. The files and what is said of them are below
// tests/golden/validate.
#include "ops/validate.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "support/golden.hpp"

using namespace mvr::ops;
using namespace mvr::test;
using nlohmann::json;

namespace {

InputFile input(const std::string& name) {
  return {name, read_golden("validate/" + name)};
}

Report judge(const std::string& text, const std::string& name = "file") {
  return validate({{name, text}}, std::nullopt);
}

std::string text_of(const Report& report) {
  return to_text(report, Painter(false));
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + '\n';
  }
  return text;
}

}  // namespace

TEST_CASE("validate says all that is wrong with a file, with the lines", "[validate]") {
  const std::string name = GENERATE("good.yaml", "keys.yaml", "styles.yaml", "list.yaml",
                                    "chain.conflist", "together.yaml", "bare.json");
  check_golden("validate/" + name + ".txt", text_of(validate({input(name)}, std::nullopt)));
}

TEST_CASE("validate finds the same as JSON", "[validate]") {
  const Report report = validate({input("list.yaml")}, std::nullopt);
  check_golden("validate/list.yaml.out.json", to_json_text(report));
}

TEST_CASE("validate reads the node's defaults below each configuration", "[validate]") {
  const Report report = validate({input("good.yaml"), input("bare.json")}, input("defaults.json"));
  check_golden("validate/defaults.txt", text_of(report));
  const Report broken = validate({input("good.yaml")}, InputFile{"node.json", "[1]"});
  CHECK(text_of(broken) ==
        join_lines({"node.json: [1]: must be a JSON object", "1 file, 1 network: 1 problem"}));
}

TEST_CASE("validate compares the networks of all files", "[validate]") {
  const Report report =
      validate({input("good.yaml"), {"again.yaml", read_golden("validate/good.yaml")}}, {});
  CHECK(text_of(report) ==
        join_lines({"again.yaml:5: gpu1-macvlan: there is a NetworkAttachmentDefinition "
                    "gpu1-macvlan already, in good.yaml:5; one replaces the other",
                    "2 files, 2 networks: 1 problem"}));
}

TEST_CASE("validate lists a hundred problems, each in its line", "[validate]") {
  std::string text =
      "{\n\"cniVersion\": \"1.0.0\", \"name\": \"a\", \"type\": \"macvlan-rdma\",\n"
      "\"overlayPodCIDR\": [\n";
  for (int i = 0; i < 100; ++i) {
    text += "\"10.0.0." + std::to_string(i + 1) + "/8\"" + (i < 99 ? ",\n" : "\n");
  }
  const Report report = judge(text + "]}\n");
  REQUIRE(report.findings.size() == 100);
  for (int i = 0; i < 100; ++i) {
    const Finding& finding = report.findings[static_cast<std::size_t>(i)];
    CHECK(finding.line == 4 + i);
    CHECK(finding.text.starts_with("overlayPodCIDR[" + std::to_string(i) + "] "));
  }
}

TEST_CASE("validate refuses what is no manifest", "[validate]") {
  const auto [text, found] = GENERATE(table<std::string, std::string>(
      {{"", "file: is empty"},
       {"# nothing\n---\n", "file: is empty"},
       {"a: 1\n\tb: 2\n", "file:2: found a tab character"},
       {std::string("\x7f"
                    "ELF\x02\x01\x00\x00",
                    8),
        "file:1: control characters are not allowed"},
       {"- 1\n",
        "file:1: [1]: must be a network configuration, a list of plugins or a "
        "NetworkAttachmentDefinition"},
       {"hello", "file:1: \"hello\": must be a network configuration"},
       {"\n{\"plugins\": []}", "file:2: plugins: must be a list with at least one plugin"},
       {"{\"name\": \"a\"}", "file:1: a: type: is missing"},
       {"{\"type\": \"macvlan-rdma\",\n}", "file:2: not JSON: byte 26"},
       {"apiVersion: v1\n", "file:1: has no kind: expected NetworkAttachmentDefinition"},
       {"apiVersion: v1\nkind: Pod\n", "file: holds no network: neither a NetworkAttachment"},
       {R"({"name": "a", "plugins": [{"type": "tuning"}]})", "file: holds no network"},
       {"kind: List\n", "file:1: items: must be a list"},
       {"kind: SpiderMultusConfig\n", "\"macvlan-rdma migrate\""}}));
  const Report report = judge(text);
  const std::string all = text_of(report);
  INFO(all);
  CHECK(all.find(found) != std::string::npos);
  CHECK(report.count(Severity::problem) >= 1);
}

TEST_CASE("validate passes over other objects, wherever they are", "[validate]") {
  const InputFile pod{"pod.yaml", "apiVersion: v1\nkind: Pod\n"};
  const std::string passed = "pod.yaml:2: warning: kind \"Pod\": is no network, passed over";
  CHECK(text_of(validate({pod, input("good.yaml")}, std::nullopt)) ==
        join_lines({passed, "2 files, 1 network: no problems, 1 warning"}));
  CHECK(text_of(validate({pod}, std::nullopt)) ==
        join_lines({"pod.yaml: holds no network: neither a NetworkAttachmentDefinition nor a "
                    "configuration of type macvlan-rdma",
                    passed, "1 file, 0 networks: 1 problem, 1 warning"}));
}

TEST_CASE("validate goes on behind a key that is there twice", "[validate]") {
  const Report report = judge(
      "{\"cniVersion\": \"1.0.0\", \"name\": \"a\",\n\"mtu\": 1,\n\"type\": \"macvlan-rdma\",\n"
      "\"mtu\": \"x\",\n\"vlan\": 4095,\n\"vlan\": 4095}\n");
  CHECK(text_of(report) == join_lines({"file:4: the key \"mtu\" is there already, in line 2",
                                       "file:4: a: mtu \"x\": must be an integer from 0 to 65535",
                                       "file:6: the key \"vlan\" is there already, in line 5",
                                       "file:6: a: vlan 4095: must be an integer from 0 to 4094",
                                       "1 file, 1 network: 4 problems"}));
}

TEST_CASE("validate judges the documents before one that is no YAML", "[validate]") {
  const Report report =
      judge(read_golden("validate/good.yaml") + "---\nkind: Secret\n---\na: 1\n\tb: 2\n");
  CHECK(report.networks == 1);
  CHECK(report.count(Severity::problem) == 1);
  CHECK(report.count(Severity::warning) == 1);
}

TEST_CASE("validate refuses a configuration that is no JSON, as ADD does", "[validate]") {
  const std::string config = R"({"cniVersion": "1.0.0", "name": "a", "type": "macvlan-rdma"})";
  CHECK(text_of(judge("\xef\xbb\xbf" + config)) ==
        join_lines({"file:1: a runtime reads a file with a configuration as JSON, and this is not "
                    "JSON: byte 1 begins a byte order mark",
                    "1 file, 1 network: 1 problem"}));
  const Report report = judge("cniVersion: 1.0.0\nname: a\ntype: macvlan-rdma\nmtu: x\n");
  CHECK(text_of(report) ==
        join_lines({"file:1: a runtime reads a file with a configuration as JSON, and this is not "
                    "JSON: byte 1, at the end of \"c\"",
                    "file:4: a: mtu \"x\": must be an integer from 0 to 65535",
                    "1 file, 1 network: 2 problems"}));
}

TEST_CASE("validate shows no escapes of others", "[validate]") {
  const Report report =
      judge("{\"cniVersion\": \"1.0.0\", \"name\": \"a\\u001b[2J\", \"type\": \"x\\u001b[1m\"}",
            "f\x1b[m");
  const std::string all = text_of(report);
  CHECK(all.find('\x1b') == std::string::npos);
  CHECK(all.find("x\\x1b[1m") != std::string::npos);
}

TEST_CASE("a label leads to its value", "[validate]") {
  const json config{{"mtu", 1},
                    {"a", {{"b", {{{"c", 1}}, {{"c", 2}}}}}},
                    {"sysctls", {{"net.ipv4.conf", "1"}, {"net", "2"}, {"x/y~z", "3"}}}};
  CHECK(pointer_of(config, "mtu 1: must be") == "/mtu");
  CHECK(pointer_of(config, "mtu: must be") == "/mtu");
  CHECK(pointer_of(config, "mtus 1: unknown") == "");
  CHECK(pointer_of(config, "a.b[1].c 2: must") == "/a/b/1/c");
  CHECK(pointer_of(config, "a.b[7].c 2: must") == "/a/b");
  CHECK(pointer_of(config, "a.b[") == "/a/b");
  CHECK(pointer_of(config, "sysctls.net.ipv4.conf \"1\": must") == "/sysctls/net.ipv4.conf");
  CHECK(pointer_of(config, "sysctls.x/y~z \"3\"") == "/sysctls/x~1y~0z");
  CHECK(pointer_of(config, "") == "");
  CHECK(pointer_of(json(), "mtu") == "");
}
