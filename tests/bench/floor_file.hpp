// SPDX-License-Identifier: Apache-2.0
/// \file
/// The file of prepared messages that bench-floor sends. Both ends are of one build, so it is as it
/// lies in memory.
#pragma once

#include <array>
#include <cstdint>

namespace mvr::bench {

struct FloorHead {
  std::array<char, 112> netns{};  ///< path of the pod's namespace, zero-terminated
  std::int32_t netns_fd = 0;      ///< the number under which the messages know it
  std::uint32_t needs_host = 0;   ///< not 0: some go out in the namespace of the start
  std::uint32_t goes_on = 0;      ///< not 0: what the kernel refuses does not matter
  std::uint32_t padding = 0;
};

/// Before each message, which is padded to four bytes.
struct FloorPart {
  std::uint32_t is_hosts = 0;
  std::uint32_t size = 0;
};

}  // namespace mvr::bench
