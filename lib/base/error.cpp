// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/error.hpp"

#include <string.h>

namespace mvr {

Error Error::in(std::string_view context) && {
  msg.insert(0, ": ").insert(0, context);
  return std::move(*this);
}

Error Error::as(Code other) && {
  code = other;
  return std::move(*this);
}

tl::unexpected<Error> fail(Code code, std::string msg, std::string details) {
  return tl::unexpected(Error{code, 0, std::move(msg), std::move(details)});
}

tl::unexpected<Error> fail(Error error) {
  return tl::unexpected(std::move(error));
}

Error sys_error(Code code, int err, std::string_view what) {
  const char* description = strerrordesc_np(err);
  const char* name = strerrorname_np(err);
  std::string msg(what);
  msg += ": ";
  msg += description != nullptr ? description : "unknown error";
  msg += " (";
  msg += name != nullptr ? name : std::to_string(err);
  msg += ')';
  return Error{code, err, std::move(msg)};
}

}  // namespace mvr
