// SPDX-License-Identifier: Apache-2.0
#include "plugin/config.hpp"

#include <errno.h>

#include "mvr/base/fd.hpp"
#include "mvr/cni/version.hpp"
#include "mvr/plugin/collect.hpp"

namespace mvr::plugin {
namespace {

constexpr std::size_t kMaxDefaults = 1024UL * 1024;

/// CHECK came with 0.4.0, GC and STATUS with 1.1.0.
Result<void> check_version(cni::Verb verb, const cni::Version& version) {
  const bool is_new = verb == cni::Verb::gc || verb == cni::Verb::status;
  const cni::Version least = is_new                     ? cni::Version{1, 1, 0}
                             : verb == cni::Verb::check ? cni::Version{0, 4, 0}
                                                        : cni::Version{};
  if (version < least) {
    return fail(Code::incompatible_version, "config version does not allow " +
                                                std::string(to_string(verb)) + ": cniVersion is " +
                                                version.to_string() + ", at least " +
                                                least.to_string() + " is needed");
  }
  return {};
}

constexpr const char* kNoDefaults = "{}";

/// The node's defaults; a missing file has none.
Result<std::string> read_defaults(const std::string& path) {
  Result<std::string> text = read_file(path, kMaxDefaults);
  if (!text && text.error().sys_errno == ENOENT) {
    return std::string(kNoDefaults);
  }
  return text;
}

/// The parser does not know where the defaults came from.
Error name_file(Error error, const std::string& path) {
  const bool is_of_defaults = error.msg.starts_with("defaults file");
  return is_of_defaults ? std::move(error).in(path) : error;
}

Result<cni::ParsedConf> parse(const cni::Environment& env, const std::string& config,
                              const std::string& defaults, const std::string& path) {
  auto parsed = cni::parse_netconf(config, defaults, env.args);
  if (!parsed) {
    return fail(name_file(std::move(parsed).error(), path));
  }
  for (Error& problem : parsed->problems) {
    problem = name_file(std::move(problem), path);
  }
  return parsed;
}

}  // namespace

bool tolerates_problems(cni::Verb verb) {
  return verb == cni::Verb::del || verb == cni::Verb::gc;
}

Result<cni::ParsedConf> read_config(const cni::Environment& env, const std::string& config) {
  const std::string path = cni::defaults_path(config);
  auto parsed = read_defaults(path).and_then(
      [&](const std::string& defaults) { return parse(env, config, defaults, path); });
  if (parsed || !tolerates_problems(env.verb)) {
    return parsed;
  }
  // A broken defaults file must not keep the node's pods from ending.
  auto bare = parse(env, config, kNoDefaults, path);
  if (bare) {
    bare->warnings.push_back(parsed.error().msg + "; going on without it");
  }
  return bare;
}

Result<void> check_config(cni::Verb verb, const cni::ParsedConf& parsed) {
  MVR_TRY(check_version(verb, parsed.conf.cni_version));
  if (!parsed.problems.empty() && !tolerates_problems(verb)) {
    return fail(parsed.problems.front());
  }
  return {};
}

Result<std::string> default_state_dir() {
  const std::string config = R"({"cniVersion": "1.1.0", "name": "node", "type": "macvlan-rdma"})";
  const std::string path = cni::defaults_path(config);
  const auto parsed = MVR_TRY(read_defaults(path).and_then(
      [&](const std::string& defaults) { return parse({}, config, defaults, path); }));
  return parsed.problems.empty() ? Result<std::string>(parsed.conf.state_dir)
                                 : fail(parsed.problems.front());
}

}  // namespace mvr::plugin
