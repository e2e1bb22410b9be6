// SPDX-License-Identifier: Apache-2.0
// The gateway probe between two network namespaces: "rail" has the gateway's end of a veth pair,
// the test itself runs in "pod", with the other end as master of a macvlan.
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "mvr/probe/gateway.hpp"
#include "probe/arp.hpp"
#include "support/catch.hpp"
#include "support/print.hpp"
#include "support/probe_rail.hpp"

using mvr::Budget;
using mvr::Clock;
using mvr::Code;
using mvr::Fd;
using mvr::ip::Address;
using mvr::ip::Mac;
using mvr::probe::Answer;
using mvr::probe::ArpFrame;
using mvr::probe::ArpOperation;
using mvr::probe::Options;
using mvr::probe::probe_gateways;
using mvr::probe::Target;
using mvr::test::kGatewayMac;
using mvr::test::kNicMac;
using mvr::test::kSource;
using mvr::test::Rail;
using mvr::test::Responder;
using mvr::test::run_ip;
using mvr::test::unwrap;
using mvr::test::Wire;
using mvr::test::WireFrame;
using namespace std::chrono_literals;

namespace {

const Address kGateway = *Address::parse("172.16.11.254");
const Address kSilent = *Address::parse("172.16.11.253");

Options options(int attempts = 5, std::chrono::milliseconds interval = 40ms) {
  return {static_cast<int>(::if_nametoindex("net1")), kNicMac, attempts, interval};
}

mvr::Result<bool> always() {
  return true;
}

std::vector<Answer> ask(const Options& how, const std::vector<Target>& targets) {
  const Fd socket = unwrap(mvr::probe::open_socket());
  return unwrap(probe_gateways(socket, how, targets, always, Budget::grace(10s)));
}

}  // namespace

TEST_CASE("a gateway that answers ends the probe at once", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  rail.run_ip_there("address add 172.16.11.254/24 dev gw0");
  const Fd socket = unwrap(mvr::probe::open_socket());
  const auto start = Clock::now();
  const auto answers = unwrap(
      probe_gateways(socket, options(5, 1s), {{kSource, kGateway}}, always, Budget::grace(10s)));
  CHECK(Clock::now() - start < 500ms);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].target == Target{kSource, kGateway});
  CHECK(answers[0].mac == kGatewayMac);
  CHECK(answers[0].attempts == 1);
  CHECK(answers[0].elapsed > 0us);
  CHECK(answers[0].elapsed < 500ms);
}

TEST_CASE("a silent gateway gets all requests, and the last one an interval", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  Wire wire = rail.open_wire();
  const auto start = Clock::now();
  const auto answers = ask(options(), {{kSource, kGateway}});
  CHECK(Clock::now() - start >= 5 * 40ms);
  REQUIRE(answers.size() == 1);
  CHECK_FALSE(answers[0].mac);
  CHECK(answers[0].attempts == 5);
  CHECK(answers[0].elapsed >= 5 * 40ms);
  const std::vector<WireFrame> frames = wire.all();
  CHECK(frames.size() == 5);
  for (const WireFrame& frame : frames) {
    CHECK(frame.source == kNicMac);
    CHECK(frame.destination == *Mac::parse("ff:ff:ff:ff:ff:ff"));
    CHECK(frame.arp == ArpFrame{ArpOperation::request, kNicMac, kSource, Mac(), kGateway});
  }
}

TEST_CASE("a gateway that answers only the third request is found", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  const Responder responder(rail, [](Wire& wire, const WireFrame&, int count) {
    if (count == 3) {
      wire.send(ArpOperation::reply, kGatewayMac, kGateway);
    }
  });
  const auto answers = ask(options(), {{kSource, kGateway}});
  CHECK(answers[0].mac == kGatewayMac);
  CHECK(answers[0].attempts == 3);
  CHECK(answers[0].elapsed >= 2 * 40ms);
}

TEST_CASE("an answer to the last request counts", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  const Responder responder(rail, [](Wire& wire, const WireFrame&, int) {
    std::this_thread::sleep_for(50ms);
    wire.send(ArpOperation::reply, kGatewayMac, kGateway);
  });
  const auto answers = ask(options(1, 400ms), {{kSource, kGateway}});
  CHECK(answers[0].mac == kGatewayMac);
}

