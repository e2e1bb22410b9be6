// SPDX-License-Identifier: Apache-2.0
// A node's devices as sysfs has them.
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "ops/inventory.hpp"

namespace mvr::ops {
namespace {

constexpr std::size_t kLongestValue = 4096;  // a page, as all of sysfs' attributes

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

/// Where a link leads to, "" for nowhere.
std::string resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), ::free);
  return real ? real.get() : "";
}

std::string last_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// An attribute without its newline; "" where it is missing or cannot be read, as `speed` of a NIC
/// that is down.
std::string read_attribute(const std::string& path) {
  const auto text = read_file(path, kLongestValue);
  return text ? text->substr(0, text->find('\n')) : "";
}

std::int64_t read_number(const std::string& path, std::int64_t otherwise) {
  return parse_number<std::int64_t>(read_attribute(path)).value_or(otherwise);
}

/// "0x15b3" -> "15b3"
std::string read_hex(const std::string& path) {
  std::string text = read_attribute(path);
  return text.starts_with("0x") ? text.substr(2) : text;
}

/// "pci0000:15"; a domain may have more than four digits, as those of Intel's VMD do.
bool is_host_bridge(std::string_view name) {
  return name.starts_with("pci") && name.size() >= 10 && name[name.size() - 3] == ':' &&
         name.find_first_not_of("0123456789abcdef:", 3) == std::string_view::npos;
}

/// "0000:1a:00.0"
bool is_address(std::string_view name) {
  const std::size_t size = name.size();
  return size >= 12 && name[size - 2] == '.' && name[size - 5] == ':' && name[size - 8] == ':' &&
         name.find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
}

/// The PCI device that a device is, or is a part of, as virtio's and scalable functions are.
std::string find_pci_device(const std::string& real) {
  const auto path = parse_pci_path(real);
  const std::size_t at = path.empty() ? std::string::npos : real.rfind('/' + path.back());
  return at == std::string::npos ? real : real.substr(0, at + 1 + path.back().size());
}

PciDevice read_device(const std::string& part) {
  const std::string real = find_pci_device(part);
  PciDevice device;
  device.path = parse_pci_path(real);
  device.vendor = read_hex(real + "/vendor");
  device.device = read_hex(real + "/device");
  device.numa = static_cast<int>(read_number(real + "/numa_node", -1));
  return device;
}

/// By vendor, since the VGA part of a server's management controller has a display class, too.
/// \source pci.ids: class 03, display; class 12, processing accelerators
bool is_gpu(std::string_view vendor, std::string_view pci_class) {
  const std::string_view base = pci_class.substr(0, 4);  // without the programming interface
  const bool is_display = base == "0300" || base == "0302" || base == "0380";
  if (vendor == "10de" || vendor == "1002") {
    return is_display || base == "1200";
  }
  // A graphics core within a processor of Intel's is 0300.
  return (vendor == "8086" && (base == "0380" || base == "1200")) ||
         (vendor == "1da3" && base == "1200");
}

std::vector<PciDevice> read_gpus(const std::string& sysfs) {
  const std::string folder = sysfs + "/bus/pci/devices/";
  std::vector<PciDevice> gpus;
  for (const std::string& name : list_directory(folder)) {
    const std::string real = resolve(folder + name);
    if (!exists(real + "/physfn") &&
        is_gpu(read_hex(real + "/vendor"), read_hex(real + "/class"))) {
      gpus.push_back(read_device(real));
    }
  }
  return gpus;
}

/// The RDMA devices by the real paths of the devices that they are on.
std::map<std::string, std::vector<std::string>> read_rdma(const std::string& sysfs) {
  const std::string folder = sysfs + "/class/infiniband/";
  std::map<std::string, std::vector<std::string>> found;
  for (const std::string& name : list_directory(folder)) {
    found[resolve(folder + name + "/device")].push_back(name);
  }
  return found;
}

/// "pf0vf3", "c1pf0sf8": the switch's end of somebody else's port. \source devlink-port(8);
/// net/core/devlink.c, __devlink_port_phys_port_name_get
bool is_representor(std::string_view port_name) {
  const std::size_t function = port_name.find("pf");
  return function != std::string_view::npos &&
         (port_name.find("vf", function) != std::string_view::npos ||
          port_name.find("sf", function) != std::string_view::npos);
}

/// A scalable function is an auxiliary device below its PCI device: "mlx5_core.sf.4".
bool is_function_of_another(const std::string& device) {
  return exists(device + "/physfn") || last_name(device).find(".sf.") != std::string::npos;
}

