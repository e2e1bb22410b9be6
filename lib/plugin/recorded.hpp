// SPDX-License-Identifier: Apache-2.0
/// \file
/// The call that made an attachment, as its journal has kept it: how to undo what nobody tells us
/// how to undo.
#pragma once

#include <map>
#include <string>

#include "mvr/state/journal.hpp"
#include "plugin/call.hpp"

namespace mvr::plugin {

/// A DEL with what ADD was given. While it lives, our environment has its variables, for the IPAM
/// plugin to inherit.
class RecordedCall {
 public:
  /// Of `call` are the time, the log and, where the journal has kept no request and they are of the
  /// same network, the configuration. Without one the lease stays, and a warning says so.
  RecordedCall(const Call& call, const state::Record& record);
  RecordedCall(RecordedCall&&) = delete;
  RecordedCall& operator=(RecordedCall&&) = delete;
  RecordedCall(const RecordedCall&) = delete;
  RecordedCall& operator=(const RecordedCall&) = delete;
  ~RecordedCall();

  [[nodiscard]] const Call& call() const { return call_; }

 private:
  cni::Environment env_;
  cni::NetConf conf_;
  std::string config_;
  Call call_;  ///< refers to the members above
  std::map<std::string, std::string> variables_before_;
};

}  // namespace mvr::plugin
