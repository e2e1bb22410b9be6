// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/netlink.h>

#include "mvr/base/fd.hpp"
#include "mvr/net/rtnl.hpp"
#include "mvr/net/socket.hpp"
#include "mvr/net/vlan.hpp"
#include "mvr/plan/kernel.hpp"

namespace mvr::plan {

namespace {

using net::IfAddress;
using net::IfIndex;
using net::Link;
using net::Netns;
using net::Route;
using net::Rule;
using net::Socket;

/// A PCI address has a colon, an auxiliary device ("mlx5_core.sf.4") has none.
std::string sysfs_path(const std::string& device) {
  const std::string bus = device.find(':') != std::string::npos ? "pci" : "auxiliary";
  return "/sys/bus/" + bus + "/devices/" + device;
}

/// In the namespace that the process is in.
Result<void> write_sysctls(const std::vector<net::Sysctl>& sysctls) {
  for (const net::Sysctl& sysctl : sysctls) {
    MVR_TRY(net::write_sysctl(sysctl));
  }
  return {};
}

class LinuxKernel final : public Kernel {
 public:
  LinuxKernel(const Netns& host, const Netns& pod, Socket host_socket, Socket pod_socket)
      : host_(host),
        pod_(pod),
        host_socket_(std::move(host_socket)),
        pod_socket_(std::move(pod_socket)) {}

  Result<std::optional<Link>> read_link(Where where, const std::string& name) override {
    return net::read_link(socket(where), name);
  }

  Result<std::optional<Link>> read_link(Where where, IfIndex index) override {
    return net::read_link(socket(where), index);
  }

  Result<std::vector<IfAddress>> read_addresses(Where where, IfIndex index) override {
    return net::read_addresses(socket(where), index);
  }

  Result<std::optional<Route>> find_route(Where where, const ip::Address& destination) override {
    return net::find_route(socket(where), destination);
  }

  Result<std::vector<std::string>> read_device_netdevs(const std::string& device) override {
    return list_directory(sysfs_path(device) + "/net");
  }

  Result<std::vector<std::string>> read_device_rdma(const std::string& device) override {
    return list_directory(sysfs_path(device) + "/infiniband");
  }

  Result<std::optional<rdma::NetnsMode>> read_rdma_mode() override {
    Socket* socket = MVR_TRY(rdma_socket(Where::host));
    if (socket == nullptr) {
      return std::nullopt;
    }
    return MVR_TRY(rdma::read_netns_mode(*socket));
  }

  Result<std::vector<rdma::Device>> read_rdma_devices(Where where) override {
    Socket* socket = MVR_TRY(rdma_socket(where));
    return socket != nullptr ? rdma::read_devices(*socket) : std::vector<rdma::Device>();
  }

  Result<std::optional<std::string>> read_verbs_node(rdma::DeviceIndex device) override {
    return rdma::read_verbs_node(*MVR_TRY(need_rdma_socket(Where::host)), device);
  }

  Result<void> move_rdma_device(Where from, rdma::DeviceIndex device) override {
    Socket& socket = *MVR_TRY(need_rdma_socket(from));
    if (from == Where::host) {
      return rdma::move_device(socket, device, pod_);
    }
    const auto guard = MVR_TRY(net::NetnsGuard::enter(pod_, host_));
    return rdma::move_device(socket, device, host_);
  }

  Result<void> rename_rdma_device(rdma::DeviceIndex device, const std::string& name) override {
    return rdma::rename_device(*MVR_TRY(need_rdma_socket(Where::host)), device, name);
  }

  Result<std::vector<ip::Mac>> read_filters(IfIndex index) override {
    return net::read_filters(host_socket_, index);
  }

  Result<std::vector<std::string>> read_vlans(std::uint16_t id) override {
    return net::list_vlans(id);
  }

  Result<std::vector<Rule>> read_rules(Where where) override {
    return net::read_rules(socket(where));
  }