NicKind kind_of(const std::string& link, const std::string& device) {
  if (device.empty()) {
    return NicKind::bond;
  }
  if (is_function_of_another(device)) {
    return NicKind::virtual_function;
  }
  return is_representor(read_attribute(link + "/phys_port_name")) ? NicKind::representor
                                                                  : NicKind::physical;
}

/// Nothing for what is neither on PCI nor a bond.
std::optional<Nic> read_nic(const std::string& sysfs, const std::string& name) {
  const std::string link = sysfs + "/class/net/" + name;
  const std::string device = resolve(link + "/device");
  if (parse_pci_path(device).empty() && !exists(link + "/bonding")) {
    return std::nullopt;
  }
  Nic nic;
  nic.name = name;
  nic.kind = kind_of(link, device);
  if (!device.empty()) {
    nic.pci = read_device(device);
  }
  nic.master = last_name(resolve(link + "/master"));
  nic.speed_mbps = std::max<std::int64_t>(0, read_number(link + "/speed", 0));
  nic.mtu = read_number(link + "/mtu", 0);
  nic.is_up = read_attribute(link + "/operstate") == "up";
  nic.is_ethernet = read_attribute(link + "/type") == "1";  // ARPHRD_ETHER
  return nic;
}

/// These netdevs and all below them: the NIC of a VLAN, the members of a bond.
std::set<std::string> with_lower(const std::string& sysfs, const std::set<std::string>& names) {
  constexpr std::string_view kPrefix = "lower_";
  const std::string folder = sysfs + "/class/net/";
  std::set<std::string> found = names;
  std::vector<std::string> open(names.begin(), names.end());
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    for (const std::string& entry : list_directory(folder + name)) {
      if (entry.starts_with(kPrefix) && found.insert(entry.substr(kPrefix.size())).second) {
        open.push_back(entry.substr(kPrefix.size()));
      }
    }
  }
  return found;
}

/// A device with two ports has one RDMA device, or one for each, by order of the ports.
std::string pick_rdma(const std::vector<std::string>& devices, std::int64_t port) {
  const auto index = static_cast<std::size_t>(std::max<std::int64_t>(0, port));
  return devices.empty() ? "" : devices[std::min(index, devices.size() - 1)];
}

}  // namespace

std::set<std::string> parse_default_routes(std::string_view v4, std::string_view v6) {
  constexpr std::size_t kMask4 = 7;
  constexpr std::size_t kName6 = 9;
  const std::string any(32, '0');
  std::set<std::string> names;
  for (const std::string_view line : split(v4, '\n')) {
    const auto words = split(line, '\t');
    if (words.size() > kMask4 && words[1] == "00000000" && words[kMask4] == "00000000") {
      names.emplace(words[0]);
    }
  }
  for (const std::string_view line : split(v6, '\n')) {
    std::vector<std::string_view> words = split(line, ' ');
    std::erase(words, "");
    // The kernel's own, which refuses, is at lo.
    if (words.size() > kName6 && words[0] == any && words[1] == "00" && words[kName6] != "lo") {
      names.emplace(words[kName6]);
    }
  }
  return names;
}

std::vector<std::string> parse_pci_path(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string_view part : split(path, '/')) {
    if (is_host_bridge(part) || (!parts.empty() && is_address(part))) {
      parts.emplace_back(part);
    }
  }
  return parts.size() > 1 ? parts : std::vector<std::string>{};
}

Result<Inventory> read_inventory(const std::string& sysfs, std::string node,
                                 const std::set<std::string>& default_route) {
  Inventory inventory{std::move(node), read_gpus(sysfs), {}};
  const auto rdma = read_rdma(sysfs);
  const auto management = with_lower(sysfs, default_route);
  const std::string folder = sysfs + "/class/net/";
  for (const std::string& name : MVR_TRY(read_directory(folder))) {
    auto nic = read_nic(sysfs, name);
    if (!nic) {
      continue;
    }
    nic->has_default_route = management.contains(name);
    const std::string netdev = folder + name;
    const auto found = rdma.find(resolve(netdev + "/device"));
    if (found != rdma.end() && nic->kind != NicKind::bond) {
      nic->rdma = pick_rdma(found->second, read_number(netdev + "/dev_port", 0));
    }
    inventory.nics.push_back(*std::move(nic));
  }
  std::ranges::stable_sort(inventory.nics, {}, [](const Nic& nic) {
    return std::pair(nic.pci.path.empty(), nic.pci.address());
  });
  return inventory;
}

}  // namespace mvr::ops
