// SPDX-License-Identifier: Apache-2.0
/// \file
/// The virtual machine that scripts/vm boots: a test of this tier may do there as it likes, and
/// nowhere else.
#pragma once

#include <string>
#include <vector>

namespace mvr::test {

/// Whether this process runs in the virtual machine.
bool is_in_vm();

/// Ends the process as a skipped test outside the virtual machine.
void require_vm();

/// How the kernel shares RDMA devices among network namespaces.
enum class RdmaMode { shared, exclusive };

/// As the `rdma` command has it.
std::string name_of(RdmaMode mode);

RdmaMode read_rdma_mode();

/// The other mode is possible only while there is no second network namespace, and those that are
/// deleted end some time later; so this waits, and fails the test when it has waited long enough.
void set_rdma_mode(RdmaMode mode);

/// Removes what an earlier case left in the machine: named namespaces, links and with them RDMA
/// devices, rules. Returns when all of it is gone; the RDMA mode is then shared.
void clear_machine();

/// What the kernel complains about: warnings, bugs, netdevs that somebody still holds.
class KernelLog {
 public:
  /// From now on.
  KernelLog();

  /// The complaints since then, one a line; empty if there are none.
  [[nodiscard]] std::string complaints() const;

 private:
  unsigned long long first_;  ///< sequence number of the first message that counts
};

}  // namespace mvr::test
