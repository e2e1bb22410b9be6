// SPDX-License-Identifier: Apache-2.0
/// \file
/// What runtimes add to a configuration: addresses, devices, valid attachments.
#pragma once

#include "cni/netconf_field.hpp"

namespace mvr::cni {

/// Lets CNI_ARGS, `args.cni` and `runtimeConfig` override the MAC address, in this order, and
/// `deviceID`, CNIDeviceInfoFile and the valid attachments come from where runtimes put them.
/// \param root the whole configuration, its own keys already read
void read_runtime(const Field& root, const Args& args);

}  // namespace mvr::cni
