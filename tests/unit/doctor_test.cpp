// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `doctor` is told of, and how it says what it has found.
#include "ops/doctor.hpp"

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/unit_dir.hpp"
#include "support/unit_pod.hpp"

using namespace mvr::ops;
using mvr::test::check_golden;
using mvr::test::has_all;
using mvr::test::refused;
using mvr::test::ScratchDir;
using mvr::test::write_text;

namespace {

constexpr const char* kConfig =
    R"({"cniVersion": "1.0.0", "name": "rail1", "type": "macvlan-rdma", "master": "nic1"})";

mvr::Result<std::vector<mvr::cni::NetConf>> read(const std::string& text) {
  const ScratchDir dir;
  write_text(dir.file("networks"), text);
  return read_networks(dir.file("networks"));
}

Diagnoses make_findings() {
  return {{Grade::fail, "config", "net\x1b.yaml", "line 3: no", "correct the file"},
          {Grade::warn, "master", "nic1", "nic1 takes it", "set nic1"},
          {Grade::ok, "RDMA", "nic1", "mlx5_0"},
          {Grade::warn, "master", "nic2", "nic2 takes it", "set nic2"},
          {Grade::ok, "journals", "", "NAME is no name here"},
          {Grade::ok, "journals", "", "NAME is no name here"}};
}

}  // namespace

TEST_CASE("doctor reads networks of every shape", "[doctor]") {
  const std::string plain = kConfig;
  SECTION("a configuration") {
    const auto networks = read(plain);
    REQUIRE(networks);
    REQUIRE(networks->size() == 1);
    CHECK(networks->at(0).name == "rail1");
    CHECK(networks->at(0).master == std::vector<std::string>{"nic1"});
  }
  SECTION("a list of plugins, of which others are passed over") {
    const auto networks = read(
        R"({"cniVersion": "1.0.0", "name": "list", "plugins": [{"type": "tuning"},
            {"type": "macvlan-rdma", "vlan": 7}]})");
    REQUIRE(networks);
    REQUIRE(networks->size() == 1);
    CHECK(networks->at(0).name == "list");
    CHECK(networks->at(0).vlan == 7);
  }
  SECTION("NetworkAttachmentDefinitions in YAML, beside other things") {
    const std::string definition =
        "kind: NetworkAttachmentDefinition\nspec:\n  config: |\n    " + plain + "\n";
    const auto networks = read(definition + "---\nkind: Pod\nspec: {}\n---\n" + definition);
    REQUIRE(networks);
    CHECK(networks->size() == 2);
  }
  SECTION("a List") {
    const auto networks = read("kind: List\nitems:\n- spec: {config: '" + plain + "'}\n");
    REQUIRE(networks);
    CHECK(networks->size() == 1);
  }
}

TEST_CASE("doctor refuses files that it cannot use", "[doctor]") {
  CHECK(has_all(refused(read_networks("/none/file")).msg, {"/none/file"}));
  CHECK(has_all(refused(read("kind: Pod\n")).msg, {"no configuration"}));
  CHECK(has_all(refused(read("{")).msg, {"line"}));
  CHECK(has_all(refused(read("[1, null]")).msg, {"no configuration"}));
  CHECK(has_all(refused(read(R"({"cniVersion": "1.0.0", "name": "a", "type": "macvlan-rdma",
                                 "vlan": 4095})"))
                    .msg,
                {"a: ", "vlan", "4095"}));
  CHECK(has_all(refused(read(R"({"type": "macvlan-rdma", "cniVersion": "1.0.0"})")).msg, {"name"}));
}

TEST_CASE("doctor says what it has found", "[doctor]") {
  check_golden("doctor/findings.txt", format_text(make_findings(), Painter(false)));
  check_golden("doctor/findings.json", format_json(make_findings()));
  CHECK(format_text({{Grade::ok, "a", "", "b"}}, Painter(false)) ==
        "ok    a  b\n\n0 fail, 0 warn, 1 ok\n");
}
