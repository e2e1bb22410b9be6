// SPDX-License-Identifier: Apache-2.0
// What `doctor` reads from files of the node.
#include <unistd.h>

#include <algorithm>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "ops/doctor.hpp"

namespace mvr::ops {
namespace {

constexpr std::size_t kLongestText = 1024UL * 1024;

/// A module may be part of the kernel: then only what it makes is there.
bool has_module(const System& system, const std::string& name, const std::string& sign) {
  return system.has("/sys/module/" + name) || system.has(sign);
}

/// True if one of the files says all of these words.
bool is_said(const System& system, const std::vector<std::string>& files,
             const std::vector<std::string>& words) {
  return std::ranges::any_of(files, [&](const std::string& file) {
    const std::string text = system.read(file);
    return std::ranges::all_of(
        words, [&](const std::string& word) { return text.find(word) != std::string::npos; });
  });
}

Diagnoses check_network_manager(const System& system) {
  if (!system.has("/run/NetworkManager")) {
    return {};
  }
  auto files = system.find({"/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d",
                            "/usr/lib/NetworkManager/conf.d"},
                           {".conf"});
  files.emplace_back("/etc/NetworkManager/NetworkManager.conf");
  if (is_said(system, files, {"unmanaged-devices", "type:macvlan"})) {
    return {{Grade::ok, "NetworkManager", "", "leaves macvlans alone"}};
  }
  return {{Grade::warn, "NetworkManager", "", "runs, and may take macvlans and VLANs for its own",
           "in /etc/NetworkManager/conf.d/macvlan-rdma.conf: [keyfile] "
           "unmanaged-devices=type:macvlan;type:vlan, then: systemctl reload NetworkManager"}};
}

Diagnoses check_networkd(const System& system) {
  if (!system.has("/run/systemd/netif")) {
    return {};
  }
  const auto files = system.find(
      {"/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network"}, {".network"});
  if (is_said(system, files, {"Kind=macvlan", "Unmanaged=yes"})) {
    return {{Grade::ok, "systemd-networkd", "", "leaves macvlans alone"}};
  }
  return {{Grade::warn, "systemd-networkd", "", "runs, and may take macvlans and VLANs for its own",
           "in /etc/systemd/network/05-macvlan-rdma.network: [Match] Kind=macvlan vlan, [Link] "
           "Unmanaged=yes, then: networkctl reload"}};
}

Diagnosis check_neighbours(const System& system, const std::string& family, std::size_t needed,
                           const std::string& estimate) {
  constexpr const char* kWhat = "neighbours";
  const std::string key = "net." + family + ".neigh.default.gc_thresh3";
  const std::string text = system.read("/proc/sys/net/" + family + "/neigh/default/gc_thresh3");
  const auto limit = parse_number<std::size_t>(text);
  if (!limit) {
    return {Grade::ok, kWhat, family, key + " cannot be seen from this network namespace"};
  }
  const std::string now = key + " is " + text + ", ";
  if (*limit >= needed) {
    return {Grade::ok, kWhat, family, now + "enough for " + estimate};
  }
  return {Grade::warn, kWhat, family, now + "less than " + estimate,
          "sysctl -w " + key + "=" + std::to_string(needed) + ", and in /etc/sysctl.d"};
}

}  // namespace

std::string System::read(const std::string& path) const {
  std::string text = read_file(root + path, kLongestText).value_or("");
  text.resize(text.find_last_not_of(" \t\n") + 1);
  return text;
}

bool System::has(const std::string& path) const {
  return ::access((root + path).c_str(), F_OK) == 0;
}

std::vector<std::string> System::list(const std::string& path) const {
  return list_directory(root + path);
}

std::vector<std::string> System::find(const std::vector<std::string>& dirs,
                                      const std::vector<std::string>& endings) const {
  std::vector<std::string> files;
  for (const std::string& dir : dirs) {
    for (const std::string& name : list(dir)) {
      const auto ends = [&](const std::string& ending) { return name.ends_with(ending); };
      if (std::ranges::any_of(endings, ends)) {
        files.push_back((dir + '/').append(name));
      }
    }
  }
  return files;
}

bool System::wants_rdma() const {
  return networks.empty() || std::ranges::any_of(networks, [](const cni::NetConf& conf) {
           return conf.rdma.mode != cni::RdmaMode::off;
         });
}

bool System::insists_on_rdma() const {
  return std::ranges::any_of(networks, [](const cni::NetConf& conf) {
    return conf.rdma.mode == cni::RdmaMode::shared || conf.rdma.mode == cni::RdmaMode::exclusive ||
           (conf.rdma.mode == cni::RdmaMode::automatic && !conf.rdma.device.empty());
  });
}

Diagnoses check_modules(const System& system) {
  if (!system.wants_rdma()) {
    return {};
  }
  if (!has_module(system, "ib_core", "/sys/class/infiniband")) {
    return {{system.insists_on_rdma() ? Grade::fail : Grade::warn, "module", "ib_core",
             "is not loaded: this node has no RDMA",
             "modprobe the driver of the NICs (mlx5_ib), ib_uverbs and rdma_ucm"}};
  }
  Diagnoses all{{Grade::ok, "module", "ib_core", "is loaded"}};
  if (has_module(system, "ib_uverbs", "/sys/class/infiniband_verbs")) {
    all.push_back({Grade::ok, "module", "ib_uverbs", "is loaded"});
  } else {
    all.push_back({Grade::fail, "module", "ib_uverbs",
                   "is not loaded: no program can open a device",
                   "modprobe ib_uverbs, and in /etc/modules-load.d"});
  }
  if (has_module(system, "rdma_ucm", "/sys/class/misc/rdma_cm")) {
    all.push_back({Grade::ok, "module", "rdma_ucm", "is loaded"});
  } else {
    all.push_back({Grade::warn, "module", "rdma_ucm",
                   "is not loaded: programs that connect by librdmacm fail",
                   "modprobe rdma_ucm, and in /etc/modules-load.d"});
  }
  if (system.has("/sys/module/mlx5_core") && !system.has("/sys/module/mlx5_ib")) {
    all.push_back({Grade::fail, "module", "mlx5_ib",
                   "is not loaded, but mlx5_core is: the NICs have no RDMA devices",
                   "modprobe mlx5_ib, and in /etc/modules-load.d"});
  }
  return all;
}

Diagnoses check_device_plugin(const System& system) {
  constexpr const char* kDir = "/var/lib/kubelet/device-plugins";
  if (!system.wants_rdma()) {
    return {};
  }
  if (!system.has(std::string(kDir) + "/kubelet.sock")) {
    return {{Grade::warn, "kubelet", "", std::string(kDir) + "/kubelet.sock is not there",
             "start the kubelet; a node without one needs no device plugin"}};
  }
  std::vector<std::string> names;
  for (const std::string& file :
       system.find({kDir, "/var/lib/kubelet/plugins_registry"}, {".sock"})) {
    const std::string name = file.substr(file.rfind('/') + 1);
    if (name != "kubelet.sock" && name.find("csi") == std::string::npos) {
      names.push_back(name);
    }
  }
  if (names.empty()) {
    return {{Grade::warn, "device plugin", "",
             "has no socket: pods get no nodes of /dev/infiniband",
             "deploy k8s-rdma-shared-dev-plugin with a resource for each rail"}};
  }
  return {{Grade::ok, "device plugin", "", "sockets: " + join(names, ", ")}};
}

Diagnoses check_managers(const System& system) {
  Diagnoses all = check_network_manager(system);
  std::ranges::move(check_networkd(system), std::back_inserter(all));
  return all;
}

/// One table for all namespaces of the node.
Diagnoses check_neighbours(const System& system) {
  constexpr std::size_t kPods = 8;
  constexpr std::size_t kNeighbours = 64;
  const std::size_t devices = system.list("/sys/class/infiniband").size();
  const std::size_t rails =
      std::max({system.networks.size(), system.networks.empty() ? devices : 0, std::size_t{1}});
  const std::size_t needed = kPods * rails * kNeighbours;
  const std::string estimate = std::to_string(kPods) + " pods x " + std::to_string(rails) +
                               " rails x " + std::to_string(kNeighbours) +
                               " neighbours = " + std::to_string(needed);
  return {check_neighbours(system, "ipv4", needed, estimate),
          check_neighbours(system, "ipv6", needed, estimate)};
}

Diagnoses check_vlans(const System& system) {
  const bool is_needed =
      std::ranges::any_of(system.networks, [](const cni::NetConf& conf) { return conf.vlan != 0; });
  if (!is_needed) {
    return {};
  }
  if (has_module(system, "8021q", "/proc/net/vlan")) {
    return {{Grade::ok, "module", "8021q", "is loaded"}};
  }
  return {{Grade::warn, "module", "8021q", "is not loaded; the kernel loads it if it is installed",
           "modprobe 8021q, and in /etc/modules-load.d"}};
}

}  // namespace mvr::ops
