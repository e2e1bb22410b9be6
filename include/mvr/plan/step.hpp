// SPDX-License-Identifier: Apache-2.0
/// \file
/// Steps: the changes that lead from what is to what is to be. Each kind has a description, a way
/// to do it, an inverse, and the code of its failure; one without them does not compile.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "mvr/plan/desired.hpp"
#include "mvr/plan/kernel.hpp"

namespace mvr::plan {

/// Makes the macvlan under its temporary name. Inverse: RemoveLink.
struct CreateLink {
  static constexpr Code kFailure = Code::link_failed;

  DesiredLink link;
};

/// Removes the link of an attachment, whichever of its two names it has by now. A link of the final
/// name is touched only if it bears the alias.
struct RemoveLink {
  static constexpr Code kFailure = Code::link_failed;

  std::string temporary_name;
  std::string name;
  std::string alias;
};

/// Writes sysctls of the NIC. They go with the link, so there is no inverse.
struct SetSysctls {
  static constexpr Code kFailure = Code::link_failed;

  std::vector<net::Sysctl> sysctls;
};

/// MAC, final name, alias, flags, up. Goes with the link, so there is no inverse.
struct ChangeLink {
  static constexpr Code kFailure = Code::link_failed;

  net::LinkChange change;
  std::optional<ip::Mac> mac = {};  ///< the link's; only for people
};

/// Makes a VLAN on the node and sets it up. Others may use it a moment later, so nothing takes it
/// back but the count of those that do.
struct CreateVlan {
  static constexpr Code kFailure = Code::master_unusable;

  net::VlanSpec spec;
};

/// Removes a VLAN of ours.
struct RemoveVlan {
  static constexpr Code kFailure = Code::master_unusable;

  net::IfIndex index;
  std::string name;
};

struct ChangeAddress {
  static constexpr Code kFailure = Code::link_failed;

  Op op;
  net::IfAddress address;
  std::string nic;
};

struct ChangeRoute {
  static constexpr Code kFailure = Code::routing;

  Op op;
  net::Route route;
  std::string nic;  ///< the route's interface; only for people
  Where where = Where::pod;
};

struct ChangeRule {
  static constexpr Code kFailure = Code::routing;

  Op op;
  net::Rule rule;
  Where where = Where::pod;
};

/// Moves an RDMA device from the node to the pod, unless it is there already. Inverse:
/// ReturnRdmaDevice.
struct MoveRdmaDevice {
  static constexpr Code kFailure = Code::rdma_busy;

  rdma::DeviceIndex device;
  std::string name;
};

/// Takes an RDMA device back from the pod, whatever it is called there, if it is there.
struct ReturnRdmaDevice {
  static constexpr Code kFailure = Code::rdma_busy;

  rdma::DeviceIndex device;
  std::string name;  ///< that it is to have again
};

using Step = std::variant<CreateVlan, RemoveVlan, CreateLink, RemoveLink, SetSysctls, ChangeLink,
                          ChangeAddress, ChangeRoute, ChangeRule, MoveRdmaDevice, ReturnRdmaDevice>;

/// One line for logs and errors: "add route default via 172.16.11.254 dev net1 table 101".
std::string describe(const Step& step);

/// Does it. Errors begin with the step's description and bear the kind's `kFailure`, but for an
/// RDMA device that its driver cannot move: Code::rdma_mode.
Result<void> apply(Kernel& kernel, const Step& step);

/// How many of the steps, from the first on, are changes that the kernel can be asked for at once:
/// of addresses, routes and rules in one place. At least 1.
std::size_t count_together(std::span<const Step> steps);

/// Does steps that go together: what each came to. A failure does not keep the kernel from the
/// next.
std::vector<Result<void>> apply_all(Kernel& kernel, std::span<const Step> steps);

/// What takes the step back; nothing where the link's end takes it back.
std::optional<Step> inverse(const Step& step);

/// True for the errno of a removal whose object has gone already.
bool is_gone(const Error& error);

/// Finds an attachment's link by either of its names; see RemoveLink.
Result<std::optional<net::Link>> find_own_link(Kernel& kernel, const RemoveLink& names);

/// Steps to the wanted routing from the pod as it was observed. Objects that are there already are
/// left alone; ours that differ are replaced; ours in the tables `owned` that are not wanted are
/// leftovers and go.
std::vector<Step> routing_steps(const Routing& wanted, const PodState& pod,
                                const std::vector<std::uint32_t>& owned, const std::string& nic);

/// Removes main's default by the overlay NIC in the families in which the NIC has taken over.
std::vector<Step> takeover_steps(const DesiredNic& nic, const PodState& pod,
                                 const Overlay& overlay);

std::vector<Step> address_steps(const DesiredNic& nic, const std::string& name);

}  // namespace mvr::plan
