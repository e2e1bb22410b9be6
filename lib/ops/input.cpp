// SPDX-License-Identifier: Apache-2.0
#include "ops/input.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"

namespace mvr::ops {
namespace {

constexpr std::size_t kMaxInput = 16UL * 1024 * 1024;

}  // namespace

Result<std::string> read_input(const std::string& path) {
  const std::string name = path == "-" ? "standard input" : printable(path, 4096);
  Fd file;
  if (path != "-") {
    file = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
      return fail(sys_error(Code::io, errno, name));
    }
  }
  auto text = read_all(file ? file.get() : STDIN_FILENO, kMaxInput);
  return text ? std::move(text) : fail(std::move(text).error().in(name));
}

std::string without_name(const Error& error) {
  const std::size_t colon = error.msg.find(": ");
  return colon == std::string::npos ? error.msg : error.msg.substr(colon + 2);
}

}  // namespace mvr::ops
