// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma validate` as people run it: files, exit status, standard input and output.
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/refusal.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

using Words = std::vector<std::string>;

const std::string kFile = std::string(kScratchDir) + "/net.yaml";
const std::string kExamples = std::string(MVR_SOURCE_DIR) + "/conf";

Output run_validate(const Words& words, const std::string& input = "") {
  Words argv{plugin_path(), "validate"};
  argv.insert(argv.end(), words.begin(), words.end());
  return run({.argv = std::move(argv), .input = input});
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  return text.substr(text.rfind('\n', end) + 1, end - text.rfind('\n', end));
}

}  // namespace

TEST_CASE("validate finds nothing wrong with the examples", "[validate]") {
  isolate();
  for (int n = 1; n <= 8; ++n) {
    const std::string file = "/networks/gpu" + std::to_string(n) + "-macvlan.yaml";
    const Output output = run_validate({"--strict", kExamples + file});
    INFO(output.out << output.err);
    CHECK(output.status == 0);
  }
  const Output others = run_validate(
      {"--strict", kExamples + "/ipam/whereabouts.yaml", kExamples + "/cnitool/10-rail1.conflist"});
  INFO(others.out);
  CHECK(others.status == 0);
}

TEST_CASE("validate ends with 1 for problems, and for warnings if it is strict", "[validate]") {
  isolate();
  const std::string good = read_golden("validate/good.yaml");
  put_file(kFile, good);
  CHECK(run_validate({kFile}).status == 0);
  const Output twice = run_validate({kFile, "-"}, good);
  CHECK(twice.status == 1);
  expect_words(twice.out, {"standard input:5: gpu1-macvlan: ", "already, in " + kFile + ":5"});
  const std::string odd = R"({"cniVersion": "1.0.0", "name": "a", "type": "macvlan-rdma", "x": 1})";
  CHECK(run_validate({"-"}, odd).status == 0);
  const Output strict = run_validate({"-", "--strict"}, odd);
  CHECK(strict.status == 1);
  expect_words(strict.out, {"standard input:1: warning: a: x 1: unknown key"});
  const Output as_json = run_validate({"-", "--json"}, odd);
  CHECK(as_json.status == 0);
  CHECK(json::parse(as_json.out).at("findings").at(0).at("line") == 1);
  CHECK(run_validate({}).status == 2);
}

TEST_CASE("validate names files that it cannot read, and goes on", "[validate]") {
  isolate();
  put_file(kFile, read_golden("validate/good.yaml"));
  const Output output =
      run_validate({"/nowhere/net.yaml", "/etc", "/bin/true", kFile, "--defaults", "/nowhere/d"});
  INFO(output.out << output.err);
  CHECK(output.status == 1);
  expect_words(output.out,
               {"/nowhere/net.yaml: No such file or directory", "/etc: read: Is a directory",
                "/bin/true:1: control characters are not allowed", "/nowhere/d: No such file"});
  CHECK(last_line(output.out) == "4 files, 1 network: 4 problems");
}

TEST_CASE("validate says when its output cannot be written", "[validate]") {
  isolate();
  const Output output =
      run({.argv = {"/bin/sh", "-c", "exec \"$0\" validate - > /dev/full", plugin_path()},
           .input = read_golden("validate/good.yaml")});
  CHECK(output.status == 1);
  expect_words(output.err, {"standard output", "ENOSPC"});
}
