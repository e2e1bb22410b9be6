// SPDX-License-Identifier: Apache-2.0
/// \file
/// What an ADD would do, by the code of ADD itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::plugin {

/// The call, and what IPAM would say.
struct PlanRequest {
  std::string config;  ///< as it would come on standard input
  std::string netns;   ///< path of the pod's namespace
  std::string ifname;
  std::string container_id;
  std::string args;                   ///< CNI_ARGS
  std::vector<ip::Prefix> addresses;  ///< none: those in `ipam`, if it has any
  std::vector<ip::Address> gateways;  ///< none: as in `ipam`; at most one of each family
};

struct Deed {
  std::string with;  ///< "kernel", "journal", "ipam", "rail", "rdma", "file", "runtime"
  std::string what;  ///< of the kernel: as ADD's log calls the step
};

struct Plan {
  std::vector<Deed> deeds;  ///< in their order
  std::vector<std::string> warnings;
  /// What the request lacks, or has that does not go with the configuration; then there are no
  /// deeds. Empty if nothing.
  std::string misuse = {};
};

/// Reads the node and the pod, and makes nothing: no file, no link, no call of IPAM. Locks are held
/// while something is read. Fails as ADD would, as far as that can be seen.
Result<Plan> plan_add(const PlanRequest& request);

}  // namespace mvr::plugin
