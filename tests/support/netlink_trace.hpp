// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a program asks the kernel by netlink and what it is told, seen from outside by ptrace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/plugin.hpp"

namespace mvr::test {

/// By the sockets that the program opened in the network namespace in which it was started.
struct NetlinkTraffic {
  std::vector<std::string> requests;  ///< "18", the type; "22 dump"
  std::uint64_t messages = 0;         ///< received
  std::uint64_t bytes = 0;            ///< of them
};

struct Traced {
  Answer answer;
  NetlinkTraffic host;
};

/// Runs one verb to its end; the programs that it starts are not looked at.
Traced run_traced(const Call& call);

}  // namespace mvr::test
