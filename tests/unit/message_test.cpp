// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages: built and read back without a kernel, and what garbage does.
#include "net/message.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <random>

#include <netlink/attr.h>

#include "mvr/net/socket.hpp"
#include "net/codec.hpp"
#include "support/netlink_bytes.hpp"
#include "support/unit_pod.hpp"
#include "unit/message_fixture.hpp"

using namespace mvr::net;
using namespace mvr::net::test;
using namespace mvr::test;
using mvr::ip::Family;

namespace {

void parse_all(nlmsghdr* message) {
  static_cast<void>(parse_link(message));
  static_cast<void>(parse_address(message));
  static_cast<void>(parse_route(message));
  static_cast<void>(parse_rule(message));
  static_cast<void>(extended_ack(message, sizeof(int)));
  static_cast<void>(extended_ack(message, sizeof(nlmsgerr)));
}

std::vector<MessagePtr> all_requests() {
  std::vector<MessagePtr> all;
  all.push_back(unwrap(make_new_macvlan(full_spec(), 7)));
  all.push_back(unwrap(make_new_address(full_address())));
  all.push_back(unwrap(make_new_route(full_route())));
  all.push_back(unwrap(make_new_rule(rule_of(kOurMark, "172.16.11.10/32", "net1", 101, 32101))));
  return all;
}

/// An NLMSG_ERROR or NLMSG_DONE with an extended ack.
MessagePtr make_answer(int type, int flags, const std::string& text, std::uint32_t echoed = 0) {
  MessagePtr message(nlmsg_alloc_simple(type, flags));
  nlmsgerr error{};
  error.error = -EINVAL;
  error.msg.nlmsg_len = static_cast<std::uint32_t>(sizeof(nlmsghdr)) + echoed;
  const int size = type == NLMSG_ERROR ? sizeof(error) : sizeof(error.error);
  REQUIRE(nlmsg_append(message.get(), &error, static_cast<std::size_t>(size), NLMSG_ALIGNTO) == 0);
  if (echoed > 0) {
    REQUIRE(nlmsg_reserve(message.get(), echoed, NLMSG_ALIGNTO) != nullptr);
  }
  REQUIRE(nla_put_string(message.get(), NLMSGERR_ATTR_MSG, text.c_str()) == 0);
  return message;
}

}  // namespace

TEST_CASE("an address is read as it was written, with its metric", "[message]") {
  const MessagePtr request = unwrap(make_new_address(full_address()));
  CHECK(header_of(request)->nlmsg_type == RTM_NEWADDR);
  CHECK(parse_address(header_of(request)) == full_address());
  IfAddress other = address_of(IfIndex{3}, "10.233.119.164/32");
  other.scope = RT_SCOPE_LINK;
  CHECK(parse_address(header_of(unwrap(make_new_address(other)))) == other);
}

TEST_CASE("one bit says temporary in IPv6 and secondary in IPv4", "[message]") {
  const auto is_temporary = [](const char* text) {
    const MessagePtr request = unwrap(make_new_address(address_of(IfIndex{2}, text)));
    auto* header = static_cast<ifaddrmsg*>(nlmsg_data(header_of(request)));
    CHECK_FALSE(parse_address(header_of(request))->is_temporary);
    header->ifa_flags |= IFA_F_TEMPORARY;
    return parse_address(header_of(request))->is_temporary;
  };
  CHECK(is_temporary("fd00:10:1::7777/64"));
  CHECK_FALSE(is_temporary("10.1.20.5/16"));
}

TEST_CASE("routes are read as they were written", "[message]") {
  std::vector<Route> routes = {full_route()};
  Route route;
  route.dst = prefix("0.0.0.0/0");
  route.gateway = addr("169.254.1.1");
  route.nic = IfIndex{3};
  routes.push_back(route);
  route.dst = prefix("169.254.1.1/32");
  route.gateway.reset();
  route.table = 100;
  routes.push_back(route);
  route = {};
  route.dst = prefix("0.0.0.0/0");
  route.type = RouteType::unreachable;
  route.table = 101;
  route.metric = 0xffffffff;
  routes.push_back(route);
  for (const Route& wanted : routes) {
    const MessagePtr request = unwrap(make_new_route(wanted));
    INFO(describe(wanted, "nic"));
    CHECK(header_of(request)->nlmsg_type == RTM_NEWROUTE);
    CHECK((header_of(request)->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL | NLM_F_REPLACE)) ==
          (NLM_F_CREATE | NLM_F_EXCL));
    CHECK(parse_route(header_of(request)) == wanted);
  }
}

