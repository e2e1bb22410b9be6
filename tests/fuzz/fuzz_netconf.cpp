// SPDX-License-Identifier: Apache-2.0
// The configuration on standard input, and the defaults file behind a zero byte.
#include "fuzz.hpp"
#include "mvr/cni/netconf.hpp"

using mvr::fuzz::require;
namespace cni = mvr::cni;

namespace {

void check(const cni::ParsedConf& parsed) {
  const cni::NetConf& conf = parsed.conf;
  require(cni::is_valid_id(conf.name));
  require(conf.timeout.count() > 0);
  require(!conf.mac || (!conf.mac->is_multicast() && !conf.mac->is_zero()));
  require(!conf.mac_prefix || (!conf.mac && (conf.mac_prefix->front() & 1U) == 0));
  require(conf.vlan <= 4094 && conf.announce <= 10);
  require(conf.host_rule_table < 253 || conf.host_rule_table > 255);
  for (const cni::ProbeConf* probe : {&conf.gateway_probe, &conf.conflict_probe}) {
    require(probe->attempts >= 1 && probe->attempts <= 1000 && probe->interval.count() >= 1);
  }
  for (const cni::PolicyRoute& route : conf.policy_routes) {
    require(route.dst.family() == route.gateway.family() && !route.dst.is_default());
    require(route.dst == route.dst.network());
  }
  for (const cni::SysctlConf& sysctl : conf.sysctls) {
    require(sysctl.path.find("/IFNAME/") != std::string::npos);
    require(sysctl.path.front() != '/' && sysctl.path.find("/../") == std::string::npos);
  }
  for (const mvr::Error& problem : parsed.problems) {
    require(!problem.msg.empty() && problem.msg.find('\n') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = mvr::fuzz::text_of(data, size);
  const std::size_t end = input.find('\0');
  const std::string_view json = input.substr(0, end);
  const std::string_view defaults = end == input.npos ? "{}" : input.substr(end + 1);
  const auto parsed = cni::parse_netconf(json, defaults);
  if (parsed) {
    check(*parsed);
  } else {
    require(!parsed.error().msg.empty() && parsed.error().msg.find('\n') == std::string::npos);
  }
  require(!cni::defaults_path(json).empty());
  static_cast<void>(cni::guess_version(json));
  const auto older = cni::downgrade_netconf(json);
  require(!older || cni::guess_version(*older) <= cni::Version{1, 0, 0});
  return 0;
}
