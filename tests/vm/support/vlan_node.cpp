// SPDX-License-Identifier: Apache-2.0
#include "vm/support/vlan_node.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "mvr/ip/address.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/traffic.hpp"
#include "support/world.hpp"
#include "vm/support/rdma_pod.hpp"

namespace mvr::test {

namespace {

/// The gateway of rail n leaves the rail itself for a VLAN of it.
void move_gateway(int n, int vlan) {
  const std::string nic = rail_gateway_nic(n);
  const std::string id = std::to_string(vlan);
  const std::string upper = nic + "." + id;
  ip_batch(kGateways, "addr flush dev " + nic + " scope global\nlink add link " + nic + " name " +
                          upper + " type vlan id " + id + "\naddr add " + rail_gateway(n) +
                          "/24 dev " + upper + "\nlink set " + upper + " up\n");
}

/// The tag that the kernel has taken out of a frame on its way to us.
int read_tag(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    tpacket_auxdata data{};
    if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
      std::memcpy(&data, CMSG_DATA(c), sizeof(data));
      const bool is_tagged = (data.tp_status & TP_STATUS_VLAN_VALID) != 0;
      return is_tagged ? data.tp_vlan_tci & 0x0fff : 0;
    }
  }
  return 0;
}

}  // namespace

std::string vlan_name(int n, int vlan) {
  const std::string name = rail_master(n) + "." + std::to_string(vlan);
  const json master = read_link("", rail_master(n));
  return name.size() < IFNAMSIZ ? name
                                : "mvr" + master.at("ifindex").dump() + "." + std::to_string(vlan);
}

json on_vlan(int vlan, const json& patch) {
  json result{{"vlan", vlan}};
  result.merge_patch(patch);
  return result;
}

VlanNode::VlanNode(int vlan, const std::vector<std::string>& pods, int rails, Overlay overlay,
                   RdmaMode mode)
    : vlan_(vlan), node_(mode, {.rails = rails}) {
  for (int n = 1; n <= rails; ++n) {
    move_gateway(n, vlan);
  }
  for (const std::string& name : pods) {
    pods_.emplace(name, node_.add_pod(name, overlay));
    runtimes_.emplace(name, Runtime(pods_.at(name), name + "-container"));
  }
  look();
}

json VlanNode::add(const std::string& pod, const json& patch) {
  INFO(pod);
  return add_or_fail(runtime(pod), 1, on_vlan(vlan_, patch));
}

void VlanNode::remove_pod(const std::string& name) {
  remove_netns(name);
  pods_.erase(name);
  before_.erase(name);
}

json VlanNode::take_snapshot() const {
  std::vector<std::string> names;
  for (const auto& [name, pod] : pods_) {
    names.push_back(name);
  }
  json result = snapshot_world(names);
  result["rdma"] = snapshot_rdma("");
  return result;
}

void VlanNode::look() {
  before_ = take_snapshot();
}

std::string VlanNode::changes() const {
  std::string found;
  eventually([&] {
    found = difference(before_, take_snapshot());
    return found.empty();
  });
  return found;
}

std::vector<std::string> list_vlans() {
  std::vector<std::string> names;
  for (const json& link : ip_json("", {"link", "show", "type", "vlan"})) {
    names.push_back(link.at("ifname"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string address_in(const json& result) {
  const std::string text = result.at("ips").at(0).at("address");
  return text.substr(0, text.find('/'));
}

void check_way(const std::string& pod, const std::string& address) {
  INFO(pod << ", " << address);
  const UdpSocket server(kGateways, {.address = rail_gateway(1), .port = 4711});
  CHECK(exchange(UdpSocket(pod, {.address = address}), server, rail_gateway(1)));
}

TagCapture::TagCapture(const std::string& netns, const std::string& nic) {
  const Inside inside(netns);
  constexpr int kOn = 1;
  socket_ = Fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  REQUIRE(setsockopt(socket_.get(), SOL_PACKET, PACKET_AUXDATA, &kOn, sizeof(kOn)) == 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(nic.c_str()));
  REQUIRE(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}

std::set<int> TagCapture::tags_from(const std::string& mac) {
  read_all();
  std::set<int> tags;
  for (const Tagged& frame : frames_) {
    if (frame.source == mac) {
      tags.insert(frame.tag);
    }
  }
  return tags;
}

void TagCapture::read_all() {
  std::array<std::uint8_t, 2048> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> control{};
  for (;;) {
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(socket_.get(), &message, 0) < ETH_HLEN) {
      return;
    }
    const auto source = std::span<const std::uint8_t>(bytes).subspan(ETH_ALEN, ETH_ALEN);
    frames_.push_back({ip::Mac::from_bytes(source)->to_string(), read_tag(message)});
  }
}

}  // namespace mvr::test
