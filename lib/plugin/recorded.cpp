// SPDX-License-Identifier: Apache-2.0
#include "plugin/recorded.hpp"

#include <stdlib.h>

namespace mvr::plugin {
namespace {

using Variables = std::map<std::string, std::string>;

Variables make_variables(const Call& call, const state::Record& record) {
  return {
      {"CNI_COMMAND", "DEL"},
      {"CNI_CONTAINERID", record.attachment.container_id},
      {"CNI_NETNS", record.netns_path},
      {"CNI_IFNAME", record.attachment.ifname},
      {"CNI_ARGS", record.request ? record.request->args : ""},
      {"CNI_PATH", record.request ? record.request->path : call.env.path},
  };
}

/// Sets them; returns what was set before.
Variables exchange(const Variables& variables) {
  Variables before;
  for (const auto& [name, value] : variables) {
    const char* old = ::getenv(name.c_str());
    before[name] = old != nullptr ? old : "";
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  return before;
}

/// Nothing is believed: a journal that names an attachment that cannot be has no environment.
cni::Environment read_environment(const Variables& variables) {
  auto env = cni::read_environment([&](const char* name) {
    const auto found = variables.find(name);
    return found != variables.end() ? found->second.c_str() : nullptr;
  });
  return env ? *std::move(env) : cni::Environment{};
}

/// What the node's defaults said then mattered for ADD only.
std::optional<cni::NetConf> read_conf(const state::Record& record) {
  auto parsed = record.request ? cni::parse_netconf(record.request->config, "{}")
                               : Result<cni::ParsedConf>(fail(Code::bad_config, "none"));
  const bool is_usable = parsed && parsed->conf.name == record.attachment.network;
  return is_usable ? std::optional(std::move(parsed->conf)) : std::nullopt;
}

}  // namespace

RecordedCall::RecordedCall(const Call& call, const state::Record& record)
    : call_{env_, conf_, config_, call.budget, call.log, call.timeline, call.print} {
  const Variables variables = make_variables(call, record);
  env_ = read_environment(variables);
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
  variables_before_ = exchange(variables);
}

RecordedCall::~RecordedCall() {
  exchange(variables_before_);
}

}  // namespace mvr::plugin
