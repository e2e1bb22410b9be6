// SPDX-License-Identifier: Apache-2.0
/// \file
/// Undoing what dead attachments left, for a node where no runtime asks for it.
#pragma once

#include <functional>
#include <string>

#include "mvr/base/error.hpp"
#include "mvr/base/log.hpp"
#include "mvr/state/attachment.hpp"

namespace mvr::plugin {

/// What has become of an attachment that a journal tells of.
struct Collected {
  enum class Fate {
    alive,   ///< its pod has its NIC
    busy,    ///< a call for it is under way
    dead,    ///< to be undone, but that was not asked for
    undone,  ///< nothing of it is left
    failed,  ///< something of it is left
  };

  state::Attachment attachment;  ///< empty for a journal that cannot be read
  std::string pod;               ///< "namespace/name"; empty if the runtime did not say
  Fate fate{};
  std::string reason = {};  ///< why it is dead, or what has failed
};

struct CollectOptions {
  std::string state_dir;
  bool is_dry_run = false;  ///< look only
};

/// Goes through all journals and undoes those of dead attachments: of an ADD that was killed, of a
/// pod whose namespace has gone, or that has lost its NIC. IPAM is called as the ADD was. Safe
/// beside running calls: their journals are locked. Goes on after failures; fails only when
/// interrupted or if stateDir cannot be used. \param report is told of each attachment when it is
/// done with
Result<void> collect_dead(const CollectOptions& options, Log& log,
                          const std::function<void(const Collected&)>& report);

/// `stateDir` as the node's defaults file has it. Fails if that is wrong.
Result<std::string> default_state_dir();

}  // namespace mvr::plugin
