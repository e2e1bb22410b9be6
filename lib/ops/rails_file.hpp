// SPDX-License-Identifier: Apache-2.0
/// \file
/// What no node can know of its rails: names, addresses, VLANs. Somebody writes it into a file
/// (conf/rails.yaml is an example).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::ops {

struct Range {
  ip::Address first;
  ip::Address last;
};

/// The addresses of one family.
struct RailSubnet {
  ip::Prefix subnet;
  std::optional<Range> range;  ///< nothing = all of the subnet
  std::optional<ip::Address> gateway;
  std::string pool;  ///< Spiderpool's; empty = by the rail's name
};

struct RailSettings {
  std::string name;  ///< empty = "gpuN", "railN"
  std::vector<std::string>
      nics;               ///< by which the rail is found, on whichever node; else by `index`
  std::size_t index = 0;  ///< the rail's number, from 1 on; never 0 without `nics`
  std::vector<RailSubnet> subnets;  ///< one at least, one of a family at most; IPv4 first
  std::uint32_t mtu = 0;            ///< 0 = the NIC's
  std::uint32_t vlan = 0;           ///< 0 = none
  int line = 0;                     ///< where it is in the file
};

enum class Ipam { host_local, whereabouts, spiderpool };

struct RailsFile {
  std::vector<ip::Prefix> overlay_pod_cidr;
  std::vector<ip::Prefix> service_cidr;
  Ipam ipam = Ipam::host_local;
  std::vector<RailSettings> rails;
};

/// Fails with Code::bad_config, or decode where it is no YAML; both name the line.
Result<RailsFile> parse_rails_file(std::string_view text);

/// A name that Kubernetes takes for an object. \source RFC 1123, section 2.1, as a label
bool is_label(std::string_view name);

}  // namespace mvr::ops
