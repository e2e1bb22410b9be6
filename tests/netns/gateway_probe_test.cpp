// SPDX-License-Identifier: Apache-2.0
/// \file
/// The gateway probe on a wire, IPv4 and IPv6.
#include <errno.h>
#include <net/if.h>
#include <signal.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "mvr/probe/gateway.hpp"
#include "support/catch.hpp"
#include "support/print.hpp"
#include "support/probe_rail.hpp"

using namespace mvr::test;
using mvr::Budget;
using mvr::Clock;
using mvr::Code;
using mvr::Fd;
using mvr::ip::Address;
using mvr::ip::Mac;
using mvr::probe::Answer;
using mvr::probe::ArpFrame;
using mvr::probe::ArpOperation;
using mvr::probe::NdpMessage;
using mvr::probe::Options;
using mvr::probe::probe_gateways;
using mvr::probe::Target;
using namespace std::chrono_literals;

namespace {

const Target kLinkLocal{kSource6, *Address::parse("fe80::fe")};
const std::vector<Target> kBoth{kV4, kV6};

/// The gateway's kernel answers for all three.
void wake_gateway() {
  Rail::run_ip_there("addr replace 172.16.11.254/24 dev gw0");
  add_v6_addresses(kOtherEnd, "gw0", {"fd00:11::fe/64", "fe80::fe/64"});
}

/// The times between frames, of ARP or of IPv6.
std::vector<std::chrono::nanoseconds> gaps(const std::vector<WireFrame>& frames, bool arp) {
  std::vector<std::chrono::nanoseconds> result;
  std::chrono::nanoseconds last{};
  for (const WireFrame& frame : frames) {
    if (frame.is_arp() == arp) {
      result.push_back(frame.time - std::exchange(last, frame.time));
    }
  }
  result.erase(result.begin());
  return result;
}

}  // namespace

TEST_CASE("a gateway that answers ends the probe at once", "[probe]") {
  const Rail rail;
  wake_gateway();
  const Target target = GENERATE(values<Target>({kV4, kV6, kLinkLocal}));
  INFO(target.gateway.to_string());
  const auto start = Clock::now();
  const auto answers = ask_gateways(probe_options(2, 10s), {target});
  CHECK(Clock::now() - start < 9s);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].target == target);
  CHECK(answers[0].mac == kGatewayMac);
  CHECK(answers[0].attempts == 1);
  CHECK(answers[0].elapsed > 0us);
  CHECK(answers[0].elapsed < 9s);
}

TEST_CASE("silent gateways get all requests, and the last one an interval", "[probe]") {
  const Rail rail;
  Wire wire = Rail::open_wire();
  const auto start = Clock::now();
  const auto answers = ask_gateways(probe_options(5, 300ms), kBoth);
  CHECK(Clock::now() - start >= 5 * 300ms);
  REQUIRE(answers.size() == 2);
  for (const Answer& answer : answers) {
    CHECK_FALSE(answer.mac);
    CHECK(answer.attempts == 5);
    CHECK(answer.elapsed >= 5 * 300ms);
  }
  const std::vector<WireFrame> frames = wire.all();
  CHECK(frames.size() == 10);
  CHECK(std::ranges::count_if(frames, &WireFrame::is_arp) == 5);
  for (const WireFrame& frame : frames) {
    CHECK(frame.source == kNicMac);
    if (frame.is_arp()) {
      CHECK(frame.destination == kEverybody);
      CHECK(frame.arp == ArpFrame{ArpOperation::request, kNicMac, kSource, Mac(), kV4.gateway});
    } else {
      CHECK(frame.destination == *Mac::parse("33:33:ff:00:00:fe"));
      CHECK(frame.ndp == NdpMessage{false, kSource6, kV6.gateway, kNicMac});
    }
  }
  for (const bool arp : {true, false}) {
    for (const auto gap : gaps(frames, arp)) {
      CHECK(gap > 100ms);
    }
  }
}

TEST_CASE("gateways that answer only the fourth request are found", "[probe]") {
  const Rail rail;
  const Responder responder(
      [arps = 0, solicitations = 0](Wire& wire, const WireFrame& frame, int) mutable {
        if (++(frame.is_arp() ? arps : solicitations) == 4) {
          wire.send(make_gateway_answer(frame.is_arp() ? kV4 : kV6), kNicMac);
        }
      });
  for (const Answer& answer : ask_gateways(probe_options(6, 400ms), kBoth)) {
    CHECK(answer.mac == kGatewayMac);
    CHECK(answer.attempts == 4);
    CHECK(answer.elapsed >= 3 * 400ms);
  }
}

