// SPDX-License-Identifier: Apache-2.0
#include "ops/state_dir.hpp"

#include <sys/stat.h>

#include "mvr/base/text.hpp"
#include "mvr/plugin/collect.hpp"

namespace mvr::ops {
namespace {

/// One that somebody has typed.
Result<std::string> check_directory(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return fail(Code::bad_config,
                "--state-dir " + printable(path) + ": there is no such directory");
  }
  return path;
}

}  // namespace

std::string check_state_dir(const std::string& value) {
  return value.starts_with('/') ? "" : "must be an absolute path";
}

Result<std::string> find_state_dir(const Arguments& arguments) {
  if (const auto directory = arguments.value("state-dir")) {
    return check_directory(*directory);
  }
  auto directory = plugin::default_state_dir();
  if (!directory) {
    directory.error().msg += "; correct it, or name the journals' directory by --state-dir";
  }
  return directory;
}

}  // namespace mvr::ops
