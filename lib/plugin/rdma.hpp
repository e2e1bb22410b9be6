// SPDX-License-Identifier: Apache-2.0
/// \file
/// The rail's RDMA device: which it is and who holds it, its GIDs, and its way home.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mvr/base/fd.hpp"
#include "mvr/ip/address.hpp"
#include "mvr/plan/facts.hpp"
#include "mvr/plan/verify.hpp"
#include "mvr/state/journal.hpp"
#include "plugin/call.hpp"
#include "plugin/namespaces.hpp"

namespace mvr::plugin {

/// The device for a NIC.
struct RdmaClaim {
  std::optional<state::RdmaRecord> device;  ///< nothing: the NIC gets none
  Fd lock;  ///< nobody else chooses the device meanwhile; to be kept until the journal names it
};

/// Chooses the device of the call's NIC. Errors: Code::no_rdma_device, rdma_mode; rdma_busy when
/// another pod that lives has it. The device of a dead pod is awaited, for the kernel returns it a
/// moment after the namespace's end.
Result<RdmaClaim> claim_rdma(const Call& call, const Namespaces& netns, plan::Kernel& kernel,
                             const plan::Facts& facts);

/// The index of each address' RoCE v2 GID, as far as they appear within the configuration's
/// gidTimeout. Whatever is missing is logged as a warning; fails only when interrupted.
Result<std::vector<std::uint32_t>> wait_for_gids(const Call& call, const Namespaces& netns,
                                                 const state::RdmaRecord& device,
                                                 const std::vector<ip::Address>& addresses);

/// True when ADD has moved a device to the pod, or was about to.
bool has_moved_rdma(const std::optional<state::Record>& record);

/// True when the device of a NIC that goes is to go home. If other NICs of the pod have it as well,
/// the journal claims it no more: of NICs that go at the same time the last one takes it along. To
/// be called under the pod's lock, which is to be kept until the device is at home.
Result<bool> release_rdma(const Call& call, state::Journal& journal);

/// The journal claims its device no more.
Result<void> disclaim_rdma(state::Journal& journal);

/// Gives the journal's device back to the node, from its namespace however that can be reached; if
/// it cannot, it is on its way and this waits for it. One that other NICs of the same pod still use
/// stays.
Result<void> return_rdma(const Call& call, const net::Netns& host, state::Journal& journal);

/// Writes the device-info document of the NIC where the runtime wants it. Failures are warnings.
void publish_device(const Call& call, const state::Record& record);

/// Removes it again, if it is ours.
Result<void> withdraw_device(const state::Record& record);

/// What CHECK finds: the device is not where it is to be, or a GID that was there has gone.
Result<std::vector<plan::Mismatch>> verify_rdma(const Namespaces& netns, plan::Kernel& kernel,
                                                const state::RdmaRecord& device,
                                                const std::vector<ip::Address>& addresses);

/// Whether an ADD would find a device, for STATUS. One in use by a pod is found.
Result<void> check_rdma(const Call& call, plan::Kernel& kernel, const net::Link& master);

/// The configuration, in which a master that is named by an RDMA device has its own name if the
/// device is in a pod at the moment: the kernel does not show it then, but the journals do.
cni::NetConf name_masters(const cni::NetConf& conf);

/// What `look` finds with the configuration, or else with its masters named anew.
template <typename Look>
auto look_for_master(const cni::NetConf& conf, const Look& look) {
  // Of a list the first that exists is meant, and one whose device is in a pod does.
  if (conf.master.size() > 1 && !conf.link_in_container) {
    return look(name_masters(conf));
  }
  auto found = look(conf);
  const bool is_missing = !found && found.error().code == Code::master_unusable;
  return is_missing && !conf.master.empty() ? look(name_masters(conf)) : std::move(found);
}

}  // namespace mvr::plugin
