// SPDX-License-Identifier: Apache-2.0
// The messages that make and change links: built and read back without a kernel.
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <netlink/attr.h>

#include "net/codec.hpp"
#include "net/message.hpp"
#include "support/catch.hpp"
#include "unit/message_fixture.hpp"

using namespace mvr::net;
using namespace mvr::net::test;
using namespace mvr::test;

TEST_CASE("a macvlan's request says what was wanted", "[message]") {
  const MessagePtr request = unwrap(make_new_macvlan(full_spec(), 7));
  CHECK(header_of(request)->nlmsg_type == RTM_NEWLINK);
  CHECK((header_of(request)->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)) ==
        (NLM_F_CREATE | NLM_F_EXCL));
  Link expected;
  expected.name = "mvr0123456789ab";
  expected.kind = "macvlan";
  expected.macvlan = MacvlanInfo{MacvlanMode::vepa, 2000};
  expected.mac = mac("02:00:5e:10:00:01");
  expected.mtu = 4200;
  expected.tx_queue_len = 5000;
  expected.group = kOurMark;
  expected.lower = IfIndex{11};
  CHECK(parse_link(header_of(request)) == expected);
  const nlattr* netns = nlmsg_find_attr(header_of(request), sizeof(ifinfomsg), IFLA_NET_NS_FD);
  REQUIRE(netns != nullptr);
  CHECK(read_u32(netns) == 7);
}

TEST_CASE("what a macvlan leaves to the kernel is not in its request", "[message]") {
  MacvlanSpec spec;
  spec.name = "mvr0";
  spec.master = IfIndex{11};
  const MessagePtr request = unwrap(make_new_macvlan(spec, 7));
  for (const int attribute : {IFLA_ADDRESS, IFLA_MTU, IFLA_TXQLEN}) {
    CHECK(nlmsg_find_attr(header_of(request), sizeof(ifinfomsg), attribute) == nullptr);
  }
  CHECK(parse_link(header_of(request))->macvlan == MacvlanInfo{MacvlanMode::bridge, 0});
}

TEST_CASE("one request gives a link its name, its alias and its state", "[message]") {
  const std::string alias(255, 'a');
  LinkChange change;
  change.index = IfIndex{1001};
  change.name = "net1";
  change.alias = alias;
  change.mac = mac("02:00:5e:10:00:01");
  change.promisc = true;
  change.up = true;
  const MessagePtr request = unwrap(make_link_change(change));
  CHECK((header_of(request)->nlmsg_flags & NLM_F_CREATE) == 0);
  CHECK(header_of(request)->nlmsg_type == RTM_SETLINK);
  header_of(request)->nlmsg_type = RTM_NEWLINK;
  const auto link = parse_link(header_of(request));
  REQUIRE(link);
  CHECK(link->index == IfIndex{1001});
  CHECK(link->name == "net1");
  CHECK(link->alias == alias);
  CHECK(link->mac == change.mac);
  CHECK(link->is_up);
  CHECK(link->is_promiscuous);
  CHECK_FALSE(link->is_allmulti);
  CHECK(static_cast<const ifinfomsg*>(nlmsg_data(header_of(request)))->ifi_change ==
        (IFF_UP | IFF_PROMISC));
}

TEST_CASE("a link's change leaves alone what it does not name", "[message]") {
  LinkChange change;
  change.index = IfIndex{7};
  const MessagePtr request = unwrap(make_link_change(change));
  for (const int attribute : {IFLA_ADDRESS, IFLA_IFNAME, IFLA_IFALIAS}) {
    CHECK(nlmsg_find_attr(header_of(request), sizeof(ifinfomsg), attribute) == nullptr);
  }
  CHECK(static_cast<const ifinfomsg*>(nlmsg_data(header_of(request)))->ifi_change == 0);
}

TEST_CASE("a VLAN is asked for by master, id and MAC, in our group", "[message]") {
  const MessagePtr request =
      unwrap(make_new_vlan({"ens1f0.100", IfIndex{11}, 100, mac("02:00:5e:10:00:01")}));
  const auto link = parse_link(header_of(request));
  REQUIRE(link);
  CHECK(link->name == "ens1f0.100");
  CHECK(link->kind == "vlan");
  CHECK(link->vlan_id == 100);
  CHECK(link->lower == IfIndex{11});
  CHECK(link->mac == mac("02:00:5e:10:00:01"));
  CHECK(is_our_vlan(*link));
  CHECK_FALSE(is_ours(*link));
}

TEST_CASE("a service VLAN is another one than the VLAN of its number", "[message]") {
  const auto id_with = [](std::uint16_t protocol) {
    const MessagePtr message = make_request(RTM_NEWLINK, ifinfomsg{});
    nlattr* info = nla_nest_start(message.get(), IFLA_LINKINFO);
    REQUIRE(nla_put_string(message.get(), IFLA_INFO_KIND, "vlan") == 0);
    nlattr* data = nla_nest_start(message.get(), IFLA_INFO_DATA);
    REQUIRE(nla_put_u16(message.get(), IFLA_VLAN_ID, 100) == 0);
    REQUIRE(nla_put_u16(message.get(), IFLA_VLAN_PROTOCOL, htons(protocol)) == 0);
    nla_nest_end(message.get(), data);
    nla_nest_end(message.get(), info);
    const auto link = parse_link(header_of(message));
    REQUIRE(link);
    CHECK(link->kind == "vlan");
    return link->vlan_id;
  };
  CHECK(id_with(ETH_P_8021Q) == 100);
  CHECK_FALSE(id_with(ETH_P_8021AD));
}
