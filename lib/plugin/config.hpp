// SPDX-License-Identifier: Apache-2.0
/// \file
/// The configuration of a call, with the node's defaults below it.
#pragma once

#include <string>

#include "mvr/cni/environment.hpp"
#include "mvr/cni/netconf.hpp"

namespace mvr::plugin {

/// Of standard input.
inline constexpr std::size_t kMaxConfig = 16UL * 1024 * 1024;

/// DEL and GC must work whatever has become of the configuration.
bool tolerates_problems(cni::Verb verb);

/// Reads the defaults file, then the configuration. Errors and problems of the file name it.
Result<cni::ParsedConf> read_config(const cni::Environment& env, const std::string& config);

/// Whether the verb may go on with what was read.
Result<void> check_config(cni::Verb verb, const cni::ParsedConf& parsed);

}  // namespace mvr::plugin
