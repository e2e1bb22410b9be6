// SPDX-License-Identifier: Apache-2.0
/// \file
/// RDMA traffic between two namespaces by the programs that operators use. Under emulation its
/// speed says nothing; only whether it arrives.
#pragma once

#include <string>
#include <vector>

namespace mvr::test {

/// Where a program of perftest runs and by which device it talks.
struct VerbsEnd {
  std::string netns = {};  ///< name
  std::string device = {};
  std::string address = {};
};

/// Two ends that talk.
struct VerbsPair {
  VerbsEnd server = {};
  VerbsEnd client = {};
};

/// Both ends of a program of perftest, as "ib_write_bw", with the GIDs of these addresses, all
/// pairs at the same time; each server in a namespace of its own. Returns what the programs said
/// against it, empty if they succeeded.
std::string exchange_verbs(const std::string& program, const std::vector<VerbsPair>& pairs);
std::string exchange_verbs(const std::string& program, const VerbsEnd& server,
                           const VerbsEnd& client);

/// The same by RDMA-CM, which finds devices by the addresses alone.
std::string exchange_rping(const std::vector<VerbsPair>& pairs);
std::string exchange_rping(const VerbsEnd& server, const VerbsEnd& client);

}  // namespace mvr::test