TEST_CASE("several gateways are asked at the same time", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  rail.run_ip_there("address add 172.16.11.254/24 dev gw0");
  Wire wire = rail.open_wire();
  const auto start = Clock::now();
  const auto answers = ask(options(3), {{kSource, kSilent}, {kSource, kGateway}});
  CHECK(Clock::now() - start < 2 * 3 * 40ms);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].target.gateway == kSilent);
  CHECK_FALSE(answers[0].mac);
  CHECK(answers[0].attempts == 3);
  CHECK(answers[1].mac == kGatewayMac);
  CHECK(answers[1].attempts == 1);
  CHECK(answers[1].elapsed < answers[0].elapsed);
}

TEST_CASE("announcements and requests of the gateway are answers", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  const Mac everybody = *Mac::parse("ff:ff:ff:ff:ff:ff");
  const auto operation = GENERATE(ArpOperation::request, ArpOperation::reply);
  const Responder responder(rail, [&](Wire& wire, const WireFrame&, int) {
    wire.send(operation, kGatewayMac, kGateway, everybody);
  });
  CHECK(ask(options(), {{kSource, kGateway}})[0].mac == kGatewayMac);
}

TEST_CASE("frames that prove nothing are ignored", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  Options how = options(3);
  const std::string device = GENERATE("net1", "rail0");
  how.ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
  run_ip("link set " + device + " promisc on");
  const Responder responder(rail, [](Wire& wire, const WireFrame&, int) {
    constexpr auto kReply = ArpOperation::reply;
    const Mac everybody = *Mac::parse("ff:ff:ff:ff:ff:ff");
    wire.send(kReply, kNicMac, kGateway, everybody);
    wire.send(kReply, kGatewayMac, kSilent, everybody);
    wire.send(kReply, Mac(), kGateway, everybody);
    wire.send(kReply, everybody, kGateway, everybody);
    wire.send(ArpOperation{3}, kGatewayMac, kGateway, everybody);
    wire.send(kReply, kGatewayMac, kGateway, everybody, 5);
    wire.send(kReply, kGatewayMac, kGateway, *Mac::parse("02:00:00:00:00:77"));
  });
  const auto answers = ask(how, {{kSource, kGateway}});
  CHECK_FALSE(answers[0].mac);
  CHECK(answers[0].attempts == 3);
}

TEST_CASE("the kernel passes requests and replies on, nothing else", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  const Wire wire = rail.open_wire();
  const Budget budget = Budget::grace(10s);
  const Fd socket = unwrap(mvr::probe::open_socket());
  unwrap(probe_gateways(socket, options(1, 1ms), {{kSource, kGateway}}, always, budget));
  std::array<char, 100> buffer{};
  const auto receive = [&](ArpOperation operation) {
    wire.send(operation, kGatewayMac, kGateway);
    const bool is_ready = unwrap(budget.wait(socket.get(), POLLIN, Clock::now() + 50ms));
    return is_ready ? ::recv(socket.get(), buffer.data(), buffer.size(), 0) : -1;
  };
  CHECK(receive(ArpOperation::request) == mvr::probe::kArpSize);
  CHECK(receive(ArpOperation{3}) == -1);
  CHECK(receive(ArpOperation::reply) == mvr::probe::kArpSize);
  CHECK(receive(ArpOperation{0}) == -1);
}

TEST_CASE("a flood of other frames does not hold up the requests", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  const std::jthread flood([wire = rail.open_wire()](std::stop_token stop) {
    while (!stop.stop_requested()) {
      wire.send(ArpOperation::reply, kGatewayMac, kSilent);
    }
  });
  const auto answers = ask(options(3), {{kSource, kGateway}});
  CHECK_FALSE(answers[0].mac);
  CHECK(answers[0].attempts == 3);
  CHECK(answers[0].elapsed < 1s);
}

