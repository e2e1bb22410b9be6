// SPDX-License-Identifier: Apache-2.0
#include "support/fake_kernel.hpp"

#include <errno.h>

#include <algorithm>

#include "support/fake_ipv6.hpp"

namespace mvr::test {
namespace {

using plan::Op;
using plan::Where;

Result<void> answer(int error) {
  if (error != 0) {
    return fail(sys_error(Code::io, error, "the kernel answers"));
  }
  return {};
}

template <typename Key, typename Member>
std::optional<net::Link> find_link(const std::vector<net::Link>& links, const Key& key,
                                   Member member) {
  const auto found = std::ranges::find(links, key, member);
  return found != links.end() ? std::optional(*found) : std::nullopt;
}

/// \param missing the errno of a removal of what is not there
template <typename T>
int change_list(std::vector<T>& objects, Op op, const T& object, int missing) {
  const auto found = std::ranges::find(objects, object);
  if (op == Op::add && found != objects.end()) {
    return EEXIST;
  }
  if (op == Op::remove && found == objects.end()) {
    return missing;
  }
  if (op == Op::add) {
    objects.push_back(object);
  } else {
    objects.erase(found);
  }
  return 0;
}

std::string verb(Op op) {
  return op == Op::add ? "add " : "remove ";
}

std::string list_of(const std::vector<net::Sysctl>& sysctls) {
  std::string words;
  for (const net::Sysctl& sysctl : sysctls) {
    words += ' ' + sysctl.path + '=' + sysctl.value;
  }
  return words;
}

}  // namespace

std::string FakeKernel::name_of(net::IfIndex index) const {
  const auto link = find_link(world_.pod_links, index, &net::Link::index);
  return link ? link->name : "interface " + std::to_string(to_int(index));
}

std::string FakeKernel::name_of(rdma::DeviceIndex index) const {
  for (const FakeDevice& device : world_.rdma.devices) {
    if (device.device.index == index) {
      return device.device.name;
    }
  }
  return "number " + std::to_string(to_int(index));
}

Result<void> FakeKernel::record(std::string words, const std::function<int()>& work) {
  changes_.push_back(std::move(words));
  const auto failure = failures_.find(changes_.size());
  if (failure == failures_.end()) {
    return answer(work());
  }
  if (failure->second.when == Failing::afterwards) {
    const int refused = work();
    return answer(refused != 0 ? refused : failure->second.error);
  }
  return answer(failure->second.error);
}

Result<std::optional<net::Link>> FakeKernel::read_link(Where where, const std::string& name) {
  const auto& links = where == Where::host ? world_.host_links : world_.pod_links;
  return find_link(links, name, &net::Link::name);
}

Result<std::optional<net::Link>> FakeKernel::read_link(Where where, net::IfIndex index) {
  const auto& links = where == Where::host ? world_.host_links : world_.pod_links;
  return find_link(links, index, &net::Link::index);
}

Result<std::vector<net::IfAddress>> FakeKernel::read_addresses(Where where, net::IfIndex index) {
  const auto& all = where == Where::host ? world_.host_addresses : world_.pod_addresses;
  std::vector<net::IfAddress> found;
  std::ranges::copy_if(all, std::back_inserter(found),
                       [&](const net::IfAddress& address) { return address.index == index; });
  return found;
}

Result<std::optional<net::Route>> FakeKernel::find_route(Where where,
                                                         const ip::Address& destination) {
  const auto& routes = where == Where::host ? world_.host_routes : world_.pod_routes;
  const net::Route* route = find_match(routes, destination, net::kTableMain, net::IfIndex::none);
  return route != nullptr ? std::optional(*route) : std::nullopt;
}

Result<std::vector<std::string>> FakeKernel::read_device_netdevs(const std::string& device) {
  const auto found = world_.devices.find(device);
  return found != world_.devices.end() ? found->second : std::vector<std::string>();
}

Result<std::vector<std::string>> FakeKernel::read_device_rdma(const std::string& device) {
  return see_names(world_.rdma, device);
}

Result<std::optional<rdma::NetnsMode>> FakeKernel::read_rdma_mode() {
  return world_.rdma.mode;
}

Result<std::vector<rdma::Device>> FakeKernel::read_rdma_devices(Where where) {
  return see_devices(world_.rdma, where);
}

Result<std::optional<std::string>> FakeKernel::read_verbs_node(rdma::DeviceIndex device) {
  for (const FakeDevice& one : world_.rdma.devices) {
    if (one.device.index == device && !one.verbs_node.empty()) {
      return one.verbs_node;
    }
  }
  return std::nullopt;
}

Result<void> FakeKernel::move_rdma_device(Where from, rdma::DeviceIndex device) {
  const std::string target = from == Where::host ? " into the pod" : " to the node";
  return record("move RDMA device " + name_of(device) + target,
                [&] { return move_device(world_.rdma, from, device); });
}

Result<void> FakeKernel::rename_rdma_device(rdma::DeviceIndex device, const std::string& name) {
  return record("name RDMA device " + name_of(device) + ' ' + name,
                [&] { return rename_device(world_.rdma, device, name); });
}

Result<std::vector<net::Link>> FakeKernel::read_pod_links() {
  auto links = world_.pod_links;
  for (net::Link& link : links) {
    link.has_ipv6 = has_ipv6(world_);
  }
  return links;
}

Result<std::vector<net::IfAddress>> FakeKernel::read_pod_addresses() {
  return world_.pod_addresses;
}

Result<std::vector<net::Route>> FakeKernel::read_pod_routes() {
  return world_.pod_routes;
}

Result<std::vector<ip::Mac>> FakeKernel::read_filters(net::IfIndex index) {
  std::vector<ip::Mac> macs;
  for (const net::Link& link : world_.pod_links) {
    if (link.macvlan && link.lower == index && link.is_up && link.mac) {
      macs.push_back(*link.mac);
    }
  }
  return macs;
}

Result<std::vector<std::string>> FakeKernel::read_vlans(std::uint16_t id) {
  std::vector<std::string> names;
  for (const net::Link& link : world_.host_links) {
    if (link.vlan_id == id) {
      names.push_back(link.name);
    }
  }
  return names;
}

Result<std::vector<net::Route>> FakeKernel::read_host_table(ip::Family family,
                                                            std::uint32_t table) {
  auto routes = world_.host_routes;
  std::erase_if(routes, [&](const net::Route& route) {
    return route.dst.family() != family || route.table != table;
  });
  return routes;
}

Result<std::vector<net::Rule>> FakeKernel::read_rules(Where where) {
  return where == Where::host ? world_.host_rules : world_.pod_rules;
}

Result<std::vector<std::optional<std::string>>> FakeKernel::read_pod_sysctls(
    const std::vector<std::string>& paths) {
  std::vector<std::optional<std::string>> values;
  for (const std::string& path : paths) {
    const auto found = world_.pod_sysctls.find(path);
    values.push_back(found != world_.pod_sysctls.end() ? std::optional(found->second)
                                                       : std::nullopt);
  }
  return values;
}

Result<void> FakeKernel::create_macvlan(Where where, const net::MacvlanSpec& spec) {
  return record("create macvlan " + spec.name, [&] {
    return test::create_macvlan(world_, where, spec, net::IfIndex{next_index_++});
  });
}

Result<void> FakeKernel::create_vlan(const net::VlanSpec& spec) {
  return record("create VLAN " + spec.name,
                [&] { return test::create_vlan(world_, spec, net::IfIndex{next_index_++}); });
}

Result<void> FakeKernel::change_link(Where where, const net::LinkChange& change) {
  if (where == Where::host) {
    return record("raise link of the host", [&] {
      for (net::Link& link : world_.host_links) {
        link.is_up |= link.index == change.index && change.up;
      }
      return 0;
    });
  }
  const std::string words = change.name.empty()
                                ? "change " + name_of(change.index)
                                : "name " + name_of(change.index) + ' ' + change.name;
  return record(words + (change.up ? " and raise it" : ""),
                [&] { return test::change_link(world_, change); });
}

Result<void> FakeKernel::delete_link(Where where, net::IfIndex index) {
  return record("delete link " + name_of(index), [&] {
    return where == Where::host ? delete_host_link(world_, index)
                                : test::delete_link(world_, index);
  });
}

Result<void> FakeKernel::write_host_sysctls(const std::vector<net::Sysctl>& sysctls) {
  return record("write on the host" + list_of(sysctls), [] { return 0; });
}

Result<void> FakeKernel::write_pod_sysctls(const std::vector<net::Sysctl>& sysctls) {
  return record("write" + list_of(sysctls), [&] { return write_sysctls(world_, sysctls); });
}

Result<void> FakeKernel::change(const plan::Change& change, const net::IfAddress& address) {
  const std::string words = address.prefix.to_string() + " dev " + name_of(address.index);
  return record(verb(change.op) + "address " + words, [&] {
    return change.op == Op::add ? add_address(world_, address) : remove_address(world_, address);
  });
}

Result<void> FakeKernel::change(const plan::Change& change, const net::Route& route) {
  if (change.where == Where::host) {
    return record(verb(change.op) + "host route " + net::describe(route, "?"),
                  [&] { return change_list(world_.host_routes, change.op, route, ESRCH); });
  }
  return record(verb(change.op) + "route " + net::describe(route, name_of(route.nic)), [&] {
    return change.op == Op::add ? add_route(world_, route) : remove_route(world_, route);
  });
}

Result<void> FakeKernel::change(const plan::Change& change, const net::Rule& rule) {
  if (change.where == Where::host) {
    return record(verb(change.op) + "host rule " + net::describe(rule),
                  [&] { return change_list(world_.host_rules, change.op, rule, ENOENT); });
  }
  return record(verb(change.op) + "rule " + net::describe(rule), [&] {
    return change.op == Op::add ? add_rule(world_, rule) : remove_rule(world_, rule);
  });
}

std::vector<Result<void>> FakeKernel::change_all(const std::vector<plan::Change>& changes) {
  std::vector<Result<void>> results;
  for (const plan::Change& one : changes) {
    results.push_back(
        std::visit([&](const auto& object) { return change(one, object); }, one.object));
  }
  return results;
}

}  // namespace mvr::test
