// SPDX-License-Identifier: Apache-2.0
/// \file
/// Servers that are not there: a sysfs tree made from a short description of their devices.
#pragma once

#include <set>
#include <string>

#include "support/unit_dir.hpp"

namespace mvr::test {

/// A description has a line for each thing, with blanks between its words, and comments behind '#':
///
///   device PATH class=020000 id=15b3:1021 numa=0 net=NAME rdma=mlx5_0 speed=400000 mtu=9000
///   state=up bond NAME mtu=1500 state=up default-route NAME
///
/// PATH goes from the host bridge to the device, as below /sys/devices. Without net= it is no NIC.
/// Of NICs there may also be port=1 (dev_port), vf-of=PATH, port-name=pf0vf0 (phys_port_name),
/// master=BOND and type=32 (IPoIB). A device may be named in several lines, for several netdevs.
class Machine {
 public:
  /// \param description the text itself
  explicit Machine(const std::string& description);

  /// One of tests/golden/generate/machines, by its name there without ".txt".
  static Machine read(const std::string& name);

  [[nodiscard]] std::string sysfs() const { return dir_.path(); }
  [[nodiscard]] const std::set<std::string>& default_route() const { return default_route_; }

 private:
  ScratchDir dir_;
  std::set<std::string> default_route_;
};

}  // namespace mvr::test