  Result<std::vector<Route>> read_host_table(ip::Family family, std::uint32_t table) override {
    return net::read_table(host_socket_, family, table);
  }

  Result<std::vector<Link>> read_pod_links() override { return net::read_links(pod_socket_); }

  Result<std::vector<IfAddress>> read_pod_addresses() override {
    return net::read_addresses(pod_socket_, IfIndex::none);
  }

  Result<std::vector<Route>> read_pod_routes() override { return net::read_routes(pod_socket_); }

  Result<std::vector<std::optional<std::string>>> read_pod_sysctls(
      const std::vector<std::string>& paths) override {
    const auto guard = MVR_TRY(net::NetnsGuard::enter(pod_, host_));
    std::vector<std::optional<std::string>> values;
    for (const std::string& path : paths) {
      Result<std::string> value = net::read_sysctl(path);
      if (!value && value.error().sys_errno != ENOENT) {
        return fail(std::move(value).error());
      }
      values.push_back(value ? std::optional(*std::move(value)) : std::nullopt);
    }
    return values;
  }

  Result<void> create_macvlan(Where where, const net::MacvlanSpec& spec) override {
    return net::create_macvlan(socket(where), spec, pod_);
  }

  Result<void> create_vlan(const net::VlanSpec& spec) override {
    return net::create_vlan(host_socket_, spec);
  }

  Result<void> change_link(Where where, const net::LinkChange& change) override {
    return net::change_link(socket(where), change);
  }

  Result<void> delete_link(Where where, IfIndex index) override {
    return net::delete_link(socket(where), index);
  }

  Result<void> write_host_sysctls(const std::vector<net::Sysctl>& sysctls) override {
    return write_sysctls(sysctls);
  }

  Result<void> write_pod_sysctls(const std::vector<net::Sysctl>& sysctls) override {
    const auto guard = MVR_TRY(net::NetnsGuard::enter(pod_, host_));
    return write_sysctls(sysctls);
  }

  std::vector<Result<void>> change_all(const std::vector<Change>& changes) override {
    std::vector<net::Change> requests;
    requests.reserve(changes.size());
    for (const Change& change : changes) {
      requests.push_back({change.op == Op::remove, change.object});
    }
    return net::change_all(socket(changes.front().where), requests);
  }

 private:
  Socket& socket(Where where) { return where == Where::host ? host_socket_ : pod_socket_; }

  /// Opened at its first use; null when this kernel has no RDMA.
  Result<Socket*> rdma_socket(Where where) {
    std::optional<Socket>& socket = where == Where::host ? host_rdma_ : pod_rdma_;
    if (!socket && where == Where::host) {
      socket = MVR_TRY(rdma::open_socket());
    } else if (!socket) {
      const auto guard = MVR_TRY(net::NetnsGuard::enter(pod_, host_));
      socket = MVR_TRY(rdma::open_socket());
    }
    return socket ? &*socket : nullptr;
  }

  Result<Socket*> need_rdma_socket(Where where) {
    Socket* socket = MVR_TRY(rdma_socket(where));
    if (socket == nullptr) {
      return fail(sys_error(Code::io, EPROTONOSUPPORT, "RDMA netlink"));
    }
    return socket;
  }

  const Netns& host_;
  const Netns& pod_;
  Socket host_socket_;
  Socket pod_socket_;
  std::optional<Socket> host_rdma_;
  std::optional<Socket> pod_rdma_;
};

}  // namespace

Result<std::unique_ptr<Kernel>> open_linux_kernel(const Netns& host, const Netns& pod) {
  Socket host_socket = MVR_TRY(Socket::open(NETLINK_ROUTE));
  const auto guard = MVR_TRY(net::NetnsGuard::enter(pod, host));
  Socket pod_socket = MVR_TRY(Socket::open(NETLINK_ROUTE));
  return std::make_unique<LinuxKernel>(host, pod, std::move(host_socket), std::move(pod_socket));
}

}  // namespace mvr::plan
