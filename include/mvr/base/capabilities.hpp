// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the process may do beyond its user's rights.
#pragma once

#include <string>
#include <vector>

#include "mvr/base/error.hpp"

namespace mvr {

/// Leaves in the effective set only what the plugin needs of it. The permitted and inheritable sets
/// stay as they are, and so does what a program gets that root executes: an IPAM plugin has all
/// that the runtime gave us. Fails with Code::io. \source capabilities(7)
/// \return the names of those that are missing and without which nothing can be done to a pod
Result<std::vector<std::string>> drop_capabilities();

}  // namespace mvr
