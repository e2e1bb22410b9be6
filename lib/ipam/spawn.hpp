// SPDX-License-Identifier: Apache-2.0
/// \file
/// Starting a program with pipes as its standard streams.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/ipam/ipam.hpp"

namespace mvr::ipam {

struct Process {
  pid_t pid = -1;
  Streams streams;
};

/// Our environment with these variables ("CNI_COMMAND=ADD") in the place of ours of the same names.
/// A null pointer ends it, as execve(2) wants; the pointers live as long as `variables` and the
/// environment.
std::vector<char*> make_environment(std::vector<std::string>& variables);

/// Executes `path` in a process group of its own that is killed when we die. Our end of its
/// standard input does not block. Fails with Code::ipam_failed when it cannot be executed (no
/// process is left then), with Code::io when there are no pipes or processes to be had.
Result<Process> spawn(std::string path, const std::vector<char*>& environment);

}  // namespace mvr::ipam
