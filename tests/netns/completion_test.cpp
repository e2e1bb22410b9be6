// SPDX-License-Identifier: Apache-2.0
/// \file
/// The completion of the command line, asked as bash asks it.
#include "support/catch.hpp"
#include "support/plugin.hpp"

using namespace mvr::test;

namespace {

/// What bash offers behind these words, the last of which is being typed.
std::string complete(const std::string& words) {
  const std::string script = "set -eu\nsource <(" + plugin_path() +
                             " completion bash)\nCOMP_WORDS=(" + words +
                             ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                             "compopt() { :; }\n_macvlan_rdma\necho \"${COMPREPLY[*]}\"\n";
  const Output output = run({.argv = {"bash", "-c", script}});
  INFO(output.err);
  CHECK(output.status == 0);
  return output.out;
}

}  // namespace

TEST_CASE("bash completes commands, options and paths", "[protocol]") {
  CHECK(complete("macvlan-rdma g").find("gc") != std::string::npos);
  CHECK(complete("macvlan-rdma help ins").find("inspect") != std::string::npos);
  CHECK(complete("macvlan-rdma --v") == "--version\n");
  CHECK(complete("macvlan-rdma gc --d") == "--dry-run\n");
  CHECK(complete("macvlan-rdma gc --state-dir /et") == "/etc\n");
  CHECK(complete("macvlan-rdma gc /et") == "/etc\n");
  CHECK(complete("macvlan-rdma frobnicate --d") == "\n");
}

TEST_CASE("there is a completion for bash only", "[protocol]") {
  const Output output = run({.argv = {plugin_path(), "completion", "fish"}});
  CHECK(output.status == 2);
  CHECK(output.out.empty());
  CHECK(output.err.find("bash") != std::string::npos);
}