TEST_CASE("the probe waits for the carrier", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  rail.run_ip_there("address add 172.16.11.254/24 dev gw0");
  rail.run_ip_there("link set gw0 down");
  // The kernel tells the macvlan with a delay of up to a second.
  for (int i = 0; i < 300 && mvr::test::is_running("net1"); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  const Fd socket = unwrap(mvr::probe::open_socket());
  int questions = 0;
  bool comes_up = true;
  const auto has_carrier = [&]() -> mvr::Result<bool> {
    if (++questions == 4 && comes_up) {
      rail.run_ip_there("link set gw0 up");
    }
    return mvr::test::is_running("net1");
  };
  SECTION("that comes") {
    const auto answers = unwrap(
        probe_gateways(socket, options(), {{kSource, kGateway}}, has_carrier, Budget::grace(10s)));
    CHECK(questions >= 4);
    CHECK(answers[0].mac == kGatewayMac);
    CHECK(answers[0].attempts == 1);
  }
  SECTION("that never comes") {
    comes_up = false;
    Wire wire = rail.open_wire();
    const auto answers = unwrap(
        probe_gateways(socket, options(), {{kSource, kGateway}}, has_carrier, Budget::grace(10s)));
    CHECK_FALSE(answers[0].mac);
    CHECK(answers[0].attempts == 0);
    CHECK(answers[0].elapsed >= 5 * 40ms);
    CHECK(answers[0].elapsed < 1s);
    CHECK(questions >= 10);
  }
  SECTION("and reports that it cannot know") {
    const auto unknown = []() -> mvr::Result<bool> { return mvr::fail(Code::io, "no netlink"); };
    const auto answers =
        probe_gateways(socket, options(), {{kSource, kGateway}}, unknown, Budget::grace(10s));
    CHECK(answers.error().code == Code::io);
  }
}

TEST_CASE("a link that is down for a moment costs time, not attempts", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  rail.run_ip_there("address add 172.16.11.254/24 dev gw0");
  run_ip("link set net1 down");
  SECTION("it comes back") {
    const std::jthread helper([] {
      std::this_thread::sleep_for(100ms);
      static_cast<void>(::system("ip link set net1 up"));  // NOLINT(cert-env33-c)
    });
    const auto answers = ask(options(), {{kSource, kGateway}});
    CHECK(answers[0].mac == kGatewayMac);
    CHECK(answers[0].elapsed >= 80ms);
  }
  SECTION("it stays down") {
    const auto answers = ask(options(3), {{kSource, kGateway}});
    CHECK_FALSE(answers[0].mac);
    CHECK(answers[0].attempts == 0);
    CHECK(answers[0].elapsed >= 6 * 40ms);
  }
  SECTION("it is gone") {
    Options wrong = options(3);
    wrong.ifindex = 9999;
    const Fd socket = unwrap(mvr::probe::open_socket());
    const auto answers =
        probe_gateways(socket, wrong, {{kSource, kGateway}}, always, Budget::grace(10s));
    CHECK(answers.error().code == Code::io);
    CHECK(answers.error().sys_errno == ENODEV);
  }
}

TEST_CASE("a storm of signals changes nothing", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  Wire wire = rail.open_wire();
  struct sigaction action {};
  static volatile sig_atomic_t alarms = 0;
  action.sa_handler = [](int) { alarms = alarms + 1; };
  REQUIRE(::sigaction(SIGALRM, &action, nullptr) == 0);
  const itimerval storm{{0, 1000}, {0, 1000}};
  REQUIRE(::setitimer(ITIMER_REAL, &storm, nullptr) == 0);
  const auto answers = ask(options(), {{kSource, kGateway}});
  const itimerval calm{};
  REQUIRE(::setitimer(ITIMER_REAL, &calm, nullptr) == 0);
  CHECK(alarms > 50);
  CHECK(answers[0].attempts == 5);
  CHECK(answers[0].elapsed >= 5 * 40ms);
  CHECK(answers[0].elapsed < 1s);
  CHECK(wire.all().size() == 5);
}

TEST_CASE("a signal to us or the end of the time ends the probe", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Rail rail;
  const Fd socket = unwrap(mvr::probe::open_socket());
  const std::vector<Target> targets{{kSource, kGateway}};
  const auto start = Clock::now();
  const auto late = probe_gateways(socket, options(50, 1s), targets, always, Budget::grace(100ms));
  CHECK(late.error().code == Code::interrupted);
  const Budget budget = unwrap(Budget::start(10s));
  ::raise(SIGTERM);
  const auto stopped = probe_gateways(socket, options(50, 1s), targets, always, budget);
  CHECK(stopped.error().code == Code::interrupted);
  CHECK(Clock::now() - start < 1s);
}

TEST_CASE("nothing to ask is answered at once, two families not at all", "[probe]") {
  if (!Rail::is_possible()) {
    return;
  }
  const Fd socket = unwrap(mvr::probe::open_socket());
  const Budget budget = Budget::grace(1s);
  CHECK(unwrap(probe_gateways(socket, {}, {}, always, budget)).empty());
  const Address v6 = *Address::parse("fe80::1");
  CHECK(probe_gateways(socket, {}, {{kSource, v6}}, always, budget).error().sys_errno ==
        EAFNOSUPPORT);
}
