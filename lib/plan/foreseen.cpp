// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/foreseen.hpp"

#include <algorithm>
#include <limits>

namespace mvr::plan {
namespace {

class ForeseenKernel final : public Kernel {
 public:
  explicit ForeseenKernel(Kernel& now) : now_(now) {}

  Result<std::optional<net::Link>> read_link(Where where, const std::string& name) override {
    const auto is_it = [&](const Made& made) {
      return made.where == where && made.link.name == name;
    };
    return find_or(is_it, [&] { return now_.read_link(where, name); });
  }
  Result<std::optional<net::Link>> read_link(Where where, net::IfIndex index) override {
    const auto is_it = [&](const Made& made) {
      return made.where == where && made.link.index == index;
    };
    return find_or(is_it, [&] { return now_.read_link(where, index); });
  }
  Result<std::vector<net::IfAddress>> read_addresses(Where where, net::IfIndex index) override {
    return now_.read_addresses(where, index);
  }
  Result<std::optional<net::Route>> find_route(Where where,
                                               const ip::Address& destination) override {
    return now_.find_route(where, destination);
  }
  Result<std::vector<std::string>> read_device_netdevs(const std::string& device) override {
    return now_.read_device_netdevs(device);
  }
  Result<std::vector<std::string>> read_device_rdma(const std::string& device) override {
    return now_.read_device_rdma(device);
  }
  Result<std::optional<rdma::NetnsMode>> read_rdma_mode() override { return now_.read_rdma_mode(); }
  Result<std::vector<rdma::Device>> read_rdma_devices(Where where) override {
    return now_.read_rdma_devices(where);
  }
  Result<std::optional<std::string>> read_verbs_node(rdma::DeviceIndex device) override {
    return now_.read_verbs_node(device);
  }
  Result<std::vector<ip::Mac>> read_filters(net::IfIndex index) override {
    return now_.read_filters(index);
  }
  Result<std::vector<std::string>> read_vlans(std::uint16_t id) override {
    return now_.read_vlans(id);
  }
  Result<std::vector<net::Rule>> read_rules(Where where) override { return now_.read_rules(where); }
  Result<std::vector<net::Route>> read_host_table(ip::Family family, std::uint32_t table) override {
    return now_.read_host_table(family, table);
  }
  Result<std::vector<net::Link>> read_pod_links() override { return now_.read_pod_links(); }
  Result<std::vector<net::IfAddress>> read_pod_addresses() override {
    return now_.read_pod_addresses();
  }
  Result<std::vector<net::Route>> read_pod_routes() override { return now_.read_pod_routes(); }
  Result<std::vector<std::optional<std::string>>> read_pod_sysctls(
      const std::vector<std::string>& paths) override {
    return now_.read_pod_sysctls(paths);
  }

  /// In passthru it has the master's MAC.
  Result<void> create_macvlan(Where where, const net::MacvlanSpec& spec) override {
    const auto master = MVR_TRY(read_link(where, spec.master));
    net::Link link;
    link.name = spec.name;
    link.kind = "macvlan";
    link.macvlan = spec.info;
    link.mac = spec.mac || !master ? spec.mac : master->mac;
    link.mtu = spec.mtu != 0 || !master ? spec.mtu : master->mtu;
    link.lower = spec.master;
    link.has_lower_elsewhere = where == Where::host;
    add(Where::pod, std::move(link));
    return {};
  }
  Result<void> create_vlan(const net::VlanSpec& spec) override {
    const auto master = MVR_TRY(read_link(Where::host, spec.master));
    net::Link link = master.value_or(net::Link{});
    link.name = spec.name;
    link.kind = "vlan";
    link.vlan_id = spec.id;
    link.mac = spec.mac;
    link.lower = spec.master;
    link.has_lower_elsewhere = false;
    add(Where::host, std::move(link));
    return {};
  }
  Result<void> change_link(Where where, const net::LinkChange& change) override {
    for (Made& made : made_) {
      if (made.where == where && made.link.index == change.index) {
        made.link.name = change.name.empty() ? made.link.name : change.name;
        made.link.alias = change.alias.empty() ? made.link.alias : change.alias;
        made.link.mac = change.mac ? change.mac : made.link.mac;
        made.link.is_up = made.link.is_up || change.up;
      }
    }
    return {};
  }
  Result<void> delete_link(Where, net::IfIndex) override { return {}; }
  Result<void> move_rdma_device(Where, rdma::DeviceIndex) override { return {}; }
  Result<void> rename_rdma_device(rdma::DeviceIndex, const std::string&) override { return {}; }
  Result<void> write_host_sysctls(const std::vector<net::Sysctl>&) override { return {}; }
  Result<void> write_pod_sysctls(const std::vector<net::Sysctl>&) override { return {}; }
  std::vector<Result<void>> change_all(const std::vector<Change>& changes) override {
    return std::vector<Result<void>>(changes.size());
  }

 private:
  struct Made {
    Where where;
    net::Link link;
  };

  template <typename Predicate, typename Else>
  Result<std::optional<net::Link>> find_or(const Predicate& is_it, const Else& otherwise) {
    const auto found = std::ranges::find_if(made_, is_it);
    return found != made_.end() ? std::optional(found->link) : otherwise();
  }

  /// The kernel counts from below.
  void add(Where where, net::Link link) {
    link.index = net::IfIndex{std::numeric_limits<int>::max() - static_cast<int>(made_.size())};
    link.group = net::kOurMark;
    made_.push_back({where, std::move(link)});
  }

  Kernel& now_;
  std::vector<Made> made_;
};

}  // namespace

std::unique_ptr<Kernel> foresee_kernel(Kernel& now) {
  return std::make_unique<ForeseenKernel>(now);
}

}  // namespace mvr::plan
