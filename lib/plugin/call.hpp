// SPDX-License-Identifier: Apache-2.0
/// \file
/// What every verb works with: the request, the time, the log.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/base/error.hpp"
#include "mvr/base/log.hpp"
#include "mvr/cni/environment.hpp"
#include "mvr/cni/netconf.hpp"
#include "mvr/state/attachment.hpp"
#include "plugin/timeline.hpp"

namespace mvr::plugin {

/// How much longer than its budget a verb may take to undo what it did.
inline constexpr std::chrono::milliseconds kGrace{5000};

/// One invocation of the program.
struct Call {
  const cni::Environment& env;
  const cni::NetConf& conf;
  const std::string& config;  ///< standard input to the byte; the IPAM plugin gets the same
  const Budget& budget;
  const Log& log;
  Timeline& timeline;
  std::function<Result<void>(const std::string&)> print;  ///< to standard output
  std::vector<std::string> variables = {};  ///< for the IPAM plugin in the place of ours

  [[nodiscard]] state::Attachment attachment() const {
    return {conf.name, env.container_id, env.ifname};
  }
};

// The verbs. Each returns what the error document is to say.

Result<void> add(const Call& call);
Result<void> del(const Call& call);
Result<void> check(const Call& call);
Result<void> gc(const Call& call);
Result<void> status(const Call& call);

}  // namespace mvr::plugin
