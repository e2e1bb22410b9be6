// SPDX-License-Identifier: Apache-2.0
/// \file
/// RDMA traffic between two namespaces by the programs that operators use. Under emulation its
/// speed says nothing; only whether it arrives.
#pragma once

#include <string>

namespace mvr::test {

/// Where a program of perftest runs and by which device it talks.
struct VerbsEnd {
  std::string netns = {};  ///< name
  std::string device = {};
  std::string address = {};
};

/// Both ends of a program of perftest, as "ib_write_bw", with the GIDs of these addresses. Returns
/// what the programs said against it, empty if they succeeded.
std::string exchange_verbs(const std::string& program, const VerbsEnd& server,
                           const VerbsEnd& client);

/// The same by RDMA-CM, which finds devices by the addresses alone.
std::string exchange_rping(const VerbsEnd& server, const VerbsEnd& client);

}  // namespace mvr::test
