// SPDX-License-Identifier: Apache-2.0
#include "support/router_advertisement.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

struct Advertisement {
  nd_router_advert header{};
  nd_opt_prefix_info prefix{};
};

constexpr std::uint32_t kLifetime = 1800;  // seconds

Advertisement make_advertisement(const std::string& prefix) {
  Advertisement message;
  message.header.nd_ra_type = ND_ROUTER_ADVERT;
  message.header.nd_ra_router_lifetime = htons(kLifetime);
  message.prefix.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION;
  message.prefix.nd_opt_pi_len = sizeof(message.prefix) / 8;
  message.prefix.nd_opt_pi_prefix_len = 64;
  message.prefix.nd_opt_pi_flags_reserved = ND_OPT_PI_FLAG_ONLINK | ND_OPT_PI_FLAG_AUTO;
  message.prefix.nd_opt_pi_valid_time = htonl(kLifetime);
  message.prefix.nd_opt_pi_preferred_time = htonl(kLifetime);
  REQUIRE(inet_pton(AF_INET6, prefix.c_str(), &message.prefix.nd_opt_pi_prefix) == 1);
  return message;
}

sockaddr_in6 make_sockaddr(const std::string& address, unsigned nic) {
  sockaddr_in6 result{};
  result.sin6_family = AF_INET6;
  result.sin6_scope_id = nic;
  REQUIRE(inet_pton(AF_INET6, address.c_str(), &result.sin6_addr) == 1);
  return result;
}

}  // namespace

void advertise_router(const std::string& netns, const std::string& nic,
                      const std::string& link_local, const std::string& prefix) {
  constexpr int kHopLimit = 255;  // nobody beyond the link can have sent it
  const Inside inside(netns);
  const unsigned index = if_nametoindex(nic.c_str());
  const Fd fd(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  const sockaddr_in6 from = make_sockaddr(link_local, index);
  const sockaddr_in6 all_nodes = make_sockaddr("ff02::1", index);
  const Advertisement message = make_advertisement(prefix);
  setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &kHopLimit, sizeof(kHopLimit));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0 ||
      sendto(fd.get(), &message, sizeof(message), 0, reinterpret_cast<const sockaddr*>(&all_nodes),
             sizeof(all_nodes)) < 0) {
    FAIL("router advertisement by " << nic << ": " << std::strerror(errno));
  }
}

}  // namespace mvr::test
