// SPDX-License-Identifier: Apache-2.0
/// \file
/// Objects with everything that their rtnetlink messages can say.
#pragma once

#include <netlink/msg.h>

#include "net/message.hpp"
#include "support/unit_pod.hpp"

namespace mvr::net::test {

using mvr::test::addr;
using mvr::test::address_of;
using mvr::test::mac;
using mvr::test::prefix;

inline nlmsghdr* header_of(const MessagePtr& message) {
  return nlmsg_hdr(message.get());
}

inline MacvlanSpec full_spec() {
  MacvlanSpec spec;
  spec.name = "mvr0123456789ab";
  spec.master = IfIndex{11};
  spec.info = {MacvlanMode::vepa, 2000};
  spec.mac = mac("02:00:5e:10:00:01");
  spec.mtu = 4200;
  spec.tx_queue_len = 5000;
  return spec;
}

inline Route full_route() {
  Route route;
  route.dst = prefix("10.50.0.0/16");
  route.gateway = addr("172.16.11.254");
  route.nic = IfIndex{1001};
  route.src = addr("172.16.11.10");
  route.table = 1234567;
  route.metric = 77;
  route.mtu = 1400;
  route.advmss = 1360;
  route.is_onlink = true;
  return route;
}

inline IfAddress full_address() {
  IfAddress address = address_of(IfIndex{1001}, "172.16.11.10/24");
  address.metric = 101;
  return address;
}

}  // namespace mvr::net::test
