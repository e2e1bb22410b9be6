// SPDX-License-Identifier: Apache-2.0
/// \file
/// IP addresses, prefixes and MAC addresses as values. Bytes are in network order.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mvr::ip {

enum class Family : std::uint8_t { v4 = 4, v6 = 6 };

/// 2 (AF_INET) or 10 (AF_INET6).
int to_af(Family family);

/// 32 or 128.
std::uint8_t bits(Family family);

class Address {
 public:
  /// "10.1.2.3" or "fe80::1"; no zone, no prefix length, no name.
  static std::optional<Address> parse(std::string_view text);

  /// 4 or 16 bytes; nothing for any other count.
  static std::optional<Address> from_bytes(std::span<const std::uint8_t> bytes);

  /// 0.0.0.0 or ::
  static Address any(Family family);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const;
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] bool is_any() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;  ///< IPv4's limited broadcast counts as well

  auto operator<=>(const Address&) const = default;

 private:
  Family family_ = Family::v4;
  std::array<std::uint8_t, 16> bytes_{};  ///< IPv4 uses the first four, the rest is zero
};

/// An address with a prefix length. Host bits are kept: this is also an interface address.
struct Prefix {
  Address address;
  std::uint8_t length = 0;

  /// "10.1.2.3/16"; the length is required.
  static std::optional<Prefix> parse(std::string_view text);

  /// 0.0.0.0/0 or ::/0
  static Prefix any(Family family) { return {Address::any(family), 0}; }

  /// The address as a prefix of full length.
  static Prefix host(const Address& address) { return {address, bits(address.family())}; }

  [[nodiscard]] Family family() const { return address.family(); }
  [[nodiscard]] Prefix network() const;  ///< host bits cleared
  [[nodiscard]] bool is_default() const { return length == 0; }
  [[nodiscard]] bool contains(const Address& other) const;
  [[nodiscard]] bool contains(const Prefix& other) const;  ///< equal counts as well
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Prefix&) const = default;
};

class Mac {
 public:
  /// "02:00:5e:10:00:01", also with '-'; six octets.
  static std::optional<Mac> parse(std::string_view text);
  static std::optional<Mac> from_bytes(std::span<const std::uint8_t> bytes);

  /// Random, unicast, locally administered.
  static Mac random();

  [[nodiscard]] const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_multicast() const { return (bytes_[0] & 1U) != 0; }
  [[nodiscard]] bool is_zero() const { return bytes_ == std::array<std::uint8_t, 6>{}; }

  auto operator<=>(const Mac&) const = default;

 private:
  std::array<std::uint8_t, 6> bytes_{};
};

}  // namespace mvr::ip
