// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <exception>
#include <string_view>

#include "mvr/base/fd.hpp"
#include "mvr/cni/result.hpp"
#include "mvr/plugin/plugin.hpp"

namespace {

/// Without CNI_COMMAND somebody runs the program by hand. What was asked for goes to standard
/// output; a bare call gets it on standard error, as from every CNI plugin.
int show_help(int argc, char** argv) {
  const std::string_view option = argc > 1 ? argv[1] : "";
  const bool was_asked = option == "-h" || option == "--help" || option == "--version";
  const int out = was_asked ? STDOUT_FILENO : STDERR_FILENO;
  const auto written = mvr::write_all(out, mvr::plugin::help_text());
  return written && (was_asked || argc == 1) ? 0 : 1;
}

/// A runtime may start us with a standard stream closed. The next file we open would take its
/// number and, through IPAM's standard error, its output.
void fill_standard_streams() {
  int fd = -1;
  do {
    fd = ::open("/dev/null", O_RDONLY);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) {
    ::close(fd);
  }
}

/// Last resort for what we do not expect, such as memory being exhausted.
int report(const char* what) {
  const mvr::Error error{mvr::Code::io, 0, std::string("internal error: ") + what};
  const auto document = mvr::cni::format_error(error, mvr::cni::kSupportedVersions.back());
  static_cast<void>(mvr::write_all(STDOUT_FILENO, document));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    fill_standard_streams();
    const char* verb = ::getenv("CNI_COMMAND");
    if (verb == nullptr || *verb == '\0') {
      return show_help(argc, argv);
    }
    return mvr::plugin::run(::getenv, STDIN_FILENO, STDOUT_FILENO);
  } catch (const std::exception& exception) {
    return report(exception.what());
  } catch (...) {
    return report("unknown exception");
  }
}
