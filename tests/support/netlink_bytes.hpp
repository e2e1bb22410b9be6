// SPDX-License-Identifier: Apache-2.0
/// \file
/// Netlink messages as bytes, for tests that look at them without a kernel.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <memory>
#include <string>

namespace mvr::test {

/// A message in memory of just its size, so that reading behind its end is seen by the sanitizer.
class MessageCopy {
 public:
  /// The first `size` bytes of a message, at least its header.
  MessageCopy(const nlmsghdr* message, std::size_t size);

  /// A whole message in hexadecimal digits; blanks between them are for the reader.
  explicit MessageCopy(const std::string& hex);

  [[nodiscard]] nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_.get()); }
  [[nodiscard]] std::byte& at(std::size_t offset) { return bytes_[offset]; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

/// The bytes of a message in hexadecimal digits, without blanks.
std::string hex_of(const nlmsghdr* message);

std::string without_blanks(std::string hex);

}  // namespace mvr::test
