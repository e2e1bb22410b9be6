// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a failed operation says: a CNI code, an errno, one line for people, and details.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tl/expected.hpp>

namespace mvr {

/// Numbers of the CNI error document. 1–99 belong to the CNI specification, 100 and above are ours.
/// A delegated IPAM plugin's own number may be carried as well, so any int is a valid value.
/// \source CNI specification 1.1.0, section 5 "Error"; libcni `types.ErrInvalidNetNS` for 8.
enum class Code : int {
  incompatible_version = 1,
  unsupported_field = 2,
  unknown_container = 3,
  bad_environment = 4,
  io = 5,
  decode = 6,
  bad_config = 7,
  bad_netns = 8,
  try_again = 11,
  unavailable = 50,
  limited = 51,
  master_unusable = 100,
  link_failed = 101,
  ipam_failed = 102,
  address_conflict = 103,
  gateway_unreachable = 104,
  no_rdma_device = 105,
  rdma_busy = 106,
  rdma_mode = 107,
  routing = 108,
  check_failed = 109,
  interrupted = 110,
  cleanup_incomplete = 111,
};

/// One failure. `msg` is a single line, outermost context first; `details` holds what others said:
/// the kernel's extended ack, the standard error of a child.
struct Error {
  Code code;
  int sys_errno = 0;  ///< 0 when no system call is to blame
  std::string msg;
  std::string details = {};

  /// The same error one level further out: "context: msg".
  [[nodiscard]] Error in(std::string_view context) &&;

  /// The same error under another number; used where a part below cannot know what its failure
  /// means.
  [[nodiscard]] Error as(Code other) &&;

  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

/// An Error as the failed arm of any Result.
[[nodiscard]] tl::unexpected<Error> fail(Code code, std::string msg, std::string details = {});
[[nodiscard]] tl::unexpected<Error> fail(Error error);

/// A result whose failure is one level further out.
template <typename T>
[[nodiscard]] Result<T> in(std::string_view context, Result<T> result) {
  return result ? std::move(result) : Result<T>(fail(std::move(result).error().in(context)));
}

/// A failed system call: "what: No such device (ENODEV)".
/// \param err a positive errno
[[nodiscard]] Error sys_error(Code code, int err, std::string_view what);

namespace detail {
template <typename T>
T take(tl::expected<T, Error>&& result) {
  if constexpr (!std::is_void_v<T>) {
    return *std::move(result);
  }
}
}  // namespace detail

}  // namespace mvr

/// The value of a Result, or return its error from the enclosing function.
/// A statement expression (GCC, clang), as `TRY` in SerenityOS.
#define MVR_TRY(expression)                                 \
  __extension__({                                           \
    auto mvr_result = (expression);                         \
    if (!mvr_result) {                                      \
      return tl::unexpected(std::move(mvr_result).error()); \
    }                                                       \
    ::mvr::detail::take(std::move(mvr_result));             \
  })
