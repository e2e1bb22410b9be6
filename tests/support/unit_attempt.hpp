// SPDX-License-Identifier: Apache-2.0
/// \file
/// ADD's kernel part on a fake kernel: the real plans, the real steps, in ADD's order.
#pragma once

#include <string>
#include <vector>

#include "mvr/plan/transaction.hpp"
#include "support/fake_kernel.hpp"
#include "support/unit_pod.hpp"

namespace mvr::test {

class Attempt {
 public:
  explicit Attempt(FakeKernel& kernel, plan::OnStep on_step = ignore_step());

  /// Shared routing, link, RDMA device, addresses, routing.
  Result<void> make(const cni::NetConf& conf, const state::Attachment& attachment,
                    const cni::AddResult& ipam, const Budget& budget);
  Result<void> make(const cni::NetConf& conf = rail_conf(),
                    const state::Attachment& attachment = rail_attachment(),
                    const cni::AddResult& ipam = rail_lease());

  /// All of it backwards.
  std::vector<Error> undo();

  static plan::OnStep ignore_step();

  // What was planned, as far as `make` came.
  plan::Facts facts;
  plan::Place place;
  plan::DesiredLink link;
  plan::DesiredShared shared;
  plan::DesiredNic nic;

 private:
  /// In exclusive mode the master's device, if it has one.
  Result<void> move_rdma(const cni::NetConf& conf, const Budget& budget);

  FakeKernel& kernel_;
  plan::Transaction shared_steps_;
  plan::Transaction link_steps_;
  plan::Transaction network_steps_;
};

}  // namespace mvr::test
