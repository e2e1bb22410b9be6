// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a plugin's end means.
#pragma once

#include <string>
#include <string_view>

#include "mvr/base/error.hpp"
#include "mvr/cni/result.hpp"
#include "mvr/ipam/ipam.hpp"

namespace mvr::ipam {

/// The same when the plugin succeeded. Otherwise its error document with "ipam `type`: " before the
/// text, or Code::ipam_failed with how it ended; standard error is in the details. A document with
/// code 0 is Code::ipam_failed as well.
Result<Child::Exit> judge(std::string_view type, Child::Exit exit);

/// The result of a successful ADD. Fails with Code::ipam_failed when it is none or has no address.
Result<cni::AddResult> read_result(std::string_view type, const Child::Exit& exit,
                                   const cni::Version& version);

/// True when the plugin refused the configuration for its version.
bool is_version_refusal(const Error& error);

/// True when STATUS or GC failed only because the plugin is older than these verbs.
bool is_unknown_verb(std::string_view verb, const Error& error);

}  // namespace mvr::ipam
