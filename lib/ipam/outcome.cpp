// SPDX-License-Identifier: Apache-2.0
#include "ipam/outcome.hpp"

#include <string.h>
#include <sys/wait.h>

#include "mvr/base/text.hpp"

namespace mvr::ipam {
namespace {

std::string context_of(std::string_view type) {
  return "ipam " + std::string(type);
}

std::string_view trim_end(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

/// "exit status 3", "killed by signal 9 (SIGKILL)"
std::string describe_status(int status) {
  if (!WIFSIGNALED(status)) {
    return "exit status " + std::to_string(WEXITSTATUS(status));
  }
  const int number = WTERMSIG(status);
  const char* name = ::sigabbrev_np(number);
  return "killed by signal " + std::to_string(number) +
         (name != nullptr ? " (SIG" + std::string(name) + ")" : "");
}

Error with_stderr(Error error, std::string_view text) {
  const std::string_view tail = trim_end(text);
  if (!error.details.empty() && !tail.empty()) {
    error.details += '\n';
  }
  error.details += tail;
  return error;
}

}  // namespace

Result<Child::Exit> judge(std::string_view type, Child::Exit exit) {
  if (exit.status == 0) {
    return exit;
  }
  if (std::optional<Error> own = cni::parse_error(exit.out)) {
    return fail(with_stderr(std::move(*own).in(context_of(type)), exit.err));
  }
  std::string msg = context_of(type) + ": " + describe_status(exit.status);
  const std::string_view out = trim_end(exit.out);
  if (!out.empty()) {
    msg += ", printed: " + printable(out);
  }
  return fail(with_stderr({Code::ipam_failed, 0, std::move(msg)}, exit.err));
}

Result<cni::AddResult> read_result(std::string_view type, const Child::Exit& exit,
                                   const cni::Version& version) {
  Result<cni::AddResult> result = cni::parse_result(exit.out, version);
  if (!result) {
    std::string msg = context_of(type) +
                      ": printed what is no result: " + printable(trim_end(exit.out)) + ": " +
                      result.error().msg;
    return fail(with_stderr({Code::ipam_failed, 0, std::move(msg)}, exit.err));
  }
  if (result->ips.empty()) {
    return fail(
        with_stderr({Code::ipam_failed, 0, context_of(type) + ": returned no address"}, exit.err));
  }
  return result;
}

bool is_version_refusal(const Error& error) {
  return error.code == Code::incompatible_version;
}

bool is_unknown_verb(std::string_view verb, const Error& error) {
  if (verb != "STATUS" && verb != "GC") {
    return false;
  }
  // The plugins of before CNI 1.1.0 want a container ID first, which these verbs do not have.
  return is_version_refusal(error) || error.code == Code::unknown_container ||
         (error.code == Code::bad_environment &&
          error.msg.find("unknown CNI_COMMAND") != std::string::npos);
}

}  // namespace mvr::ipam
