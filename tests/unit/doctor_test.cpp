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
using mvr::test::ScratchDir;
using mvr::test::write_text;

namespace {

constexpr const char* kConfig =
    R"({"cniVersion": "1.0.0", "name": "rail1", "type": "macvlan-rdma", "master": "nic1"})";

struct ReadFile {
  std::vector<mvr::cni::NetConf> networks;
  Diagnoses problems;
};

ReadFile read(const std::string& text) {
  const ScratchDir dir;
  write_text(dir.file("networks"), text);
  ReadFile file;
  file.problems = read_networks(dir.file("networks"), file.networks);
  return file;
}

/// Asserts that the file has one problem, whose cause has the words, and no network.
void check_refused(const ReadFile& file, const std::vector<std::string>& words) {
  CHECK(file.networks.empty());
  REQUIRE(file.problems.size() == 1);
  CHECK(file.problems[0].grade == Grade::fail);
  INFO(file.problems[0].cause);
  CHECK(has_all(file.problems[0].cause, words));
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
    const ReadFile file = read(plain);
    CHECK(file.problems.empty());
    REQUIRE(file.networks.size() == 1);
    CHECK(file.networks[0].name == "rail1");
    CHECK(file.networks[0].master == std::vector<std::string>{"nic1"});
  }
  SECTION("a list of plugins, of which others are passed over") {
    const ReadFile file = read(
        R"({"cniVersion": "1.0.0", "name": "list", "plugins": [{"type": "tuning"},
            {"type": "macvlan-rdma", "vlan": 7}]})");
    CHECK(file.problems.empty());
    REQUIRE(file.networks.size() == 1);
    CHECK(file.networks[0].name == "list");
    CHECK(file.networks[0].vlan == 7);
  }
  SECTION("NetworkAttachmentDefinitions, good ones and bad ones") {
    const auto define = [](const std::string& config) {
      return "apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\n"
             "metadata: {name: rail1}\nspec:\n  config: |\n    " +
             config + "\n---\n";
    };
    const ReadFile file = read(define(plain) + define("{") + define(plain));
    CHECK(file.networks.size() == 2);
    REQUIRE(file.problems.size() == 1);
    CHECK(has_all(file.problems[0].cause, {"line "}));
  }
}

TEST_CASE("doctor refuses files that it cannot use", "[doctor]") {
  std::vector<mvr::cni::NetConf> networks;
  const Diagnoses missing = read_networks("/none/file", networks);
  REQUIRE(missing.size() == 1);
  CHECK(missing[0].subject == "/none/file");
  CHECK(missing[0].cause == "No such file or directory (ENOENT)");
  check_refused(read("kind: Pod\n"), {"Pod"});
  check_refused(read("{"), {"line"});
  check_refused(read(R"({"cniVersion": "1.0.0", "name": "a", "type": "macvlan-rdma",
                         "vlan": 4095})"),
                {"a: ", "vlan", "4095"});
  check_refused(read(R"({"type": "macvlan-rdma", "cniVersion": "1.0.0"})"), {"name"});
}

TEST_CASE("doctor says what it has found", "[doctor]") {
  check_golden("doctor/findings.txt", format_text(make_findings(), Painter(false)));
  check_golden("doctor/findings.json", format_json(make_findings()));
  check_golden("doctor/findings-40.txt", format_text(make_findings(), Painter(false, 40)));
  CHECK(format_text({{Grade::ok, "a", "", "b"}}, Painter(false)) ==
        "ok    a  b\n\n0 fail, 0 warn, 1 ok\n");
}
