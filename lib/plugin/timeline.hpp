// SPDX-License-Identifier: Apache-2.0
/// \file
/// Where the time of a verb goes: phases for its one line at info, steps at debug.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/base/error.hpp"
#include "mvr/base/log.hpp"

namespace mvr::plugin {

class Timeline {
 public:
  /// \param trace_parent TRACEPARENT of the environment. If it is valid, the verb is a span of that
  ///                     trace and each step a span below the verb's.
  /// \source W3C Trace Context, section 3.2 "traceparent Header"
  Timeline(Log& log, std::string_view trace_parent);

  /// Ends the current phase and gives it this name.
  void end_phase(std::string_view name);

  /// A step inside the current phase, logged at debug.
  void step(std::string_view description, std::chrono::microseconds took,
            const Result<void>& outcome) const;

  /// Something to be said in the verb's one line.
  void remark(std::string_view text) { remark_ = text; }

  /// The master that was chosen.
  void set_master(std::string_view name) { master_ = name; }

  /// The NIC's RDMA device.
  void set_rdma(std::string_view device, std::uint32_t port) {
    rdma_device_ = device;
    rdma_port_ = std::to_string(port);
  }

  /// Indexes of its GIDs in the device's table, in the order of its addresses.
  void set_gids(const std::vector<std::uint32_t>& indexes);

  /// The verb's one line.
  void finish(std::string_view verb, const Result<void>& outcome) const;

 private:
  Log& log_;
  std::string span_;         ///< of the verb; empty without a valid TRACEPARENT
  std::string parent_span_;  ///< the caller's
  Clock::time_point start_ = Clock::now();
  Clock::time_point phase_start_ = start_;
  std::string phases_;
  std::string master_;
  std::string rdma_device_;
  std::string rdma_port_;
  std::string gids_;
  std::string remark_;
};

}  // namespace mvr::plugin
