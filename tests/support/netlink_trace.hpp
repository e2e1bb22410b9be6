// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a program asks of the kernel, by netlink above all, seen from outside by ptrace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/plugin.hpp"

namespace mvr::test {

/// By the sockets that the program opened in one network namespace.
struct NetlinkTraffic {
  std::vector<std::string> requests = {};  ///< "18", the type; "22 dump"
  std::uint64_t messages = 0;              ///< received
  std::uint64_t bytes = 0;                 ///< of them
};

/// A netlink message that the program sent.
struct SentMessage {
  bool is_hosts = true;  ///< by a socket of the namespace in which the program was started
  std::string bytes = {};
};

struct Traced {
  Answer answer;
  NetlinkTraffic host = {};  ///< of the namespace in which the program was started
  NetlinkTraffic pod = {};   ///< of any other
  std::vector<SentMessage> sent = {};
  std::uint64_t system_calls = 0;
  std::uint64_t minor_faults = 0;  ///< until its last system call, as all that follows
  std::uint64_t peak_kib = 0;      ///< the most memory that it had in RAM at once
};

/// Runs one verb to its end; the programs that it starts are not looked at.
Traced run_traced(const Call& call);

}  // namespace mvr::test
