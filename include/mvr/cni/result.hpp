// SPDX-License-Identifier: Apache-2.0
/// \file
/// The result of ADD and of an IPAM plugin, and the error document.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/cni/version.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::cni {

struct Interface {
  std::string name;
  std::string mac;
  std::uint32_t mtu = 0;  ///< 0 = unknown
  std::string sandbox;    ///< CNI_NETNS as given; empty for an interface of the host
  std::string socket_path;
  std::string pci_id;

  bool operator==(const Interface&) const = default;
};

struct IpConfig {
  ip::Prefix address;  ///< with host bits
  std::optional<ip::Address> gateway;
  std::optional<std::uint32_t> interface;  ///< index into Result::interfaces

  bool operator==(const IpConfig&) const = default;
};

struct RouteConfig {
  ip::Prefix dst;
  std::optional<ip::Address> gateway;
  std::optional<std::uint32_t> mtu;
  std::optional<std::uint32_t> advmss;
  std::optional<std::uint32_t> priority;
  std::optional<std::uint32_t> table;
  std::optional<std::uint32_t> scope;

  bool operator==(const RouteConfig&) const = default;
};

struct Dns {
  std::vector<std::string> nameservers;
  std::string domain;
  std::vector<std::string> search;
  std::vector<std::string> options;

  bool operator==(const Dns&) const = default;
};

struct AddResult {
  std::vector<Interface> interfaces;
  std::vector<IpConfig> ips;
  std::vector<RouteConfig> routes;
  Dns dns;

  bool operator==(const AddResult&) const = default;
};

/// Reads a result in any supported version; fields of later versions are taken whenever present.
/// \param fallback the version to assume when the document names none (the configuration's)
/// Fails with Code::decode; the message names the field, its value and what is allowed.
Result<AddResult> parse_result(std::string_view json, const Version& fallback);

/// The document for `version`: `ips[].version` up to 0.4.0; mtu, socketPath, pciID and the extra
/// route fields from 1.1.0 on only. Ends with a line end.
/// \source CNI specification 1.1.0 section 5 "Success", and those of 0.3.1, 0.4.0, 1.0.0
std::string format_result(const AddResult& result, const Version& version);

/// The error document, one line of JSON with a line end; valid UTF-8 whatever the message holds.
/// \source CNI specification 1.1.0 section 5 "Error"
std::string format_error(const Error& error, const Version& version);

/// Reads an error document that another plugin printed; nothing if it is none.
/// The returned error has the plugin's own code, message and details.
std::optional<Error> parse_error(std::string_view json);

}  // namespace mvr::cni
