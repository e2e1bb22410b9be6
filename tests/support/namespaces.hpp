// SPDX-License-Identifier: Apache-2.0
/// \file
/// A world of its own for each test: the process leaves its mount and network namespaces for new
/// ones, so nothing reaches the machine and everything vanishes with the process. CTest runs each
/// case in its own process; a case that isolates itself again (sections do) gets a fresh world.
#pragma once

#include <string>
#include <string_view>

#include "mvr/base/fd.hpp"

namespace mvr::test {

/// SKIP_RETURN_CODE of the tests.
inline constexpr int kSkipped = 77;

/// Ends the process as a skipped test, with the reason on standard output.
[[noreturn]] void skip(std::string_view reason);

/// Which network namespace plays the host. RDMA devices appear in the machine's own only, so where
/// the machine is ours alone, it is taken.
enum class Host { fresh, machine };

/// Moves the process into new namespaces. Its network namespace plays the host: a plugin that is
/// started from here sees it as the node. /run is an empty tmpfs, so named namespaces, journals and
/// leases live in memory, and /sys shows the process' network namespace. Skips the test if the
/// kernel refuses. Without root it uses a user namespace.
void isolate(Host host = Host::fresh);

/// Directories of the isolated world, all in memory.
inline constexpr std::string_view kStateDir = "/run/test/state";
inline constexpr std::string_view kLeaseDir = "/run/test/leases";
inline constexpr std::string_view kScratchDir = "/run/test/scratch";  ///< programs may run from it

/// The path of a named network namespace; "" (ours, the node's) stays "".
std::string netns_path(const std::string& name);

/// Makes a named network namespace with its loopback up; returns its path.
std::string add_netns(const std::string& name);

/// Unmounts and removes the name, as a runtime does when the pod ends.
void remove_netns(const std::string& name);

/// Enters a network namespace by name and goes back at the end of the scope: for opening sockets
/// and for /proc/sys/net, which follow the calling thread.
class Inside {
 public:
  explicit Inside(const std::string& name);
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside();

 private:
  Fd home_;
};

/// Writes, or reads, a file below /proc/sys/net in a namespace, as "ipv4/ip_forward".
void put_sysctl(const std::string& netns, const std::string& key, const std::string& value);
std::string read_sysctl(const std::string& netns, const std::string& key);

/// Writes a file, and its directories if they are missing.
void put_file(const std::string& path, std::string_view text, unsigned mode = 0644);

}  // namespace mvr::test
