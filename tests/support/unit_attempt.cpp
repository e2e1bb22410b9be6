// SPDX-License-Identifier: Apache-2.0
#include "support/unit_attempt.hpp"

#include <algorithm>

#include "mvr/plan/rdma.hpp"

namespace mvr::test {

plan::OnStep Attempt::ignore_step() {
  return [](const plan::Step&, std::chrono::microseconds, const Result<void>&) {};
}

Attempt::Attempt(FakeKernel& kernel, plan::OnStep on_step)
    : kernel_(kernel),
      shared_steps_(kernel, on_step),
      link_steps_(kernel, on_step),
      network_steps_(kernel, on_step) {
}

namespace {

net::LinkChange change_of(const plan::DesiredLink& link, net::IfIndex index) {
  net::LinkChange change;
  change.index = index;
  change.name = link.name;
  change.alias = link.alias;
  change.up = true;
  return change;
}

}  // namespace

Result<void> Attempt::make(const cni::NetConf& conf, const state::Attachment& attachment,
                           const cni::AddResult& ipam) {
  return make(conf, attachment, ipam, Budget::grace(std::chrono::seconds(10)));
}

Result<void> Attempt::make(const cni::NetConf& conf, const state::Attachment& attachment,
                           const cni::AddResult& ipam, const Budget& budget) {
  const std::string& name = attachment.ifname;
  facts = MVR_TRY(plan::observe(kernel_, conf, name));
  place = MVR_TRY(plan::plan_place(conf, facts, name, {}));
  link = plan_link(conf, facts, attachment);
  shared = plan_shared(conf, facts, place);
  const std::string overlay = facts.overlay ? facts.overlay->link.name : "";
  MVR_TRY(shared_steps_.run(
      plan::routing_steps(shared.routing, facts.pod, {place.overlay_table}, overlay), budget));
  MVR_TRY(link_steps_.run({plan::CreateLink{link}}, budget));
  const auto made = MVR_TRY(kernel_.read_link(plan::Where::pod, link.spec.name));
  MVR_TRY(link_steps_.run({plan::SetSysctls{sysctls_of(link, link.spec.name)},
                           plan::ChangeLink{change_of(link, made->index)}},
                          budget));
  nic = MVR_TRY(plan_nic(conf, facts, place, made->index, name, ipam));
  MVR_TRY(move_rdma(conf, budget));
  MVR_TRY(network_steps_.run(address_steps(nic, name), budget));
  MVR_TRY(
      network_steps_.run(plan::routing_steps(nic.routing, facts.pod, {place.table}, name), budget));
  return {};
}

Result<void> Attempt::move_rdma(const cni::NetConf& conf, const Budget& budget) {
  if (MVR_TRY(plan::find_rdma_mode(kernel_, conf.rdma)) != rdma::NetnsMode::exclusive) {
    return {};
  }
  const auto port = MVR_TRY(plan::find_rdma_port(kernel_, conf, facts.master_in, facts.master));
  return port ? network_steps_.run({plan::MoveRdmaDevice{port->device, port->name}}, budget)
              : Result<void>();
}

std::vector<Error> Attempt::undo() {
  std::vector<Error> errors = network_steps_.undo();
  std::ranges::move(link_steps_.undo(), std::back_inserter(errors));
  std::ranges::move(shared_steps_.undo(), std::back_inserter(errors));
  return errors;
}

}  // namespace mvr::test
