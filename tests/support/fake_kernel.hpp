// SPDX-License-Identifier: Apache-2.0
/// \file
/// A kernel in memory that records what is done to it and fails when it is told to.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mvr/plan/kernel.hpp"
#include "support/fake_world.hpp"

namespace mvr::test {

/// When a call that is to fail does so.
enum class Failing { instead, afterwards };

class FakeKernel final : public plan::Kernel {
 public:
  explicit FakeKernel(World world) : world_(std::move(world)) {}

  /// What is there, for tests to look at and to change behind the product's back.
  [[nodiscard]] World& world() { return world_; }

  /// Every call that changes something, failed ones as well, in words.
  [[nodiscard]] const std::vector<std::string>& changes() const { return changes_; }

  /// The n-th changing call of all (1 is the first one) fails with this errno: instead of doing its
  /// work, or having done it.
  void fail_at(std::size_t n, int error, Failing when = Failing::instead) {
    failures_[n] = {error, when};
  }

  Result<std::optional<net::Link>> read_link(plan::Where where, const std::string& name) override;
  Result<std::optional<net::Link>> read_link(plan::Where where, net::IfIndex index) override;
  Result<std::vector<net::IfAddress>> read_addresses(plan::Where where,
                                                     net::IfIndex index) override;
  Result<std::optional<net::Route>> find_route(plan::Where where,
                                               const ip::Address& destination) override;
  Result<std::vector<std::string>> read_device_netdevs(const std::string& device) override;
  Result<std::vector<std::string>> read_device_rdma(const std::string& device) override;
  Result<std::optional<rdma::NetnsMode>> read_rdma_mode() override;
  Result<std::vector<rdma::Device>> read_rdma_devices(plan::Where where) override;
  Result<std::optional<std::string>> read_verbs_node(rdma::DeviceIndex device) override;
  Result<void> move_rdma_device(plan::Where from, rdma::DeviceIndex device) override;
  Result<void> rename_rdma_device(rdma::DeviceIndex device, const std::string& name) override;
  Result<std::vector<ip::Mac>> read_filters(net::IfIndex index) override;
  Result<std::vector<std::string>> read_vlans(std::uint16_t id) override;
  Result<std::vector<net::Rule>> read_rules(plan::Where where) override;
  Result<std::vector<net::Route>> read_host_table(ip::Family family, std::uint32_t table) override;
  Result<std::vector<net::Link>> read_pod_links() override;
  Result<std::vector<net::IfAddress>> read_pod_addresses() override;
  Result<std::vector<net::Route>> read_pod_routes() override;
  Result<std::vector<std::optional<std::string>>> read_pod_sysctls(
      const std::vector<std::string>& paths) override;
  Result<void> create_macvlan(plan::Where where, const net::MacvlanSpec& spec) override;
  Result<void> create_vlan(const net::VlanSpec& spec) override;
  Result<void> change_link(plan::Where where, const net::LinkChange& change) override;
  Result<void> delete_link(plan::Where where, net::IfIndex index) override;
  Result<void> write_host_sysctls(const std::vector<net::Sysctl>& sysctls) override;
  Result<void> write_pod_sysctls(const std::vector<net::Sysctl>& sysctls) override;
  std::vector<Result<void>> change_all(const std::vector<plan::Change>& changes) override;

 private:
  Result<void> change(const plan::Change& change, const net::IfAddress& address);
  Result<void> change(const plan::Change& change, const net::Route& route);
  Result<void> change(const plan::Change& change, const net::Rule& rule);
  struct Failure {
    int error = 0;
    Failing when = Failing::instead;
  };

  /// Records the call and does it, unless it is to fail.
  Result<void> record(std::string words, const std::function<int()>& work);

  [[nodiscard]] std::string name_of(net::IfIndex index) const;
  [[nodiscard]] std::string name_of(rdma::DeviceIndex index) const;

  World world_;
  std::vector<std::string> changes_;
  std::map<std::size_t, Failure> failures_;
  int next_index_ = 1000;
};

}  // namespace mvr::test
