// SPDX-License-Identifier: Apache-2.0
#include "runtime/containerd.hpp"

#include <signal.h>

#include <filesystem>
#include <ostream>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

namespace fs = std::filesystem;

const std::string kDir = std::string(kScratchDir) + "/containerd";
const std::string kSocket = kDir + "/socket";
const std::string kConfiguration = kDir + "/config.toml";

/// crun without cgroups, which the test would have to share with the machine.
const std::string kRuntime = kDir + "/crun";

const std::string kImageArchive = kDir + "/image-archive.tar";

/// This machine's, in the words of an image (GOARCH).
#ifdef __aarch64__
constexpr const char* kArchitecture = "arm64";
#else
constexpr const char* kArchitecture = "amd64";
#endif

/// containerd's configuration, version 2: sandboxes in this directory alone, networks of the
/// test's.
std::string configuration(int networks) {
  const std::string cri = "[plugins.\"io.containerd.grpc.v1.cri\"";
  return "version = 2\nroot = \"" + kDir + "/root\"\nstate = \"" + kDir +
         "/state\"\n"
         "[grpc]\naddress = \"" +
         kSocket + "\"\n" + cri + "]\nsandbox_image = \"" + CniHost::kImage +
         "\"\n"
         "disable_cgroup = true\n"
         "disable_apparmor = true\n"
         "restrict_oom_score_adj = true\n" +
         cri + ".containerd]\nsnapshotter = \"native\"\n" + cri +
         ".containerd.runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n" + cri +
         ".containerd.runtimes.runc.options]\nBinaryName = \"" + kRuntime + "\"\n" + cri +
         ".cni]\nbin_dir = \"" + CniHost::plugin_dir() + "\"\nconf_dir = \"" +
         CniHost::networks_dir() + "\"\nmax_conf_num = " + std::to_string(networks) + '\n';
}

/// The image as `docker save` writes it, around the host's tar of a root file system.
void put_image_archive() {
  const std::string dir = kDir + "/image";
  const json config{{"architecture", kArchitecture},
                    {"os", "linux"},
                    {"config", {{"Cmd", {"/bin/sleep", "1000"}}}}};
  const auto sum = run({.argv = {"sha256sum", CniHost::image_tar()}}).out.substr(0, 64);
  json described = config;
  described["rootfs"] = {{"type", "layers"}, {"diff_ids", {"sha256:" + sum}}};
  put_file(dir + "/config.json", described.dump());
  put_file(
      dir + "/manifest.json",
      json{{{"Config", "config.json"}, {"RepoTags", {CniHost::kImage}}, {"Layers", {"layer.tar"}}}}
          .dump());
  fs::copy_file(CniHost::image_tar(), dir + "/layer.tar");
  const Output packed = run({.argv = {"tar", "-C", dir, "-cf", kImageArchive, "."}});
  INFO(packed.err);
  REQUIRE(packed.status == 0);
}

/// The kernel's name of a process: at most 15 characters.
std::string name_of(const fs::path& process) {
  return read_file((process / "comm").string(), 64).value_or("");
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Containerd::Reply& reply) {
  return out << (reply.ok() ? reply.body.dump() : reply.refusal);
}

Containerd::Containerd(const CniHost& /*host*/, int networks) {
  if (run({.argv = {"sh", "-c", "command -v containerd crun"}}).status != 0) {
    skip("containerd and crun are not installed");
  }
  put_file(kConfiguration, configuration(networks));
  put_file(kRuntime, "#!/bin/sh\nexec crun --cgroup-manager=disabled \"$@\"\n", 0755);
  put_image_archive();
  start();
  const Output imported = ctr({"images", "import", "--snapshotter", "native", kImageArchive});
  INFO(imported.err);
  REQUIRE(imported.status == 0);
}

void Containerd::start() {
  daemon_ = std::make_unique<Process>(
      Command{.argv = {"sh", "-c",
                       "exec containerd --config " + kConfiguration + " >>" + kDir + "/log 2>&1"},
              .timeout = std::chrono::minutes(10)});
  const bool is_up =
      eventually([&] { return ctr({"version"}).status == 0; }, std::chrono::seconds(20));
  INFO(read_file(kDir + "/log", std::size_t{1} << 20).value_or(""));
  REQUIRE(is_up);
}

void Containerd::stop() {
  daemon_->signal(SIGTERM);
  daemon_->wait();
  daemon_.reset();
}

Output Containerd::ctr(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv{"ctr", "--address", kSocket, "--namespace", "k8s.io"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run({.argv = std::move(argv)});
}

Containerd::Reply Containerd::cri(const std::string& method, const json& request) const {
  const Output output = run({.argv = {"/usr/bin/python3", "-B", MVR_CRI, kSocket, method},
                             .input = request.dump(),
                             .timeout = std::chrono::seconds(120)});
  if (output.status != 0) {
    return {.refusal = output.err.empty() ? "no answer" : output.err};
  }
  return {.body = json::parse(output.out)};
}

Containerd::Reply Containerd::run_sandbox(const std::string& pod, const json& annotations,
                                          int attempt) const {
  return cri("RunPodSandbox", {{"config",
                                {{"metadata",
                                  {{"name", pod},
                                   {"uid", "0b7c3f5e-6a1d-4a57-9d0c-2f1f6f0b9a11"},
                                   {"namespace", "training"},
                                   {"attempt", attempt}}},
                                 {"hostname", pod},
                                 {"annotations", annotations},
                                 {"linux", json::object()}}}});
}

std::string Containerd::run_pod(const std::string& pod) const {
  const Reply reply = run_sandbox(pod);
  INFO(reply);
  REQUIRE(reply.ok());
  return reply.body.at("pod_sandbox_id");
}

Containerd::Reply Containerd::stop_sandbox(const std::string& id) const {
  return cri("StopPodSandbox", {{"pod_sandbox_id", id}});
}

Containerd::Reply Containerd::remove_sandbox(const std::string& id) const {
  return cri("RemovePodSandbox", {{"pod_sandbox_id", id}});
}

json Containerd::status(const std::string& id) const {
  const Reply reply = cri("PodSandboxStatus", {{"pod_sandbox_id", id}, {"verbose", true}});
  INFO(reply);
  REQUIRE(reply.ok());
  json result = reply.body.at("status");
  result["info"] = json::parse(reply.body.at("info").at("info").get<std::string>());
  return result;
}

std::string Containerd::netns(const std::string& id) const {
  const int pid = status(id).at("info").at("pid");
  const fs::path inside = "/proc/" + std::to_string(pid) + "/ns/net";
  for (const fs::directory_entry& entry : fs::directory_iterator("/run/netns")) {
    if (fs::equivalent(entry.path(), inside)) {
      return entry.path().filename();
    }
  }
  FAIL("the sandbox is in no network namespace below /run/netns");
  return {};
}

std::string Containerd::runtime() {
  return kRuntime;
}

pid_t Containerd::shim() {
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    if (name_of(entry.path()).starts_with("containerd-shim")) {
      return std::stoi(entry.path().filename());
    }
  }
  return -1;
}

}  // namespace mvr::test
