// SPDX-License-Identifier: Apache-2.0
/// \file
/// The call that made an attachment, as its journal has kept it: how to undo what nobody tells us
/// how to undo.
#pragma once

#include <string>

#include "mvr/state/journal.hpp"
#include "plugin/call.hpp"

namespace mvr::plugin {

/// A DEL with what ADD was given, the variables for the IPAM plugin among it.
class RecordedCall {
 public:
  /// Of `call` are the time, the log and, where the journal has kept no request, its variables and,
  /// if it is of the same network, its configuration. Without one the lease stays, and a warning
  /// says so.
  RecordedCall(const Call& call, const state::Record& record);
  RecordedCall(RecordedCall&&) = delete;
  RecordedCall& operator=(RecordedCall&&) = delete;
  RecordedCall(const RecordedCall&) = delete;
  RecordedCall& operator=(const RecordedCall&) = delete;
  ~RecordedCall() = default;

  [[nodiscard]] const Call& call() const { return call_; }

 private:
  cni::Environment env_;
  cni::NetConf conf_;
  std::string config_;
  Call call_;  ///< refers to the members above
};

}  // namespace mvr::plugin