TEST_CASE("an answer to the last request counts", "[probe]") {
  const Rail rail;
  const Responder responder([](Wire& wire, const WireFrame& frame, int) {
    std::this_thread::sleep_for(50ms);
    wire.send(make_gateway_answer(frame.is_arp() ? kV4 : kV6), kNicMac);
  });
  for (const Answer& answer : ask_gateways(probe_options(1, 3s), kBoth)) {
    CHECK(answer.mac == kGatewayMac);
  }
}

TEST_CASE("several gateways of both families are asked at the same time", "[probe]") {
  const Rail rail;
  wake_gateway();
  const Target silent{kSource, *Address::parse("172.16.11.253")};
  const Target silent6{kSource6, *Address::parse("fd00:11::fd")};
  const auto answers =
      ask_gateways(probe_options(3, 300ms), {silent, kV4, silent6, kV6, kLinkLocal});
  REQUIRE(answers.size() == 5);
  CHECK(answers[0].target == silent);
  CHECK(answers[2].target == silent6);
  for (const std::size_t i : {0U, 2U}) {
    CHECK_FALSE(answers[i].mac);
    CHECK(answers[i].attempts == 3);
    // One after the other, it would have been twice the time for the second.
    CHECK(answers[i].elapsed < 2 * 3 * 300ms);
  }
  for (const std::size_t i : {1U, 3U, 4U}) {
    CHECK(answers[i].mac == kGatewayMac);
    CHECK(answers[i].attempts == 1);
    CHECK(answers[i].elapsed < answers[0].elapsed);
  }
}

TEST_CASE("a flood of other frames does not hold up the requests", "[probe]") {
  const Rail rail;
  const Packet packet = GENERATE(make_gateway_answer({kSource, *Address::parse("172.16.11.253")}),
                                 make_gateway_answer({kSource6, *Address::parse("fd00:11::fd")}));
  Wire wire = Rail::open_wire();
  const std::jthread flood([other = Rail::open_wire(), &packet](std::stop_token stop) {
    while (!stop.stop_requested()) {
      other.send(packet, kNicMac);
    }
  });
  for (const Answer& answer : ask_gateways(probe_options(3), kBoth)) {
    CHECK_FALSE(answer.mac);
    CHECK(answer.attempts == 3);
  }
  CHECK(wire.all().size() == 6);
}

TEST_CASE("the probe waits for the carrier", "[probe]") {
  const Rail rail;
  Rail::unplug();
  const Fd socket = unwrap(mvr::probe::open_socket());
  const Budget budget = Budget::grace(60s * slowness());
  int questions = 0;
  bool comes_up = true;
  const auto has_carrier = [&]() -> mvr::Result<bool> {
    if (++questions == 4 && comes_up) {
      Rail::plug_in();
      wake_gateway();
    }
    return is_running("net1");
  };
  SECTION("that comes") {
    for (const Answer& answer :
         unwrap(probe_gateways(socket, probe_options(5, 2s), kBoth, has_carrier, budget))) {
      CHECK(answer.mac == kGatewayMac);
      CHECK(answer.attempts >= 1);
    }
    CHECK(questions >= 4);
  }
  SECTION("that never comes") {
    comes_up = false;
    for (const Answer& answer :
         unwrap(probe_gateways(socket, probe_options(), kBoth, has_carrier, budget))) {
      CHECK_FALSE(answer.mac);
      CHECK(answer.attempts == 0);
      CHECK(answer.elapsed >= 5 * 40ms);
    }
    CHECK(questions >= 3);
  }
  SECTION("and reports that it cannot know") {
    const auto unknown = []() -> mvr::Result<bool> { return mvr::fail(Code::io, "no netlink"); };
    CHECK(probe_gateways(socket, probe_options(), kBoth, unknown, budget).error().code == Code::io);
  }
}

