// SPDX-License-Identifier: Apache-2.0
// RDMA netlink messages: what we send, byte by byte, and what kernels have answered.
#include <rdma/rdma_netlink.h>

#include <random>

#include <netlink/attr.h>

#include "rdma/codec.hpp"
#include "support/netlink_bytes.hpp"
#include "support/unit_pod.hpp"

using namespace mvr::rdma;
using namespace mvr::test;
using mvr::net::IfIndex;
using mvr::net::MessagePtr;

namespace {

// Answers of rdma_rxe on two ends of a veth pair, rxe0 on the interface 3. Linux 6.1.0-56-amd64 of
// Debian 12; sequence number and port as the socket had them.
constexpr const char* kShared =
    "28000000 0614 0000 07000000 00000000 0500420001000000 0500600000000000 05005d0001000000";
constexpr const char* kExclusive =
    "28000000 0614 0000 07000000 00000000 0500420000000000 0500600000000000 05005d0001000000";
constexpr const char* kDevice =
    "6c000000 0114 0200 07000000 00000000 0800010000000000 090002007278653000000000"
    "0800030001000000 0c000400763c220100000000 0c000600de0cadfeff9416f4"
    "0c000700de0cadfeff9416f4 05000e0001000000 0500540000000000 09004300726f636500000000";
constexpr const char* kPortDown =
    "4c000000 0514 0200 07000000 00000000 0800010000000000 090002007278653000000000"
    "0800030001000000 05000c0001000000 05000d0002000000 0800320003000000 0700330076300000";
constexpr const char* kPortActive =
    "4c000000 0514 0200 07000000 00000000 0800010000000000 090002007278653000000000"
    "0800030001000000 05000c0004000000 05000d0005000000 0800320003000000 0700330076300000";
/// The same, asked in another namespace than that of v0.
constexpr const char* kPortElsewhere =
    "3c000000 0514 0200 07000000 00000000 0800010000000000 090002007278653000000000"
    "0800030001000000 05000c0004000000 05000d0005000000";
constexpr const char* kVerbsNode =
    "3c000000 0f14 0000 07000000 00000000 080049000e000000 0c004800c0e7000000000000"
    "0c0047000200000000000000 0c0046007576657262733000";

// The same of Linux 6.12.117+deb12-amd64, where they differ.
constexpr const char* kShared612 =
    "30000000 0614 0000 07000000 00000000 0500420001000000 0500600000000000 0500670001000000"
    "05005d0001000000";
constexpr const char* kExclusive612 =
    "30000000 0614 0000 07000000 00000000 0500420000000000 0500600000000000 0500670001000000"
    "05005d0001000000";
constexpr const char* kDevice612 =
    "74000000 0114 0200 07000000 00000000 0800010001000000 090002007278653100000000"
    "0800030001000000 0c000400763c2201c0010000 0c000600814a37feffba02b0"
    "0c000700814a37feffba02b0 05000e0001000000 0500540000000000 0500650001000000"
    "09004300726f636500000000";

constexpr int kParsers = 4;

/// Which of the four parsers find something: one bit each.
unsigned found_by(nlmsghdr* message) {
  return (parse_netns_mode(message) ? 1U : 0U) | (parse_device(message) ? 2U : 0U) |
         (parse_port(message) ? 4U : 0U) | (parse_chardev(message) ? 8U : 0U);
}

/// An answer to a command, still without attributes.
MessagePtr answer_to(int command) {
  return MessagePtr(nlmsg_alloc_simple(RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command), NLM_F_MULTI));
}

/// A port's answer in which one attribute has another size.
std::optional<DevicePort> parse_port_with(int attribute, int size) {
  const MessagePtr message = answer_to(RDMA_NLDEV_CMD_PORT_GET);
  const std::string bytes(16, '\4');
  const auto put = [&](int type, int usual) {
    REQUIRE(nla_put(message.get(), type, type == attribute ? size : usual, bytes.data()) == 0);
  };
  put(RDMA_NLDEV_ATTR_DEV_INDEX, 4);
  put(RDMA_NLDEV_ATTR_PORT_INDEX, 4);
  put(RDMA_NLDEV_ATTR_PORT_STATE, 1);
  put(RDMA_NLDEV_ATTR_NDEV_INDEX, 4);
  MessageCopy copy(nlmsg_hdr(message.get()), nlmsg_hdr(message.get())->nlmsg_len);
  return parse_port(copy.header());
}

}  // namespace

