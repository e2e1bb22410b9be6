// SPDX-License-Identifier: Apache-2.0
/// \file
/// The parameters that a runtime passes in the environment: CNI_COMMAND and the rest.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "mvr/base/error.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::cni {

enum class Verb { add, del, check, gc, status, version };

std::string_view to_string(Verb verb);

/// CNI_ARGS, as far as we know its keys.
struct Args {
  std::optional<ip::Mac> mac;
  std::string pod_namespace;
  std::string pod_name;
};

struct Environment {
  Verb verb{};
  std::string container_id;
  std::string netns;
  std::string ifname;
  std::string path;  ///< CNI_PATH, not yet split
  Args args;
  std::string raw_args;           ///< CNI_ARGS as it came
  bool allows_own_netns = false;  ///< CNI_NETNS_OVERRIDE
  std::string trace_parent;       ///< TRACEPARENT, W3C trace context; not validated
};

/// Looks a variable up; null when absent. `::getenv` outside tests.
using GetEnv = std::function<const char*(const char*)>;

/// Reads and validates what `CNI_COMMAND` needs, in the order of the CNI library's table: an
/// invalid value is reported before missing ones, and those are all named in one message. An empty
/// value counts as missing. For VERSION nothing else is looked at. Fails with
/// Code::bad_environment. `ADD` alone is strict about CNI_ARGS (an unknown key without
/// IgnoreUnknown, a malformed pair or MAC); other verbs take what they can read.
/// \source libcni `skel.getCmdArgsFromEnv`, CNI specification 1.1.0 section 2
Result<Environment> read_environment(const GetEnv& get_env);

/// Parses CNI_ARGS: `K=V;K=V`. Duplicates: the last one wins; empty values are fine.
/// Fails with Code::bad_environment for a malformed pair, a bad MAC or IgnoreUnknown, and for an
/// unknown key unless IgnoreUnknown is 1 or true.
Result<Args> parse_args(std::string_view text);

/// Network names and container IDs: `[A-Za-z0-9][A-Za-z0-9_.-]*`, at most 255 bytes.
bool is_valid_id(std::string_view text);

/// Names that Linux and the CNI library take for an interface: 1–15 bytes, not "." or "..", none of
/// '/', ':', '%', white space or control characters.
bool is_valid_ifname(std::string_view text);

}  // namespace mvr::cni
