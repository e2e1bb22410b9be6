// SPDX-License-Identifier: Apache-2.0
#include "mvr/ip/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/random.h>

#include <algorithm>

#include "mvr/base/text.hpp"

namespace mvr::ip {

int to_af(Family family) {
  return family == Family::v4 ? AF_INET : AF_INET6;
}

std::uint8_t bits(Family family) {
  return family == Family::v4 ? 32 : 128;
}

std::optional<Address> Address::parse(std::string_view text) {
  const std::string copy(text);  // inet_pton wants a terminating zero
  Address address;
  if (copy.size() != text.size() || copy.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  address.family_ = copy.find(':') == std::string::npos ? Family::v4 : Family::v6;
  if (::inet_pton(to_af(address.family_), copy.c_str(), address.bytes_.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

std::optional<Address> Address::from_bytes(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) {
    return std::nullopt;
  }
  Address address;
  address.family_ = bytes.size() == 4 ? Family::v4 : Family::v6;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

Address Address::any(Family family) {
  Address address;
  address.family_ = family;
  return address;
}

std::span<const std::uint8_t> Address::bytes() const {
  return {bytes_.data(), bits(family_) / std::size_t{8}};
}

std::string Address::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(to_af(family_), bytes_.data(), text.data(), text.size());
  return text.data();
}

bool Address::is_any() const {
  return *this == any(family_);
}

bool Address::is_loopback() const {
  return family_ == Family::v4 ? bytes_[0] == 127 : *this == *parse("::1");
}

bool Address::is_multicast() const {
  if (family_ == Family::v6) {
    return bytes_[0] == 0xff;
  }
  return (bytes_[0] & 0xf0U) == 0xe0 || *this == *parse("255.255.255.255");
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto address = Address::parse(text.substr(0, slash));
  const auto length = parse_number<std::uint8_t>(text.substr(slash + 1));
  if (!address || !length || *length > bits(address->family())) {
    return std::nullopt;
  }
  return Prefix{*address, *length};
}

Prefix Prefix::network() const {
  std::array<std::uint8_t, 16> masked{};
  const auto bytes = address.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int kept = std::clamp(length - static_cast<int>(8 * i), 0, 8);
    masked.at(i) = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> static_cast<unsigned>(kept)));
  }
  return {*Address::from_bytes({masked.data(), bytes.size()}), length};
}

bool Prefix::contains(const Address& other) const {
  return other.family() == family() && Prefix{other, length}.network() == network();
}

bool Prefix::contains(const Prefix& other) const {
  return other.length >= length && contains(other.address);
}

std::string Prefix::to_string() const {
  return address.to_string() + '/' + std::to_string(length);
}

std::optional<Mac> Mac::parse(std::string_view text) {
  constexpr std::size_t kTextLength = 17;  // six pairs of digits, five separators
  Mac mac;
  if (text.size() != kTextLength) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < mac.bytes_.size(); ++i) {
    const auto octet = parse_number<std::uint8_t>(text.substr(3 * i, 2), 16);
    const bool is_separated = i == 0 || text[3 * i - 1] == ':' || text[3 * i - 1] == '-';
    if (!octet || !is_separated) {
      return std::nullopt;
    }
    mac.bytes_.at(i) = *octet;
  }
  return mac;
}

std::optional<Mac> Mac::from_bytes(std::span<const std::uint8_t> bytes) {
  Mac mac;
  if (bytes.size() != mac.bytes_.size()) {
    return std::nullopt;
  }
  std::ranges::copy(bytes, mac.bytes_.begin());
  return mac;
}

Mac Mac::random() {
  Mac mac;
  // Six bytes never block and never come short once the kernel's pool is initialised
  // (getrandom(2)).
  while (::getrandom(mac.bytes_.data(), mac.bytes_.size(), 0) !=
         static_cast<ssize_t>(mac.bytes_.size())) {
  }
  mac.bytes_[0] = static_cast<std::uint8_t>((mac.bytes_[0] & 0xfcU) | 0x02U);
  return mac;
}

std::string Mac::to_string() const {
  std::string text;
  for (const std::uint8_t octet : bytes_) {
    text += (text.empty() ? "" : ":") + to_hex(&octet, 1);
  }
  return text;
}

}  // namespace mvr::ip
