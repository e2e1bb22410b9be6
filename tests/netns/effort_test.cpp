// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a call asks of the kernel is no more than it has been. How long it takes depends on the
/// machine; these figures hardly do.
#include <array>
#include <cstdlib>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/netlink_trace.hpp"
#include "support/routing_world.hpp"

using namespace mvr::test;

namespace {

/// Of the daily build's own process, the dynamic loader's part included.
struct Limits {
  const char* verb;
  std::uint64_t system_calls;
  std::uint64_t requests;  ///< by netlink
  std::uint64_t answers;   ///< to them
  std::uint64_t bytes;     ///< received
  std::uint64_t minor_faults;
};

/// To be lowered when the plugin needs less. A few more calls or pages than were seen are allowed,
/// because libraries differ, and a tenth more bytes, because kernels do; one more netlink message
/// is not.
constexpr std::array kLimits{Limits{"ADD", 272, 26, 31, 8900, 305},
                             Limits{"CHECK", 231, 9, 14, 8500, 305},
                             Limits{"DEL", 225, 19, 22, 7500, 292}};

}  // namespace

TEST_CASE("a call with one IPv4 address asks no more of the kernel than it has to", "[effort]") {
#ifdef __SANITIZE_ADDRESS__
  skip("what a sanitizer asks for is none of the plugin's");
#endif
  unsetenv("MVR_PLUGIN");  // which may be a sanitized one
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
    if (traced.answer.body.is_object()) {
      config["prevResult"] = traced.answer.body;
    }
  }
}