TEST_CASE("RDMA requests are these bytes", "[rdma]") {
  const auto bytes = [](const MessagePtr& message) {
    REQUIRE(message);
    return hex_of(nlmsg_hdr(message.get()));
  };
  CHECK(bytes(make_get_netns_mode()) == without_blanks("10000000 0614 0000 00000000 00000000"));
  CHECK(bytes(make_get_devices()) == without_blanks("10000000 0114 0000 00000000 00000000"));
  CHECK(bytes(make_get_ports(DeviceIndex{7})) ==
        without_blanks("18000000 0514 0000 00000000 00000000 0800010007000000"));
  CHECK(bytes(make_get_verbs_node(DeviceIndex{7})) ==
        without_blanks("24000000 0f14 0000 00000000 00000000 0800010007000000"
                       "0b004500 75766572627300 00"));
  CHECK(bytes(make_move(DeviceIndex{0x01020304}, 9)) ==
        without_blanks("20000000 0214 0000 00000000 00000000 0800010004030201 0800440009000000"));
  CHECK(bytes(make_rename(DeviceIndex{0}, "rxe0")) ==
        without_blanks("24000000 0214 0000 00000000 00000000 0800010000000000"
                       "09000200 7278653000 000000"));
}

TEST_CASE("the netns mode is read from kernels' answers", "[rdma]") {
  for (const char* shared : {kShared, kShared612}) {
    CHECK(parse_netns_mode(MessageCopy(shared).header()) == NetnsMode::shared);
  }
  for (const char* exclusive : {kExclusive, kExclusive612}) {
    CHECK(parse_netns_mode(MessageCopy(exclusive).header()) == NetnsMode::exclusive);
  }
}

TEST_CASE("devices are read from kernels' answers", "[rdma]") {
  CHECK(parse_device(MessageCopy(kDevice).header()) ==
        Device{DeviceIndex{0}, "rxe0", 0xf41694fffead0cde, {}});
  CHECK(parse_device(MessageCopy(kDevice612).header()) ==
        Device{DeviceIndex{1}, "rxe1", 0xb002bafffe374a81, {}});
}

TEST_CASE("ports are read from kernels' answers", "[rdma]") {
  const auto port = [](const char* answer) { return parse_port(MessageCopy(answer).header()); };
  CHECK(port(kPortDown) == DevicePort{DeviceIndex{0}, {1, IfIndex{3}, false}});
  CHECK(port(kPortActive) == DevicePort{DeviceIndex{0}, {1, IfIndex{3}, true}});
  CHECK(port(kPortElsewhere) == DevicePort{DeviceIndex{0}, {1, IfIndex::none, true}});
}

TEST_CASE("a device's node is read from kernels' answers", "[rdma]") {
  CHECK(parse_chardev(MessageCopy(kVerbsNode).header()) == "uverbs0");
}

TEST_CASE("an RDMA answer to another command says nothing", "[rdma]") {
  const char* const answers[kParsers] = {kShared, kDevice, kPortActive, kVerbsNode};
  for (int i = 0; i < kParsers; ++i) {
    MessageCopy copy(answers[i]);
    INFO(answers[i]);
    CHECK(found_by(copy.header()) == 1U << i);
    for (const int type : {0, int{NLMSG_ERROR}, int{NLMSG_DONE}, 1,
                           RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_SET),
                           RDMA_NL_GET_TYPE(RDMA_NL_LS, copy.header()->nlmsg_type & 0xff)}) {
      copy.header()->nlmsg_type = static_cast<std::uint16_t>(type);
      CHECK(found_by(copy.header()) == 0);
    }
  }
}

TEST_CASE("an RDMA answer that is cut short says what came, or nothing", "[rdma]") {
  // The answer, and where the last attribute ends that must be there.
  const std::pair<const char*, std::size_t> answers[] = {
      {kShared, 21}, {kDevice, 24}, {kPortActive, 44}, {kVerbsNode, 60}};
  for (const auto& [answer, needed] : answers) {
    MessageCopy whole(answer);
    for (std::size_t size = sizeof(nlmsghdr); size <= whole.header()->nlmsg_len; ++size) {
      MessageCopy copy(whole.header(), size);
      INFO(answer << " cut to " << size);
      CHECK((found_by(copy.header()) != 0) == (size >= needed));
    }
  }
}

