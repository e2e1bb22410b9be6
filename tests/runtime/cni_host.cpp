// SPDX-License-Identifier: Apache-2.0
#include "runtime/cni_host.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <sstream>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/traffic.hpp"

namespace mvr::test {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileLimit = std::size_t{1} << 20;

const fs::path kPlugins = fs::path(kScratchDir) / "plugins";
const fs::path kNetworks = fs::path(kScratchDir) / "networks";
const fs::path kCalls = fs::path(kScratchDir) / "calls";
const fs::path kImageTar = fs::path(kScratchDir) / "image.tar";

/// Debian's plugins beside ours, since some runtimes look in one directory.
void link_plugins() {
  fs::create_directories(kPlugins);
  for (const fs::directory_entry& entry : fs::directory_iterator(kCniPath)) {
    fs::create_symlink(entry.path(), kPlugins / entry.path().filename());
  }
}

/// Stands where the plugin would, writes down what it is called with and becomes the plugin.
void put_recorder() {
  const std::string script = "#!/bin/sh\nset -e\ncall=" + kCalls.string() +
                             "/$(date +%s%N)-$$\ncat > $call.input\nenv > $call.part\n"
                             "mv $call.part $call.env\nexec " +
                             plugin_path() + " < $call.input\n";
  put_file(kPlugins / "macvlan-rdma", script, 0755);
  fs::create_directories(kCalls);
}

/// A busybox and links to it, as a tar.
void put_image() {
  const fs::path root = fs::path(kScratchDir) / "image";
  for (const char* dir : {"bin", "etc", "proc", "sys", "dev", "tmp"}) {
    fs::create_directories(root / dir);
  }
  fs::copy_file("/bin/busybox", root / "bin/busybox");
  for (const char* applet : {"sh", "sleep", "true"}) {
    fs::create_symlink("busybox", root / "bin" / applet);
  }
  const Output packed = run({.argv = {"tar", "-C", root, "-cf", kImageTar, "."}});
  INFO(packed.err);
  REQUIRE(packed.status == 0);
  fs::remove_all(root);
}

/// crun looks for cgroups even when it is told to make none.
void mount_cgroups() {
  const Output mounted = run({.argv = {"mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"}});
  INFO(mounted.err);
  REQUIRE(mounted.status == 0);
}

/// Where runtimes look unless they are told otherwise, and where libcni keeps results: as on a
/// machine that has never seen a network.
void clear_defaults() {
  for (const char* dir : {"/etc", "/opt", "/var/lib"}) {
    CniHost::shield(dir);
    fs::remove_all(fs::path(dir) / "cni");
  }
  fs::create_directories("/etc/cni");
  fs::create_directories("/opt/cni");
  fs::create_directory_symlink(kNetworks, "/etc/cni/net.d");
  fs::create_directory_symlink(kPlugins, "/opt/cni/bin");
}

std::map<std::string, std::string> read_cni_variables(const fs::path& file) {
  std::map<std::string, std::string> result;
  std::istringstream lines(read_file(file, kFileLimit).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (line.starts_with("CNI_") && equals != std::string::npos) {
      result[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return result;
}

/// The processes are in a PID namespace before there is anything that they could outlive.
ScenarioOptions isolated(int rails) {
  isolate_processes();
  return {.rails = rails};
}

/// The records of all calls so far, the oldest first.
std::vector<fs::path> records() {
  std::vector<fs::path> result;
  for (const fs::directory_entry& entry : fs::directory_iterator(kCalls)) {
    if (entry.path().extension() == ".env") {
      result.push_back(entry.path());
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const SeenCall& call) {
  return out << json(call.env).dump() << '\n' << call.input.dump() << '\n';
}

CniHost::CniHost(int rails) : scenario(isolated(rails)) {
  mount_cgroups();
  link_plugins();
  put_recorder();
  put_image();
  fs::create_directories(kNetworks);
  clear_defaults();
  before_ = snapshot_world({});
}

void CniHost::shield(const std::string& dir) {
  const fs::path layers = fs::path(kScratchDir) / "shield" / fs::path(dir).relative_path();
  fs::create_directories(layers / "upper");
  fs::create_directories(layers / "work");
  const std::string options = "lowerdir=" + dir + ",upperdir=" + (layers / "upper").string() +
                              ",workdir=" + (layers / "work").string();
  const Output mounted = run({.argv = {"mount", "-t", "overlay", "-o", options, "none", dir}});
  INFO(mounted.err);
  REQUIRE(mounted.status == 0);
}

std::string CniHost::plugin_dir() {
  return kPlugins;
}

std::string CniHost::networks_dir() {
  return kNetworks;
}

void CniHost::put_network(int n, const json& patch, std::string file) {
  const std::string name = "rail" + std::to_string(n);
  json plugin = rail_config(n);
  plugin.merge_patch(patch);
  const json list{
      {"cniVersion", plugin.at("cniVersion")}, {"name", name}, {"plugins", json::array({plugin})}};
  put_file(kNetworks / (file.empty() ? name + ".conflist" : file), list.dump(2));
}

std::vector<SeenCall> CniHost::calls() {
  std::vector<SeenCall> result;
  for (const fs::path& record : records()) {
    const fs::path input = fs::path(record).replace_extension("input");
    SeenCall call{read_cni_variables(record),
                  json::parse(read_file(input, kFileLimit).value_or(""), nullptr, false)};
    if (call.verb() != "VERSION") {
      result.push_back(std::move(call));
    }
    fs::remove(record);
    fs::remove(input);
  }
  return result;
}

std::size_t CniHost::count(const std::string& verb) {
  const auto all = records();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const fs::path& file) {
    return read_cni_variables(file).at("CNI_COMMAND") == verb;
  }));
}

std::string CniHost::image_tar() {
  return kImageTar;
}

std::string CniHost::changes() const {
  return difference(before_, snapshot_world({}));
}

std::vector<std::string> outline(const std::vector<SeenCall>& calls) {
  std::vector<std::string> result;
  for (const SeenCall& call : calls) {
    result.push_back(call.verb() + ' ' + call.env.at("CNI_IFNAME"));
  }
  return result;
}

std::string netns_name(const std::string& path) {
  CHECK(path.starts_with("/run/netns/"));
  return fs::path(path).filename();
}

void check_reaches_gateway(const std::string& netns, int n, const std::string& from) {
  const UdpSocket client(netns, {.address = from});
  CHECK(exchange(client, UdpSocket(kGateways), rail_gateway(n)));
}

}  // namespace mvr::test
