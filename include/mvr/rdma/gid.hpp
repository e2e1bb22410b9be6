// SPDX-License-Identifier: Apache-2.0
/// \file
/// The GID table of a RoCE port: the addresses that programs can use with it, found by index.
/// \source Documentation/ABI/stable/sysfs-class-infiniband
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::rdma {

/// A sysfs that shows the RDMA devices of the network namespace that the process is in, mounted
/// nowhere: an open directory. Linux 5.2. \source fsopen(2), fsmount(2)
Result<Fd> open_sysfs();

/// The sysfs at /sys, that of the node.
Result<Fd> open_host_sysfs();

class GidTable {
 public:
  /// \param sysfs the root of a sysfs. Fails with Code::io: ENOENT if it has no such port.
  static Result<GidTable> open(const Fd& sysfs, const std::string& device, std::uint32_t port);

  /// The index of the RoCE v2 entry for an address. The kernel makes it when an interface gets the
  /// address, a moment later. \source RFC 4291 section 2.5.5.2 for IPv4: ::ffff:10.1.2.3
  [[nodiscard]] std::optional<std::uint32_t> find(const ip::Address& address) const;

  /// True when the table is as good as full, given the index of a new entry: the kernel takes the
  /// first free one.
  [[nodiscard]] bool is_nearly_full(std::uint32_t newest) const;

 private:
  explicit GidTable(Fd port) : port_(std::move(port)) {}

  /// A file of the port without its line end; nothing if it cannot be read, as for empty entries.
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const;

  Fd port_;  ///< the port's directory
};

/// True when an entry's text, as "0000:0000:0000:0000:0000:ffff:0a01:0203", is the GID of the
/// address.
bool is_gid_of(const std::string& text, const ip::Address& address);

/// The PCI address of a device: "0000:0b:00.0". Nothing for a device that is none of PCI, such as
/// one made by software.
std::optional<std::string> read_pci_address(const Fd& sysfs, const std::string& device);

}  // namespace mvr::rdma
