// SPDX-License-Identifier: Apache-2.0
/// \file
/// A program that is killed at a chosen change that it makes to the world.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "support/shell.hpp"

namespace mvr::test {

/// A system call by which a program changes something outside of itself: a netlink request that is
/// acknowledged, or a file that is renamed or removed.
struct Change {
  std::string what = {};           ///< "netlink", "rename" or "unlink"
  std::uint16_t message_type = 0;  ///< of a netlink request

  /// A request that moves an RDMA device to another namespace, or renames one.
  [[nodiscard]] bool is_of_rdma_device() const;
};

enum class Moment {
  before,  ///< the system call does not happen
  after,   ///< it has happened, and the program does not learn how it ended
};

/// Runs a program and kills it at the first change that `is_it` picks. Its children live on.
Output run_and_kill(const Command& command, const std::function<bool(const Change&)>& is_it,
                    Moment moment);

}  // namespace mvr::test
