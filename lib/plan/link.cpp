// SPDX-License-Identifier: Apache-2.0
// The link part of a plan.
#include <algorithm>

#include "mvr/plan/desired.hpp"
#include "plan/cluster.hpp"

namespace mvr::plan {
namespace {

net::MacvlanMode to_kernel(cni::MacvlanMode mode) {
  switch (mode) {
    case cni::MacvlanMode::private_mode:
      return net::MacvlanMode::private_mode;
    case cni::MacvlanMode::vepa:
      return net::MacvlanMode::vepa;
    case cni::MacvlanMode::passthru:
      return net::MacvlanMode::passthru;
    case cni::MacvlanMode::bridge:
      break;
  }
  return net::MacvlanMode::bridge;
}

/// Passthru takes the master's MAC; sent at creation it is ignored, sent later it changes the
/// master.
std::optional<ip::Mac> choose_mac(const cni::NetConf& conf) {
  if (conf.mode == cni::MacvlanMode::passthru) {
    return std::nullopt;
  }
  return conf.mac ? conf.mac : ip::Mac::random();
}

/// They are taken also where the pod has IPv6 off, forwards, or takes none itself. The default
/// route of a pod with other NICs is not for a router of this one to give.
void plan_advertisements(const cni::NetConf& conf, const Facts& facts,
                         std::vector<net::Sysctl>& sysctls) {
  const auto set = [&](const std::string& key, const char* value) {
    sysctls.push_back({"ipv6/conf/IFNAME/" + key, value});
  };
  set("accept_ra", conf.ipv6.accept_ra ? "2" : "0");
  set("autoconf", conf.ipv6.accept_ra ? "1" : "0");
  if (!conf.ipv6.accept_ra) {
    return;
  }
  if (conf.tune_pod_routes && (facts.overlay || facts.has_other_nics)) {
    set("accept_ra_defrtr", "0");
  }
  set("disable_ipv6", "0");
}

/// What is set on the NIC only, never on `all`. The configuration's own list has the last word.
std::vector<net::Sysctl> plan_sysctls(const cni::NetConf& conf, const Facts& facts) {
  std::vector<net::Sysctl> sysctls;
  if (conf.rp_filter >= 0) {
    sysctls.push_back({"ipv4/conf/IFNAME/rp_filter", std::to_string(conf.rp_filter)});
  }
  if (conf.strict_arp) {
    sysctls.push_back({"ipv4/conf/IFNAME/arp_ignore", "1"});
    sysctls.push_back({"ipv4/conf/IFNAME/arp_announce", "2"});
  }
  if (facts.has_ipv6 && mtu_of(conf, facts) >= kLeastV6Mtu) {
    plan_advertisements(conf, facts, sysctls);
  }
  for (const cni::SysctlConf& wanted : conf.sysctls) {
    std::erase_if(sysctls, [&](const net::Sysctl& s) { return s.path == wanted.path; });
    sysctls.push_back({wanted.path, wanted.value, wanted.label});
  }
  return sysctls;
}

}  // namespace

std::uint32_t mtu_of(const cni::NetConf& conf, const Facts& facts) {
  return conf.mtu != 0 ? conf.mtu : facts.master.mtu;
}

Result<ip::Mac> make_mac(const std::array<std::uint8_t, 2>& prefix, const cni::AddResult& ipam) {
  if (ipam.ips.empty()) {
    return fail(Code::bad_config, "podMACPrefix: IPAM gives no address to make the MAC of");
  }
  constexpr std::size_t kOctets = 4;
  std::array<std::uint8_t, 6> bytes{prefix[0], prefix[1]};
  const auto address = ipam.ips.front().address.address.bytes();
  std::ranges::copy(address.last(kOctets), bytes.begin() + prefix.size());
  return *ip::Mac::from_bytes(bytes);
}

DesiredLink plan_link(const cni::NetConf& conf, const Facts& facts,
                      const state::Attachment& attachment) {
  DesiredLink link;
  link.master_in = facts.master_in;
  link.spec.name = state::temporary_name(attachment);
  link.spec.master = facts.master.index;
  link.spec.info = {to_kernel(conf.mode), conf.bc_queue_len};
  link.spec.mac = choose_mac(conf);
  link.spec.mtu = conf.mtu;
  link.spec.tx_queue_len = conf.tx_queue_len;
  link.name = attachment.ifname;
  link.alias = state::alias(attachment);
  link.sysctls = plan_sysctls(conf, facts);
  link.promisc = conf.promisc;
  link.allmulti = conf.allmulti;
  return link;
}

std::vector<net::Sysctl> sysctls_of(const DesiredLink& link, const std::string& current_name) {
  constexpr std::string_view kPlaceholder = "IFNAME";
  std::vector<net::Sysctl> sysctls = link.sysctls;
  for (net::Sysctl& sysctl : sysctls) {
    sysctl.path.replace(sysctl.path.find(kPlaceholder), kPlaceholder.size(), current_name);
  }
  return sysctls;
}

}  // namespace mvr::plan
