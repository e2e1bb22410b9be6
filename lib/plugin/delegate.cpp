// SPDX-License-Identifier: Apache-2.0
#include "plugin/delegate.hpp"

namespace mvr::plugin {

Result<ipam::Plugin> find_ipam(const Call& call) {
  return ipam::Plugin::find(call.conf.ipam_type, call.env.path, call.variables);
}

Result<void> call_ipam(const Call& call, std::string_view verb, const Budget& budget) {
  if (call.conf.ipam_type.empty()) {
    return {};
  }
  const auto plugin = MVR_TRY(find_ipam(call));
  return plugin.call(verb, call.config, call.conf.cni_version, budget);
}

bool releases_over_link(const cni::NetConf& conf) {
  return conf.ipam_type == "dhcp";
}

}  // namespace mvr::plugin