TEST_CASE("a next hop of the other family goes with the name of its family", "[message]") {
  Route route;
  route.dst = prefix("0.0.0.0/0");
  route.gateway = addr("fe80::1");
  route.nic = IfIndex{3};
  CHECK(describe(route, "eth0") == "default via inet6 fe80::1 dev eth0 table main");
  const MessagePtr request = unwrap(make_new_route(route));
  const nlattr* via = nlmsg_find_attr(header_of(request), sizeof(rtmsg), RTA_VIA);
  REQUIRE(via != nullptr);
  std::vector<std::uint8_t> expected{AF_INET6, 0};  // in the byte order of the machine
  std::ranges::copy(route.gateway->bytes(), std::back_inserter(expected));
  CHECK(std::ranges::equal(payload(via), expected));
  CHECK(nlmsg_find_attr(header_of(request), sizeof(rtmsg), RTA_GATEWAY) == nullptr);
  CHECK(parse_route(header_of(request)) == route);
  route.more_ways = {{IfIndex{3}, addr("169.254.1.1"), false, 3},
                     {IfIndex{4}, addr("fe80::2"), true, 1}};
  CHECK(parse_route(header_of(unwrap(make_new_route(route)))) == route);
}

TEST_CASE("a next hop of the other family that is cut short is none", "[message]") {
  Route route;
  route.dst = prefix("0.0.0.0/0");
  const std::array<std::uint8_t, 18> bytes{AF_INET6};
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const MessagePtr request = unwrap(make_new_route(route));
    REQUIRE(nla_put(request.get(), RTA_VIA, static_cast<int>(size), bytes.data()) == 0);
    MessageCopy copy(header_of(request), header_of(request)->nlmsg_len);
    const auto read = parse_route(copy.header());
    REQUIRE(read);
    CHECK(read->gateway.has_value() == (size == 2 + 4 || size == 2 + 16));
  }
}

TEST_CASE("all next hops of a route are read, whatever lengths they claim", "[message]") {
  Route route;
  route.dst = prefix("0.0.0.0/0");
  const MessagePtr request = unwrap(make_new_route(route));
  struct Hop {
    rtnexthop head;
    nlattr gateway;
    std::array<std::uint8_t, 4> address;
  };
  const nlattr gateway{sizeof(nlattr) + 4, RTA_GATEWAY};
  std::array<Hop, 2> hops{};
  hops[0] = {{sizeof(Hop), RTNH_F_ONLINK, 0, 3}, gateway, {10, 1, 0, 1}};
  hops[1] = {{sizeof(Hop), 0, 2, 4}, gateway, {10, 1, 0, 2}};
  REQUIRE(nla_put(request.get(), RTA_MULTIPATH, sizeof(hops), hops.data()) == 0);
  route.nic = IfIndex{3};
  route.gateway = addr("10.1.0.1");
  route.is_onlink = true;
  route.more_ways = {{IfIndex{4}, addr("10.1.0.2"), false, 3}};
  CHECK(parse_route(header_of(request)) == route);
  auto* list = nlmsg_find_attr(header_of(request), sizeof(rtmsg), RTA_MULTIPATH);
  for (const unsigned length : {0U, 7U, 8U, 11U, 0xffffU}) {
    hops[0].head.rtnh_len = static_cast<std::uint16_t>(length);
    ::memcpy(nla_data(list), hops.data(), sizeof(hops));
    CHECK(parse_route(header_of(request))->nic == IfIndex{3});
  }
}

TEST_CASE("attributes of a route that are too short are not read beyond their end", "[message]") {
  for (int attribute = RTA_UNSPEC + 1; attribute <= RTA_MAX; ++attribute) {
    for (int size = 0; size < 8; ++size) {
      const MessagePtr request = unwrap(make_new_route(full_route()));
      REQUIRE(nla_put(request.get(), attribute, size, "1234567") == 0);
      MessageCopy copy(header_of(request), header_of(request)->nlmsg_len);
      parse_all(copy.header());
    }
  }
}

TEST_CASE("a route without a gateway is of link scope, others are not", "[message]") {
  const auto scope_of = [](const Route& route) {
    const MessagePtr request = unwrap(make_new_route(route));
    return static_cast<const rtmsg*>(nlmsg_data(header_of(request)))->rtm_scope;
  };
  Route route = full_route();
  CHECK(scope_of(route) == RT_SCOPE_UNIVERSE);
  route.gateway.reset();
  route.is_onlink = false;
  CHECK(scope_of(route) == RT_SCOPE_LINK);
  route.type = RouteType::unreachable;
  CHECK(scope_of(route) == RT_SCOPE_UNIVERSE);
}

TEST_CASE("rules are read as they were written", "[message]") {
  for (const Rule& rule : {rule_of(kOurMark, "172.16.11.10/32", "", 101, 32101),
                           rule_of(kOurMark, "", "net1", 101, 32101),
                           rule_of(3, "10.0.0.0/8", "fifteen-letters", 1234567, 1)}) {
    const MessagePtr request = unwrap(make_new_rule(rule));
    INFO(describe(rule));
    CHECK(header_of(request)->nlmsg_type == RTM_NEWRULE);
    CHECK(parse_rule(header_of(request)) == rule);
  }
}

