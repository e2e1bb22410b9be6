// SPDX-License-Identifier: Apache-2.0
/// \file
/// The Debian package: installed, used by podman, removed, nothing left.
#include <cstdlib>
#include <filesystem>

#include "mvr/base/fd.hpp"
#include "runtime/podman.hpp"
#include "support/catch.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

namespace fs = std::filesystem;

/// scripts/release has made it, and names it here.
std::string package() {
  const char* path = std::getenv("MVR_PACKAGE");
  if (path == nullptr) {
    skip("MVR_PACKAGE names no package; scripts/release makes one");
  }
  return path;
}

Output dpkg(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"dpkg"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Output output = run({.argv = std::move(argv), .timeout = std::chrono::seconds(60)});
  INFO(output.out << output.err);
  REQUIRE(output.status == 0);
  return output;
}

/// With its documents, which small systems leave out.
void install(const std::string& deb) {
  dpkg({"--path-include=/usr/share/*", "--install", deb});
}

/// All paths below the directories that the package or its scripts may touch.
std::string list_files() {
  return run({.argv = {"find", "/etc/iproute2", "/lib/systemd/system", "/opt", "/usr/lib/cni",
                       "/usr/share/bash-completion", "/usr/share/doc", "/usr/share/lintian",
                       "/usr/share/man/man8", "-xdev"}})
      .out;
}

}  // namespace

TEST_CASE("the Debian package is installed, used and removed", "[package]") {
  const std::string deb = package();
  const CniHost host(1);
  CniHost::shield("/usr");
  fs::remove("/opt/cni/bin");
  fs::create_directories("/opt/cni/bin");
  const std::string before = list_files();

  install(deb);
  CHECK(fs::read_symlink("/opt/cni/bin/macvlan-rdma") == "/usr/lib/cni/macvlan-rdma");
  const Output page = run({.argv = {"man", "--pager=cat", "8", "macvlan-rdma"},
                           .env = {{"LC_ALL", "C.UTF-8"}, {"MANWIDTH", "100"}}});
  CHECK(names(page.out, {"macvlan-rdma - CNI plugin", "podDefaultRouteNic", "The command gc"}));
  const std::string completed =
      run({.argv = {"bash", "-c",
                    "source /usr/share/bash-completion/completions/macvlan-rdma; "
                    "complete -p macvlan-rdma"}})
          .out;
  CHECK(completed == "complete -F _macvlan_rdma macvlan-rdma\n");

  CniHost::put_network(1);
  const Podman podman(host, "/usr/lib/cni");
  podman.start("trainer", {"--network", "rail1"});
  check_reaches_gateway(podman.netns("trainer"), 1, rail_address(1));
  podman.remove_all();
  CHECK(host.changes().empty());

  dpkg({"--remove", "macvlan-rdma"});
  CHECK_FALSE(fs::exists("/opt/cni/bin/macvlan-rdma"));
  dpkg({"--purge", "macvlan-rdma"});
  CHECK(list_files() == before);
}

TEST_CASE("the package leaves what others have put in its place", "[package]") {
  const std::string deb = package();
  const CniHost host(1);
  CniHost::shield("/usr");
  fs::remove("/opt/cni/bin");
  put_file("/opt/cni/bin/macvlan-rdma", "of somebody else", 0755);
  install(deb);
  dpkg({"--purge", "macvlan-rdma"});
  CHECK(mvr::read_file("/opt/cni/bin/macvlan-rdma", 64).value() == "of somebody else");
}