TEST_CASE("an RDMA attribute of another size is as good as none", "[rdma]") {
  const DevicePort usual{DeviceIndex{0x04040404}, {0x04040404, IfIndex{0x04040404}, true}};
  for (int size = 0; size <= 16; ++size) {
    INFO(size);
    CHECK(parse_port_with(RDMA_NLDEV_ATTR_DEV_INDEX, size).has_value() == (size == 4));
    CHECK(parse_port_with(RDMA_NLDEV_ATTR_PORT_INDEX, size).has_value() == (size == 4));
    DevicePort expected = usual;
    expected.port.is_active = size == 1;
    CHECK(parse_port_with(RDMA_NLDEV_ATTR_PORT_STATE, size) == expected);
    expected = usual;
    expected.port.netdev = size == 4 ? usual.port.netdev : IfIndex::none;
    CHECK(parse_port_with(RDMA_NLDEV_ATTR_NDEV_INDEX, size) == expected);
  }
}

TEST_CASE("a netns mode of another size says nothing", "[rdma]") {
  for (int size = 0; size <= 8; ++size) {
    const MessagePtr message = answer_to(RDMA_NLDEV_CMD_SYS_GET);
    REQUIRE(nla_put(message.get(), RDMA_NLDEV_SYS_ATTR_NETNS_MODE, size, "\0\0\0\0\0\0\0") == 0);
    INFO(size);
    CHECK(parse_netns_mode(nlmsg_hdr(message.get())).has_value() == (size == 1));
  }
  CHECK_FALSE(parse_netns_mode(nlmsg_hdr(answer_to(RDMA_NLDEV_CMD_SYS_GET).get())));
}

TEST_CASE("a device without a name or a GUID has its index all the same", "[rdma]") {
  const MessagePtr message = answer_to(RDMA_NLDEV_CMD_GET);
  CHECK_FALSE(parse_device(nlmsg_hdr(message.get())));
  REQUIRE(nla_put_u32(message.get(), RDMA_NLDEV_ATTR_DEV_INDEX, 5) == 0);
  REQUIRE(nla_put_u32(message.get(), RDMA_NLDEV_ATTR_NODE_GUID, 7) == 0);
  CHECK(parse_device(nlmsg_hdr(message.get())) == Device{DeviceIndex{5}, "", 0, {}});
}

TEST_CASE("names in RDMA answers end at their first zero or with their attribute", "[rdma]") {
  const auto name = [](const std::string& bytes) {
    const MessagePtr message = answer_to(RDMA_NLDEV_CMD_GET_CHARDEV);
    REQUIRE(nla_put(message.get(), RDMA_NLDEV_ATTR_CHARDEV_NAME, static_cast<int>(bytes.size()),
                    bytes.data()) == 0);
    MessageCopy copy(nlmsg_hdr(message.get()), nlmsg_hdr(message.get())->nlmsg_len);
    return parse_chardev(copy.header());
  };
  CHECK(name("uverbs12") == "uverbs12");
  CHECK(name(std::string("uverbs1\0002", 9)) == "uverbs1");
  CHECK_FALSE(name(""));
  CHECK_FALSE(name(std::string("\0uverbs", 7)));
}

TEST_CASE("RDMA answers of random bytes are read without harm", "[rdma]") {
  std::minstd_rand random(1);  // the same bytes in each run
  for (const char* answer : {kShared612, kDevice612, kPortActive, kVerbsNode}) {
    for (int round = 0; round < 500; ++round) {
      MessageCopy copy(answer);
      const std::size_t body = copy.header()->nlmsg_len - sizeof(nlmsghdr);
      for (int i = 0; i < 4; ++i) {
        copy.at(sizeof(nlmsghdr) + random() % body) = static_cast<std::byte>(random());
      }
      if (const auto device = parse_device(copy.header())) {
        CHECK(device->name.size() < body);
      }
      static_cast<void>(found_by(copy.header()));
    }
  }
}
