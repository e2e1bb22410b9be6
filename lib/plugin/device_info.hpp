// SPDX-License-Identifier: Apache-2.0
/// \file
/// The document in which a runtime reads what device a NIC uses; Multus shows it in a pod's
/// network-status.
/// \source Kubernetes Network Plumbing Working Group, device information specification 1.1.0
#pragma once

#include <optional>
#include <string>

#include "mvr/base/error.hpp"

namespace mvr::plugin {

struct DeviceInfo {
  std::string rdma_device;                 ///< "mlx5_2"
  std::optional<std::string> pci_address;  ///< "0000:0b:00.0"; nothing for a device of software
};

/// What writing came to.
enum class DeviceInfoOutcome {
  written,
  there_already,  ///< another's document that says the same, or less
  differs,        ///< something else is at the path, and stays
};

/// Writes the document, whole or not at all, readable by all and writable by none, and makes the
/// directories above it. What is at the path already stays, and is not followed if it is a symbolic
/// link. Directories may be links: /var/run is one.
/// Fails with Code::io.
/// \param path absolute
Result<DeviceInfoOutcome> write_device_info(const std::string& path, const DeviceInfo& info);

/// Removes the document if it is exactly what write_device_info wrote. Anything else stays, and
/// nothing at the path is fine.
/// Fails with Code::io if the document is there and cannot be removed.
Result<void> remove_device_info(const std::string& path, const DeviceInfo& info);

}  // namespace mvr::plugin
