// SPDX-License-Identifier: Apache-2.0
/// \file
/// What our ADD makes, looked at so that others can make it again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/contestants.hpp"

namespace mvr::bench {

using Lines = std::vector<std::string>;

/// What `ip -4 ARGUMENTS` prints in the pod.
Lines read_lines(const Place& place, const std::string& arguments);

/// All links, IPv4 addresses, routes and rules of the pod, a line each; sorted.
Lines read_pod(const Place& place);

/// Our ADD, `look` while its NIC is there, our DEL.
/// \return the messages that ADD sent to change something, in their order
std::vector<test::SentMessage> watch_add(const Place& place, const std::function<void()>& look);

/// Runs ADD and DEL once: the first must make just this, and nothing may be left by the second.
/// \param wanted as `read_pod` returns it
void verify(const Contestant& contestant, const Place& place, const Lines& wanted);

}  // namespace mvr::bench