TEST_CASE("a link that is down for a moment costs time, not attempts", "[probe]") {
  const Rail rail;
  wake_gateway();
  ip_batch("", "link set net1 down\n");
  SECTION("it comes back") {
    const std::jthread helper([] {
      std::this_thread::sleep_for(100ms);
      ip_batch("", "link set net1 up\n");
    });
    for (const Answer& answer : ask_gateways(probe_options(20, 100ms), kBoth)) {
      CHECK(answer.mac == kGatewayMac);
      CHECK(answer.elapsed >= 80ms);
    }
  }
  SECTION("it stays down") {
    for (const Answer& answer : ask_gateways(probe_options(3), kBoth)) {
      CHECK_FALSE(answer.mac);
      CHECK(answer.attempts == 0);
      CHECK(answer.elapsed >= 6 * 40ms);
    }
  }
  SECTION("it is gone") {
    Options wrong = probe_options(3);
    wrong.ifindex = 9999;
    const Fd socket = unwrap(mvr::probe::open_socket());
    const auto answers = probe_gateways(socket, wrong, kBoth, always, Budget::grace(60s));
    CHECK(answers.error().code == Code::io);
    CHECK(answers.error().sys_errno == ENODEV);
  }
}

TEST_CASE("what fails for one NIC of several is no other's failure", "[probe]") {
  const Rail rail;
  wake_gateway();
  const Fd good = unwrap(mvr::probe::open_socket());
  const Fd bad = unwrap(mvr::probe::open_socket());
  Options gone = probe_options(3);
  gone.ifindex = 9999;
  const Target silent{kSource, *Address::parse("172.16.11.99")};
  const auto answers = unwrap(mvr::probe::probe_together(
      {{&bad, gone, kBoth}, {&good, probe_options(3), {kV4, silent, kV6}}}, Budget::grace(60s)));
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].error().sys_errno == ENODEV);
  REQUIRE(answers[1]);
  const std::vector<Answer>& three = *answers[1];
  CHECK(three.at(0).mac == kGatewayMac);
  CHECK(three.at(0).attempts == 1);
  CHECK_FALSE(three.at(1).mac);
  CHECK(three.at(1).attempts == 3);
  CHECK(three.at(1).elapsed >= 3 * 40ms);
  CHECK(three.at(2).mac == kGatewayMac);
  CHECK(unwrap(mvr::probe::probe_together({}, Budget::grace(60s))).empty());
}

TEST_CASE("a storm of signals changes nothing", "[probe]") {
  const Rail rail;
  Wire wire = Rail::open_wire();
  std::vector<Answer> answers;
  {
    const SignalStorm storm;
    answers = ask_gateways(probe_options(), kBoth);
  }
  CHECK(SignalStorm::count() > 50);
  for (const Answer& answer : answers) {
    CHECK_FALSE(answer.mac);
    CHECK(answer.attempts == 5);
    CHECK(answer.elapsed >= 5 * 40ms);
  }
  CHECK(wire.all().size() == 10);
  wake_gateway();
  const SignalStorm storm;
  for (const Answer& answer : ask_gateways(probe_options(2, 10s), kBoth)) {
    CHECK(answer.mac == kGatewayMac);
    CHECK(answer.attempts == 1);
  }
}

TEST_CASE("a signal to us or the end of the time ends the probe", "[probe]") {
  const Rail rail;
  const Fd socket = unwrap(mvr::probe::open_socket());
  const Options slow = probe_options(50, 1s);
  const auto start = Clock::now();
  const auto late = probe_gateways(socket, slow, kBoth, always, Budget::grace(100ms));
  CHECK(late.error().code == Code::interrupted);
  const Budget budget = unwrap(Budget::start(300s));
  ::raise(SIGTERM);
  CHECK(probe_gateways(socket, slow, kBoth, always, budget).error().code == Code::interrupted);
  CHECK(Clock::now() - start < 40s);
}

TEST_CASE("nothing to ask is answered at once, two families in one question not at all",
          "[probe]") {
  const Rail rail;
  const Fd socket = unwrap(mvr::probe::open_socket());
  const Budget budget = Budget::grace(10s);
  CHECK(unwrap(probe_gateways(socket, {}, {}, always, budget)).empty());
  const std::vector<Target> mixed{{kSource, kV6.gateway}};
  CHECK(probe_gateways(socket, {}, mixed, always, budget).error().sys_errno == EAFNOSUPPORT);
}
