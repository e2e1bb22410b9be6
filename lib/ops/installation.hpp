// SPDX-License-Identifier: Apache-2.0
/// \file
/// The program in a directory of CNI plugins: put there whole or not at all, and taken away.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mvr/base/error.hpp"

namespace mvr::ops {

/// The version that a program of ours carries in its bytes. It is not asked by starting it: what
/// lies in that directory may be for another processor, or be no program of ours at all.
/// Nothing if it carries none, or one that is no version.
std::optional<std::string> find_version(std::string_view program);

enum class Installed { anew, replaced, present };

struct Installation {
  Installed what{};
  std::string version;      ///< of the new one
  std::string before = {};  ///< the version of the old one; empty if there was none, or unknown
};

/// Copies a program to DIR/macvlan-rdma, 0755: into a file beside it, to disk, and then by
/// rename(2), which a running plugin does not notice. Nothing is done if the same bytes are there.
/// One at a time: the directory is locked (flock(2)); what a copy that was killed has left is
/// removed. Fails with Code::io, and leaves what was there: DIR is no directory, is read-only or
/// full; a newer version is there. It fails as well, with the new one in place, if only the
/// directory does not reach the disk. \param force replace a newer version, too
Result<Installation> install_program(std::string_view program, const std::string& directory,
                                     bool force);

/// Removes DIR/macvlan-rdma and what a killed copy has left. False if there was nothing.
Result<bool> remove_program(const std::string& directory);

}  // namespace mvr::ops
