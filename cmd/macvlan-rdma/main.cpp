// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <exception>

#include "mvr/base/fd.hpp"
#include "mvr/cni/result.hpp"
#include "mvr/ops/ops.hpp"
#include "mvr/plugin/plugin.hpp"

namespace {

/// Something that takes no output; a root directory without devices has itself at least.
int open_nothing() {
  const int fd = ::open("/dev/null", O_RDONLY);
  return fd >= 0 ? fd : ::open("/", O_RDONLY);
}

/// A runtime may start us with a standard stream closed. The next file we open would take its
/// number and, through IPAM's standard error, its output.
void fill_standard_streams() {
  int fd = -1;
  do {
    fd = open_nothing();
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

/// Where nothing can be undone any more: there is no way back from the pod's namespace, or not even
/// memory for an exception, so none is asked for here.
[[noreturn]] void give_up() {
  constexpr std::string_view kDocument =
      R"({"cniVersion":"1.1.0","code":111,"msg":"internal error: neither memory nor a way back to )"
      R"(the node's network namespace; DEL removes what was made"})"
      "\n";
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, kDocument.data(), kDocument.size());
  ::_exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(give_up);
  try {
    fill_standard_streams();
    const char* verb = ::getenv("CNI_COMMAND");
    // No runtime passes arguments; somebody who has exported CNI_COMMAND may.
    if (argc > 1 || verb == nullptr || *verb == '\0') {
      return mvr::ops::run(argc, argv);
    }
    return mvr::plugin::run(::getenv, STDIN_FILENO, STDOUT_FILENO);
  } catch (const std::exception& exception) {
    return report(exception.what());
  } catch (...) {
    return report("unknown exception");
  }
}
