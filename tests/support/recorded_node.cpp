// SPDX-License-Identifier: Apache-2.0
#include "support/recorded_node.hpp"

#include <filesystem>

namespace mvr::test {

namespace fs = std::filesystem;

RecordedNode::RecordedNode() {
  system_.root = dir_.path();
  system_.program = dir_.file("program");
  system_.plugin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  system_.state_dir = dir_.file("state");
  write_text(system_.program, "one macvlan-rdma-version=1.2.3;");
}

void RecordedNode::put(const std::string& path, const std::string& text, unsigned mode) const {
  const fs::path file = system_.root + path;
  fs::create_directories(file.parent_path());
  write_text(file, text);
  fs::permissions(file, static_cast<fs::perms>(mode));
}

void RecordedNode::remove(const std::string& path) const {
  fs::remove_all(system_.root + path);
}

void RecordedNode::make_ready() const {
  for (const char* module : {"ib_core", "ib_uverbs", "rdma_ucm", "mlx5_core", "mlx5_ib", "8021q"}) {
    put("/sys/module/" + std::string(module) + "/refcnt", "1\n");
  }
  for (const char* device : {"rocep11s0", "rocep12s0"}) {
    const std::string port = "/sys/class/infiniband/" + std::string(device) + "/ports/1/";
    put(port + "state", "4: ACTIVE\n");
    put(port + "rate", "400 Gb/sec (4X NDR)\n");
  }
  for (const char* nic : {"enp11s0f0np0", "enp12s0f0np0"}) {
    const std::string dir = "/proc/sys/net/ipv6/conf/" + std::string(nic) + '/';
    put(dir + "accept_ra", "0\n");
    put(dir + "forwarding", "0\n");
    put(dir + "disable_ipv6", "0\n");
  }
  put("/dev/infiniband/uverbs0");
  put("/dev/infiniband/uverbs1");
  put("/var/lib/kubelet/device-plugins/kubelet.sock");
  put("/var/lib/kubelet/plugins_registry/shared_gpu1.sock");
  put("/opt/cni/bin/macvlan-rdma", read_text(system_.program), 0755);
  put("/usr/lib/cni/host-local", "", 0755);
  put("/etc/cni/net.d/00-multus.conf");
  put("/etc/cni/net.d/10-calico.conflist");
  put("/proc/sys/net/ipv4/neigh/default/gc_thresh3", "16384\n");
  put("/proc/sys/net/ipv6/neigh/default/gc_thresh3", "16384\n");
}

std::vector<std::string> lines_of(const ops::Diagnoses& all) {
  std::vector<std::string> lines;
  for (const ops::Diagnosis& one : all) {
    const char* grade = one.grade == ops::Grade::ok     ? "ok "
                        : one.grade == ops::Grade::warn ? "warn "
                                                        : "fail ";
    lines.push_back(grade + one.what + (one.subject.empty() ? "" : ' ' + one.subject) + ": " +
                    one.cause + (one.remedy.empty() ? "" : " | " + one.remedy));
  }
  return lines;
}

}  // namespace mvr::test
