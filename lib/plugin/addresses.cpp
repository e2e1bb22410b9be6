// SPDX-License-Identifier: Apache-2.0
#include "plugin/addresses.hpp"

#include <algorithm>

namespace mvr::plugin {
namespace {

/// Until the kernel has looked for duplicates of the NIC's IPv6 addresses, those of others on the
/// NIC included: a route with a tentative source is refused. Without a carrier it never begins.
Result<void> await_dad(Attempt& a, const net::Link& link) {
  constexpr std::chrono::milliseconds kLookAgain{10};
  constexpr std::chrono::seconds kLongest{5};  // the kernel takes one or two
  const auto give_up = Clock::now() + kLongest;
  for (;;) {
    bool is_waiting = false;
    for (const net::IfAddress& address :
         MVR_TRY(a.kernel.read_addresses(plan::Where::pod, link.index))) {
      if (address.is_duplicate) {
        return fail(Code::address_conflict,
                    "address " + address.prefix.address.to_string() +
                        " is in use on the rail: the kernel's search for duplicates (ipv6.dad "
                        "\"kernel\") has found it, without saying by whom");
      }
      is_waiting |= address.is_tentative;
    }
    if (!is_waiting) {
      return {};
    }
    if (Clock::now() >= give_up) {
      return fail(Code::link_failed,
                  "the kernel has not come to an end with the search for duplicates of the NIC's "
                  "IPv6 addresses (ipv6.dad \"kernel\"); does the master have a carrier?");
    }
    MVR_TRY(in("wait for the kernel's search for duplicates",
               a.call.budget.wait(-1, 0, Clock::now() + kLookAgain)));
  }
}

/// The kernel's own entry for the address is what makes it receive.
Result<bool> receives(plan::Kernel& kernel, const ip::Address& address) {
  const auto route = MVR_TRY(kernel.find_route(plan::Where::pod, address));
  return route && route->table == net::kTableLocal;
}

}  // namespace

Result<void> configure_addresses(Attempt& a, const net::Link& link, const plan::DesiredNic& nic) {
  MVR_TRY(a.network.run(address_steps(nic, a.attachment.ifname), a.call.budget));
  const bool has_dad = std::ranges::any_of(nic.addresses, [](const net::IfAddress& address) {
    return address.prefix.family() == ip::Family::v6 && !address.has_no_dad;
  });
  if (has_dad && a.rehearsal != nullptr) {
    a.rehearsal->tell("rail", "wait for the kernel's search for duplicates (ipv6.dad \"kernel\")");
    return {};
  }
  return has_dad ? await_dad(a, link) : Result<void>();
}

Result<void> await_reception(Attempt& a, const std::vector<ip::Address>& addresses) {
  constexpr std::chrono::milliseconds kLookAgain{1};
  constexpr std::chrono::seconds kLongest{1};
  const auto give_up = Clock::now() + kLongest;
  for (const ip::Address& address : addresses) {
    if (address.family() == ip::Family::v4 || a.rehearsal != nullptr) {
      continue;
    }
    while (!MVR_TRY(receives(a.kernel, address))) {
      if (Clock::now() >= give_up) {
        a.call.log.line(LogLevel::warn, "the kernel has not opened the address " +
                                            address.to_string() + " for reception yet");
        return {};
      }
      MVR_TRY(in("wait for the kernel to open the address " + address.to_string(),
                 a.call.budget.wait(-1, 0, Clock::now() + kLookAgain)));
    }
  }
  return {};
}

}  // namespace mvr::plugin