TEST_CASE("a rule with a selector that we never set is known as such", "[message]") {
  for (const int attribute : {FRA_DST, FRA_IIFNAME, FRA_FWMARK, FRA_IP_PROTO, FRA_UID_RANGE,
                              FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_TUN_ID, FRA_GOTO}) {
    const MessagePtr request =
        unwrap(make_new_rule(rule_of(kOurMark, "172.16.11.10/32", "", 101, 32101)));
    REQUIRE(nla_put_u32(request.get(), attribute, 1) == 0);
    INFO(attribute);
    CHECK(parse_rule(header_of(request))->has_other_selectors);
  }
}

TEST_CASE("a message of another kind is no object", "[message]") {
  for (const MessagePtr& request : all_requests()) {
    const int kinds = int{parse_link(header_of(request)).has_value()} +
                      int{parse_address(header_of(request)).has_value()} +
                      int{parse_route(header_of(request)).has_value()} +
                      int{parse_rule(header_of(request)).has_value()};
    CHECK(kinds == 1);
    header_of(request)->nlmsg_type = RTM_NEWNEIGH;
    CHECK_FALSE(parse_link(header_of(request)));
    CHECK_FALSE(parse_address(header_of(request)));
    CHECK_FALSE(parse_route(header_of(request)));
    CHECK_FALSE(parse_rule(header_of(request)));
  }
}

TEST_CASE("a message cut short anywhere is read without harm", "[message]") {
  for (const MessagePtr& request : all_requests()) {
    const nlmsghdr* whole = header_of(request);
    for (std::size_t size = sizeof(nlmsghdr); size <= whole->nlmsg_len; ++size) {
      MessageCopy copy(whole, size);
      parse_all(copy.header());
    }
    MessageCopy bare(whole, sizeof(nlmsghdr));
    CHECK_FALSE(parse_link(bare.header()));
    CHECK_FALSE(parse_address(bare.header()));
    CHECK_FALSE(parse_route(bare.header()));
    CHECK_FALSE(parse_rule(bare.header()));
  }
}

TEST_CASE("a message of random bytes is read without harm", "[message]") {
  std::minstd_rand random(1);  // the same bytes in each run
  for (const MessagePtr& request : all_requests()) {
    const nlmsghdr* whole = header_of(request);
    for (int round = 0; round < 500; ++round) {
      MessageCopy copy(whole, whole->nlmsg_len);
      for (int i = 0; i < 4; ++i) {
        const std::size_t offset =
            sizeof(nlmsghdr) + random() % (whole->nlmsg_len - sizeof(nlmsghdr));
        copy.at(offset) = static_cast<std::byte>(random());
      }
      parse_all(copy.header());
    }
  }
}

TEST_CASE("the kernel's own words are found in an error and at a dump's end", "[message]") {
  const std::string text = "Nexthop has invalid gateway";
  const MessagePtr error = make_answer(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, text);
  CHECK(extended_ack(header_of(error), sizeof(nlmsgerr)) == text);
  const MessagePtr done = make_answer(NLMSG_DONE, NLM_F_ACK_TLVS | NLM_F_MULTI, text);
  CHECK(extended_ack(header_of(done), sizeof(int)) == text);
  const MessagePtr echoing = make_answer(NLMSG_ERROR, NLM_F_ACK_TLVS, text, 20);
  CHECK(extended_ack(header_of(echoing), sizeof(nlmsgerr) + 20) == text);
}

TEST_CASE("an answer without the kernel's words has none", "[message]") {
  const MessagePtr unflagged = make_answer(NLMSG_ERROR, NLM_F_CAPPED, "text");
  CHECK(extended_ack(header_of(unflagged), sizeof(nlmsgerr)).empty());
  const MessagePtr error = make_answer(NLMSG_ERROR, NLM_F_ACK_TLVS, "");
  CHECK(extended_ack(header_of(error), sizeof(nlmsgerr)).empty());
  CHECK(extended_ack(header_of(error), 4096).empty());
  const MessagePtr text = make_answer(NLMSG_ERROR, NLM_F_ACK_TLVS, "text");
  for (std::size_t size = sizeof(nlmsghdr); size < header_of(text)->nlmsg_len; ++size) {
    MessageCopy copy(header_of(text), size);
    CHECK(std::string("text").starts_with(extended_ack(copy.header(), sizeof(nlmsgerr))));
  }
}

TEST_CASE("attributes that are missing or too short have a value all the same", "[message]") {
  CHECK(payload(nullptr).empty());
  CHECK(read_string(nullptr).empty());
  CHECK(read_u32(nullptr) == 0);
  const MessagePtr message(nlmsg_alloc());
  REQUIRE(nla_put_u16(message.get(), 1, 7) == 0);
  REQUIRE(nla_put(message.get(), 2, 3, "abc") == 0);
  CHECK(read_u32(nlmsg_find_attr(header_of(message), 0, 1)) == 0);
  CHECK(read_string(nlmsg_find_attr(header_of(message), 0, 2)) == "abc");
}
