// SPDX-License-Identifier: Apache-2.0
#include "support/peer_rig.hpp"

#include <algorithm>

#include "mvr/cni/version.hpp"
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/print.hpp"

namespace mvr::test {

bool is_at_least(const std::string& version, const std::string& least) {
  return unwrap(cni::Version::parse(version)) >= unwrap(cni::Version::parse(least));
}

bool lies_on(const json& link, const std::string& master) {
  const json below = read_link("", master);
  return below.is_object() && link.is_object() &&
         link.value("link_index", -1) == below.value("ifindex", -2);
}

json make_ip(const std::string& address_with_length, const std::string& gateway) {
  json ip{{"address", address_with_length}};
  if (!gateway.empty()) {
    ip["gateway"] = gateway;
  }
  return ip;
}

json make_result(const json& ips, const json& routes) {
  return {{"cniVersion", "1.0.0"}, {"ips", ips}, {"routes", routes}};
}

bool has_line(const Lines& lines, const std::string& wanted) {
  return std::find(lines.begin(), lines.end(), wanted) != lines.end();
}

}  // namespace mvr::test
