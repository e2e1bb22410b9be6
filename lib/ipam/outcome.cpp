// SPDX-License-Identifier: Apache-2.0
#include "ipam/outcome.hpp"

#include <string.h>
#include <sys/wait.h>

#include <cctype>

#include "mvr/base/text.hpp"
#include "mvr/cni/netconf.hpp"

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

/// "CHANGE-ME-subnet-of-rail-1"; empty if there is none.
std::string_view find_placeholder(std::string_view text) {
  const std::size_t begin = text.find(cni::kPlaceholder);
  if (begin == std::string_view::npos) {
    return {};
  }
  const auto is_part = [](char c) {
    return c == '-' || std::isalnum(static_cast<unsigned char>(c)) != 0;
  };
  std::size_t end = begin;
  while (end < text.size() && is_part(text[end])) {
    ++end;
  }
  return text.substr(begin, end - begin);
}

/// An error document without its essentials is that of no plugin's design.
Error complete(Error error) {
  if (trim_end(error.msg).empty()) {
    error.msg = "failed without a word (code " + std::to_string(static_cast<int>(error.code)) + ')';
  }
  error.code = error.code == Code{} ? Code::ipam_failed : error.code;
  return error;
}

}  // namespace

Result<Child::Exit> judge(std::string_view type, Child::Exit exit) {
  if (exit.status == 0) {
    return exit;
  }
  if (std::optional<Error> own = cni::parse_error(exit.out)) {
    return fail(with_stderr(complete(*std::move(own)).in(context_of(type)), exit.err));
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

Error explain_refusal(std::string_view type, Error error) {
  constexpr int kFirstOfPlugins = 100;
  const int code = static_cast<int>(error.code);
  const std::string_view placeholder = find_placeholder(error.msg);
  if (code < kFirstOfPlugins || placeholder.empty()) {
    return error;
  }
  return {Code::ipam_failed, 0,
          context_of(type) + ": refused the placeholder " + printable(placeholder) +
              " in the configuration's ipam section; write the value",
          error.msg + " (code " + std::to_string(code) + ')' +
              (error.details.empty() ? "" : '\n' + error.details)};
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
