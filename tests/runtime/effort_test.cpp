// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a call of the program that is shipped asks of the kernel is no more than it has been. How
/// long it takes depends on the machine; these figures hardly do.
#include <array>
#include <cstdlib>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/netlink_trace.hpp"
#include "support/routing_world.hpp"

using namespace mvr::test;

namespace {

/// Of our own process.
struct Limits {
  const char* verb;
  std::uint64_t system_calls;
  std::uint64_t requests;  ///< by netlink
  std::uint64_t answers;   ///< to them
  std::uint64_t bytes;     ///< received
  std::uint64_t minor_faults;
  std::uint64_t peak_kib;  ///< of memory
};

/// To be lowered when the plugin needs less. A few more calls or pages than were seen are allowed,
/// because libraries differ, and a tenth more bytes, because kernels do; one more netlink message
/// is not.
constexpr std::array kLimits{Limits{"ADD", 176, 26, 31, 8900, 135, 2600},
                             Limits{"CHECK", 134, 9, 14, 8500, 135, 2600},
                             Limits{"DEL", 127, 19, 22, 7500, 125, 2600}};

}  // namespace

TEST_CASE("a call with one IPv4 address asks no more of the kernel than it has to", "[effort]") {
  if (std::getenv("MVR_PLUGIN") == nullptr) {
    skip("of the release only, which MVR_PLUGIN names");
  }
  PodWorld world;
  json config = rail_config(1);
  config["conflictProbe"] = false;
  config["rdma"] = "off";  // of which machines have more or less
  for (const Limits& limits : kLimits) {
    const Traced traced = run_traced(world.make_call(limits.verb, "net1", config));
    INFO(limits.verb << ": " << traced.answer);
    REQUIRE(failure(traced.answer) == "");
    CHECK(traced.system_calls <= limits.system_calls);
    CHECK(traced.host.requests.size() + traced.pod.requests.size() <= limits.requests);
    CHECK(traced.host.messages + traced.pod.messages <= limits.answers);
    CHECK(traced.host.bytes + traced.pod.bytes <= limits.bytes);
    CHECK(traced.minor_faults <= limits.minor_faults);
    CHECK(traced.peak_kib <= limits.peak_kib);
    if (traced.answer.body.is_object()) {
      config["prevResult"] = traced.answer.body;
    }
  }
}
