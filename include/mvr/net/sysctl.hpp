// SPDX-License-Identifier: Apache-2.0
/// \file
/// Files below /proc/sys/net. They belong to the network namespace that the process is in.
#pragma once

#include <string>

#include "mvr/base/error.hpp"

namespace mvr::net {

/// One setting: "ipv4/conf/net1/rp_filter" and its value.
struct Sysctl {
  std::string path;
  std::string value;
  std::string label = {};  ///< what errors call it, if not by its path

  bool operator==(const Sysctl&) const = default;
};

/// Fails with Code::io: ENOENT if this kernel has no such file, EINVAL if it refuses the value.
Result<void> write_sysctl(const Sysctl& sysctl);

/// The value without its line end. Fails with Code::io.
Result<std::string> read_sysctl(const std::string& path);

}  // namespace mvr::net
