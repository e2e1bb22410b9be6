// SPDX-License-Identifier: Apache-2.0
#include "plugin/recorded.hpp"

#include <algorithm>

namespace mvr::plugin {
namespace {

std::vector<std::string> make_variables(const Call& call, const state::Record& record) {
  const state::Request request =
      record.request.value_or(state::Request{"", call.env.path, call.env.raw_args});
  return {"CNI_CONTAINERID=" + record.attachment.container_id, "CNI_NETNS=" + record.netns_path,
          "CNI_IFNAME=" + record.attachment.ifname, "CNI_ARGS=" + request.args,
          "CNI_PATH=" + request.path};
}

/// Nothing is believed: a journal that names an attachment that cannot be has no environment.
cni::Environment read_environment(const std::vector<std::string>& variables) {
  auto env = cni::read_environment([&](const char* name) -> const char* {
    const std::string key = std::string(name) + '=';
    if (key == "CNI_COMMAND=") {
      return "DEL";
    }
    const auto found = std::ranges::find_if(
        variables, [&](const std::string& variable) { return variable.starts_with(key); });
    return found != variables.end() ? found->c_str() + key.size() : nullptr;
  });
  return env ? *std::move(env) : cni::Environment{};
}

/// What the node's defaults said then mattered for ADD only. A configuration whose IPAM plugin is
/// not the journal's was not the ADD's.
std::optional<cni::NetConf> read_conf(const state::Record& record) {
  if (!record.request) {
    return std::nullopt;
  }
  auto parsed = cni::parse_netconf(record.request->config, "{}");
  const bool is_usable = parsed && parsed->conf.name == record.attachment.network &&
                         parsed->conf.ipam_type == record.ipam_type;
  return is_usable ? std::optional(std::move(parsed->conf)) : std::nullopt;
}

}  // namespace

RecordedCall::RecordedCall(const Call& call, const state::Record& record)
    : call_{env_,     conf_,         config_,    call.budget,
            call.log, call.timeline, call.print, make_variables(call, record)} {
  env_ = read_environment(call_.variables);
  if (auto conf = read_conf(record)) {
    conf_ = *std::move(conf);
    config_ = record.request->config;
  } else if (call.conf.name == record.attachment.network) {
    conf_ = call.conf;
    config_ = call.config;
  } else {
    conf_.name = record.attachment.network;
    if (!record.ipam_type.empty()) {
      call.log.line(LogLevel::warn, "the journal does not say how to call IPAM; its lease stays",
                    {{"attachment", record.attachment.to_string()}, {"ipam", record.ipam_type}});
    }
  }
  conf_.state_dir = call.conf.state_dir;
}

}  // namespace mvr::plugin
