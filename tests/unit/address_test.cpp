// SPDX-License-Identifier: Apache-2.0
#include "mvr/ip/address.hpp"

#include "support/catch.hpp"

using mvr::ip::Address;
using mvr::ip::Family;
using mvr::ip::Mac;
using mvr::ip::Prefix;

TEST_CASE("addresses are parsed and printed", "[ip]") {
  CHECK(Address::parse("10.1.20.4")->to_string() == "10.1.20.4");
  CHECK(Address::parse("FE80::1")->to_string() == "fe80::1");
  CHECK(Address::parse("10.1.20.4")->family() == Family::v4);
  CHECK(Address::parse("::")->is_any());
  for (const char* bad :
       {"", "10.1.20", "10.1.20.256", "10.1.20.4/24", "fe80::1%eth0", "host", " 10.0.0.1"}) {
    INFO(bad);
    CHECK_FALSE(Address::parse(bad));
  }
}

TEST_CASE("address classes", "[ip]") {
  CHECK(Address::parse("127.9.9.9")->is_loopback());
  CHECK(Address::parse("::1")->is_loopback());
  CHECK_FALSE(Address::parse("128.0.0.1")->is_loopback());
  CHECK(Address::parse("224.0.0.1")->is_multicast());
  CHECK(Address::parse("239.255.255.255")->is_multicast());
  CHECK(Address::parse("255.255.255.255")->is_multicast());
  CHECK_FALSE(Address::parse("240.0.0.1")->is_multicast());
  CHECK(Address::parse("ff02::1")->is_multicast());
}

TEST_CASE("a prefix keeps its host bits until asked for the network", "[ip]") {
  const Prefix prefix = *Prefix::parse("172.16.11.10/20");
  CHECK(prefix.to_string() == "172.16.11.10/20");
  CHECK(prefix.network().to_string() == "172.16.0.0/20");
  CHECK(Prefix::parse("1.2.3.4/0")->network() == Prefix::any(Family::v4));
  CHECK(Prefix::parse("2001:db8::1/127")->network().to_string() == "2001:db8::/127");
  for (const char* bad :
       {"10.0.0.1", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "::/129", "/8", "10.0.0.1/8/8"}) {
    INFO(bad);
    CHECK_FALSE(Prefix::parse(bad));
  }
}

TEST_CASE("a prefix contains addresses and longer prefixes of its family", "[ip]") {
  const Prefix prefix = *Prefix::parse("10.233.64.0/18");
  CHECK(prefix.contains(*Address::parse("10.233.127.255")));
  CHECK_FALSE(prefix.contains(*Address::parse("10.233.128.0")));
  CHECK(prefix.contains(prefix));
  CHECK(prefix.contains(*Prefix::parse("10.233.65.0/24")));
  CHECK_FALSE(prefix.contains(*Prefix::parse("10.233.0.0/16")));
  CHECK_FALSE(Prefix::any(Family::v4).contains(*Address::parse("::1")));
}

TEST_CASE("MAC addresses", "[ip]") {
  CHECK(Mac::parse("02:00:5E:10:00:01")->to_string() == "02:00:5e:10:00:01");
  CHECK(Mac::parse("02-00-5e-10-00-01") == Mac::parse("02:00:5e:10:00:01"));
  CHECK(Mac::parse("01:00:5e:00:00:01")->is_multicast());
  for (const char* bad :
       {"", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "0200.5e10.0001", "g2:00:5e:10:00:01"}) {
    INFO(bad);
    CHECK_FALSE(Mac::parse(bad));
  }
  const Mac random = Mac::random();
  CHECK((random.bytes()[0] & 3) == 2);
  CHECK(random != Mac::random());
}
