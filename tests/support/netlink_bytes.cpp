// SPDX-License-Identifier: Apache-2.0
#include "support/netlink_bytes.hpp"

#include <string.h>

#include "mvr/base/text.hpp"
#include "support/print.hpp"

namespace mvr::test {

MessageCopy::MessageCopy(const nlmsghdr* message, std::size_t size) : bytes_(new std::byte[size]) {
  ::memcpy(bytes_.get(), message, size);
  header()->nlmsg_len = static_cast<std::uint32_t>(size);
}

MessageCopy::MessageCopy(const std::string& hex) {
  const std::string digits = without_blanks(hex);
  REQUIRE(digits.size() >= 2 * sizeof(nlmsghdr));
  bytes_.reset(new std::byte[digits.size() / 2]);
  for (std::size_t i = 0; i < digits.size() / 2; ++i) {
    const auto byte = parse_number<std::uint8_t>(std::string_view(digits).substr(2 * i, 2), 16);
    REQUIRE(byte);
    bytes_[i] = std::byte{*byte};
  }
  REQUIRE(header()->nlmsg_len == digits.size() / 2);
}

std::string hex_of(const nlmsghdr* message) {
  return to_hex(reinterpret_cast<const std::uint8_t*>(message), message->nlmsg_len);
}

std::string without_blanks(std::string hex) {
  std::erase(hex, ' ');
  return hex;
}

}  // namespace mvr::test
