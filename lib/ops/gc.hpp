// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma gc`
#pragma once

namespace mvr::ops {

/// \param argv the command's own arguments, from its name on
int gc(int argc, char** argv);

}  // namespace mvr::ops
