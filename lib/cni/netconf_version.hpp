// SPDX-License-Identifier: Apache-2.0
/// \file
/// The cniVersion of a configuration.
#pragma once

#include "cni/json.hpp"
#include "mvr/cni/version.hpp"

namespace mvr::cni {

/// Fails with Code::decode if it is no version, with Code::incompatible_version if it is missing or
/// none that we speak.
Result<Version> read_cni_version(const Json& document);

}  // namespace mvr::cni
