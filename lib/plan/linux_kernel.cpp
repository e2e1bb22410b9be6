// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/netlink.h>

#include "mvr/base/fd.hpp"
#include "mvr/plan/kernel.hpp"

namespace mvr::plan {

Result<LinuxKernel> LinuxKernel::open(const net::Netns& host, const net::Netns& pod) {
  net::Socket host_socket = MVR_TRY(net::Socket::open(NETLINK_ROUTE));
  const net::NetnsGuard guard = MVR_TRY(net::NetnsGuard::enter(pod, host));
  net::Socket pod_socket = MVR_TRY(net::Socket::open(NETLINK_ROUTE));
  return LinuxKernel(host, pod, std::move(host_socket), std::move(pod_socket));
}

LinuxKernel::LinuxKernel(const net::Netns& host, const net::Netns& pod, net::Socket host_socket,
                         net::Socket pod_socket)
    : host_(host),
      pod_(pod),
      host_socket_(std::move(host_socket)),
      pod_socket_(std::move(pod_socket)) {
}

LinuxKernel::LinuxKernel(LinuxKernel&& other) noexcept
    : host_(other.host_),
      pod_(other.pod_),
      host_socket_(std::move(other.host_socket_)),
      pod_socket_(std::move(other.pod_socket_)) {
}

Result<std::optional<net::Link>> LinuxKernel::read_link(Where where, const std::string& name) {
  return net::read_link(socket(where), name);
}

Result<std::optional<net::Link>> LinuxKernel::read_link(Where where, net::IfIndex index) {
  return net::read_link(socket(where), index);
}

Result<std::vector<net::IfAddress>> LinuxKernel::read_addresses(Where where, ip::Family family,
                                                                net::IfIndex index) {
  return net::read_addresses(socket(where), family, index);
}

Result<std::optional<net::Route>> LinuxKernel::find_route(Where where,
                                                          const ip::Address& destination) {
  return net::find_route(socket(where), destination);
}

Result<std::vector<std::string>> LinuxKernel::read_device_netdevs(const std::string& device) {
  // A PCI address has a colon, an auxiliary device ("mlx5_core.sf.4") has none.
  const std::string bus = device.find(':') != std::string::npos ? "pci" : "auxiliary";
  return list_directory("/sys/bus/" + bus + "/devices/" + device + "/net");
}

Result<std::vector<net::Link>> LinuxKernel::read_pod_links() {
  return net::read_links(pod_socket_);
}

Result<std::vector<net::IfAddress>> LinuxKernel::read_pod_addresses(ip::Family family) {
  return net::read_addresses(pod_socket_, family, net::IfIndex::none);
}

Result<std::vector<net::Route>> LinuxKernel::read_pod_routes(ip::Family family) {
  return net::read_routes(pod_socket_, family);
}

Result<std::vector<net::Rule>> LinuxKernel::read_pod_rules(ip::Family family) {
  return net::read_rules(pod_socket_, family);
}

Result<std::vector<std::optional<std::string>>> LinuxKernel::read_pod_sysctls(
    const std::vector<std::string>& paths) {
  const net::NetnsGuard guard = MVR_TRY(net::NetnsGuard::enter(pod_, host_));
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

Result<void> LinuxKernel::create_macvlan(Where where, const net::MacvlanSpec& spec) {
  return net::create_macvlan(socket(where), spec, pod_);
}

Result<void> LinuxKernel::rename_and_raise(net::IfIndex index, const std::string& name,
                                           const std::string& alias) {
  return net::rename_and_raise(pod_socket_, index, name, alias);
}

Result<void> LinuxKernel::delete_pod_link(net::IfIndex index) {
  return net::delete_link(pod_socket_, index);
}

Result<void> LinuxKernel::write_pod_sysctls(const std::vector<net::Sysctl>& sysctls) {
  const net::NetnsGuard guard = MVR_TRY(net::NetnsGuard::enter(pod_, host_));
  for (const net::Sysctl& sysctl : sysctls) {
    MVR_TRY(net::write_sysctl(sysctl));
  }
  return {};
}

Result<void> LinuxKernel::change(Op op, const net::IfAddress& address) {
  return op == Op::add ? net::add_address(pod_socket_, address)
                       : net::delete_address(pod_socket_, address);
}

Result<void> LinuxKernel::change(Op op, const net::Route& route) {
  return op == Op::add ? net::add_route(pod_socket_, route) : net::delete_route(pod_socket_, route);
}

Result<void> LinuxKernel::change(Op op, const net::Rule& rule) {
  return op == Op::add ? net::add_rule(pod_socket_, rule) : net::delete_rule(pod_socket_, rule);
}

}  // namespace mvr::plan
