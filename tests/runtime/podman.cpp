// SPDX-License-Identifier: Apache-2.0
#include "runtime/podman.hpp"

#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

const std::string kDir = std::string(kScratchDir) + "/podman";
const std::string kConfiguration = kDir + "/containers.conf";

/// Limits that a container may have without CAP_SYS_RESOURCE, no cgroups, and networks by CNI
/// (containers.conf(5)). The machine's own files are not read.
std::string configuration(const std::string& plugins) {
  return "[containers]\n"
         "cgroups = \"disabled\"\n"
         "default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"
         "[engine]\n"
         "cgroup_manager = \"cgroupfs\"\n"
         "events_logger = \"file\"\n"
         "runtime = \"crun\"\n"
         "[network]\n"
         "network_backend = \"cni\"\n"
         "network_config_dir = \"" +
         CniHost::networks_dir() + "\"\ncni_plugin_dirs = [\"" + plugins + "\"]\n";
}

std::string without_newline(std::string text) {
  while (text.ends_with('\n')) {
    text.pop_back();
  }
  return text;
}

}  // namespace

Podman::Podman(const CniHost& /*host*/, const std::string& plugins) {
  if (test::run({.argv = {"sh", "-c", "command -v podman crun"}}).status != 0) {
    skip("podman and crun are not installed");
  }
  put_file(kConfiguration, configuration(plugins));
  if (must({"info", "--format", "{{.Host.NetworkBackend}}"}) != "cni") {
    skip("this podman has no CNI backend");
  }
  must({"import", CniHost::image_tar(), CniHost::kImage});
}

Output Podman::run(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv{"podman",      "--root",           kDir + "/root",
                                "--runroot",   kDir + "/runroot",  "--tmpdir",
                                kDir + "/tmp", "--storage-driver", "vfs"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return test::run({.argv = std::move(argv),
                    .env = {{"CONTAINERS_CONF", kConfiguration}},
                    .timeout = std::chrono::seconds(60)});
}

std::string Podman::must(const std::vector<std::string>& arguments) const {
  const Output output = run(arguments);
  INFO(json(arguments).dump() << '\n' << output.out << output.err);
  REQUIRE(output.status == 0);
  return without_newline(output.out);
}

void Podman::start(const std::string& name, std::vector<std::string> options) const {
  std::vector<std::string> arguments{"run", "--detach", "--name", name};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.insert(arguments.end(), {CniHost::kImage, "/bin/sleep", "1000"});
  must(arguments);
}

json Podman::networks(const std::string& container) const {
  const json all = json::parse(must({"container", "inspect", container}));
  return all.at(0).at("NetworkSettings").at("Networks");
}

std::string Podman::netns(const std::string& container) const {
  return netns_name(
      must({"container", "inspect", "--format", "{{.NetworkSettings.SandboxKey}}", container}));
}

void Podman::remove_all() const {
  must({"pod", "rm", "--all", "--force", "--time", "0"});
  must({"rm", "--all", "--force", "--time", "0"});
}

}  // namespace mvr::test
