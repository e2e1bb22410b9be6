// SPDX-License-Identifier: Apache-2.0
/// \file
/// An attachment as it is, compared with the same plan as ADD's.
#pragma once

#include <optional>
#include <vector>

#include "mvr/plan/verify.hpp"
#include "mvr/state/journal.hpp"
#include "plugin/call.hpp"
#include "plugin/namespaces.hpp"

namespace mvr::plugin {

/// What ADD came to, as far as no plan can tell.
struct Made {
  std::optional<ip::Mac> mac;  ///< nothing = unknown, which is a difference
  std::uint32_t mtu = 0;       ///< 0 = as the configuration has it, or the journal
  cni::AddResult ipam;         ///< what IPAM said
};

/// What differs in the attachment of the call: link, addresses, routing, sysctls, RDMA device.
/// Fails where a plan cannot be made any more, as without a master. \param record its journal's
Result<std::vector<plan::Mismatch>> verify(const Call& call, const Namespaces& netns,
                                           const std::optional<state::Record>& record,
                                           const Made& made);

}  // namespace mvr::plugin
