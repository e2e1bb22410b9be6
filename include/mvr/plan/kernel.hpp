// SPDX-License-Identifier: Apache-2.0
/// \file
/// The outside world as plans see it: the kernel's network objects of the host and of the pod.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/net/netns.hpp"
#include "mvr/net/sysctl.hpp"
#include "mvr/net/types.hpp"
#include "mvr/rdma/device.hpp"

namespace mvr::plan {

enum class Where { host, pod };

enum class Op { add, remove };

/// An address of the pod, a route or a rule, that is to come or to go.
struct Change {
  Where where;
  Op op;
  std::variant<net::IfAddress, net::Route, net::Rule> object;
};

/// Reads and changes, one kernel request each. Errors carry Code::io and the kernel's errno; what
/// is looked up by name and is not there is an empty optional, not an error.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel(Kernel&&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  Kernel& operator=(Kernel&&) = delete;
  virtual ~Kernel() = default;

  virtual Result<std::optional<net::Link>> read_link(Where where, const std::string& name) = 0;
  virtual Result<std::optional<net::Link>> read_link(Where where, net::IfIndex index) = 0;
  /// Addresses of one link.
  virtual Result<std::vector<net::IfAddress>> read_addresses(Where where, net::IfIndex index) = 0;
  /// The route to an address as the table has it; nothing when there is none.
  virtual Result<std::optional<net::Route>> find_route(Where where,
                                                       const ip::Address& destination) = 0;
  /// Names of the host's netdevs of a PCI or auxiliary device, sorted; empty if it has none.
  virtual Result<std::vector<std::string>> read_device_netdevs(const std::string& device) = 0;

  /// Names of the host's RDMA devices of a PCI or auxiliary device, likewise.
  virtual Result<std::vector<std::string>> read_device_rdma(const std::string& device) = 0;

  // RDMA. A kernel without it has no netns mode and no devices.

  virtual Result<std::optional<rdma::NetnsMode>> read_rdma_mode() = 0;
  /// What the namespace sees. Ports name the netdevs of that namespace only.
  virtual Result<std::vector<rdma::Device>> read_rdma_devices(Where where) = 0;
  /// The name of one of the host's devices in /dev/infiniband; nothing if it has none.
  virtual Result<std::optional<std::string>> read_verbs_node(rdma::DeviceIndex device) = 0;
  /// From this namespace to the other one.
  virtual Result<void> move_rdma_device(Where from, rdma::DeviceIndex device) = 0;
  /// One of the host's devices.
  virtual Result<void> rename_rdma_device(rdma::DeviceIndex device, const std::string& name) = 0;

  /// MACs of the macvlans on one of the host's links, wherever they are.
  virtual Result<std::vector<ip::Mac>> read_filters(net::IfIndex index) = 0;
  /// Names of the host's VLAN devices with this id.
  virtual Result<std::vector<std::string>> read_vlans(std::uint16_t id) = 0;
  virtual Result<std::vector<net::Rule>> read_rules(Where where) = 0;
  /// One of the host's routing tables, which is ours.
  virtual Result<std::vector<net::Route>> read_host_table(ip::Family family,
                                                          std::uint32_t table) = 0;

  // All of the pod's objects. Never the host's: it may have thousands.
  virtual Result<std::vector<net::Link>> read_pod_links() = 0;
  virtual Result<std::vector<net::IfAddress>> read_pod_addresses() = 0;
  virtual Result<std::vector<net::Route>> read_pod_routes() = 0;
  /// Values in the order of the paths; nothing for a file that is not there.
  virtual Result<std::vector<std::optional<std::string>>> read_pod_sysctls(
      const std::vector<std::string>& paths) = 0;

  /// Makes the link in the pod; its master is in `where`.
  virtual Result<void> create_macvlan(Where where, const net::MacvlanSpec& spec) = 0;
  /// Makes the device on the host.
  virtual Result<void> create_vlan(const net::VlanSpec& spec) = 0;
  virtual Result<void> change_link(Where where, const net::LinkChange& change) = 0;
  virtual Result<void> delete_link(Where where, net::IfIndex index) = 0;
  virtual Result<void> write_host_sysctls(const std::vector<net::Sysctl>& sysctls) = 0;
  virtual Result<void> write_pod_sysctls(const std::vector<net::Sysctl>& sysctls) = 0;
  /// Changes in one place, one after the other: what each came to. One that fails does not keep the
  /// kernel from the next.
  virtual std::vector<Result<void>> change_all(const std::vector<Change>& changes) = 0;
};

/// The running kernel: one rtnetlink socket in each of the two namespaces, opened once, and one for
/// RDMA where it is needed. Both namespaces must outlive it.
Result<std::unique_ptr<Kernel>> open_linux_kernel(const net::Netns& host, const net::Netns& pod);

}  // namespace mvr::plan
