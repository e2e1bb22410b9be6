// SPDX-License-Identifier: Apache-2.0
// ARP packets from the wire.
#include "fuzz.hpp"
#include "probe/arp.hpp"

using mvr::fuzz::require;
namespace probe = mvr::probe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frame = probe::parse_arp({data, size});
  if (!frame) {
    return 0;
  }
  require(size >= probe::kArpSize);
  require(frame->sender_ip.family() == mvr::ip::Family::v4);
  const auto request =
      probe::make_arp_request(frame->sender_mac, frame->sender_ip, frame->target_ip);
  const auto again = probe::parse_arp(request);
  require(again && again->operation == probe::ArpOperation::request &&
          again->sender_mac == frame->sender_mac && again->sender_ip == frame->sender_ip &&
          again->target_ip == frame->target_ip);
  for (const auto operation : {probe::ArpOperation::request, probe::ArpOperation::reply}) {
    const auto announced = probe::parse_arp(
        probe::make_arp_announcement(operation, frame->sender_mac, frame->sender_ip));
    require(announced && announced->operation == operation &&
            announced->sender_mac == frame->sender_mac &&
            announced->sender_ip == frame->sender_ip && announced->target_ip == frame->sender_ip);
  }
  return 0;
}
