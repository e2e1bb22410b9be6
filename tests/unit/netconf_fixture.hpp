// SPDX-License-Identifier: Apache-2.0
/// \file
/// Configurations for the tests of the parser, and what it says of them.
#pragma once

#include <nlohmann/json.hpp>

#include "mvr/cni/netconf.hpp"
#include "support/print.hpp"

namespace mvr::cni::test {

using mvr::test::unwrap;

using Json = nlohmann::json;

inline constexpr Version kNewest{1, 1, 0};

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// A configuration with these members besides the required ones.
inline std::string config(const std::string& members = "") {
  return R"({"cniVersion":"1.0.0","name":"rail1","type":"macvlan-rdma")" +
         (members.empty() ? "" : "," + members) + "}";
}

inline ParsedConf parse(const std::string& members, const std::string& defaults = "{}",
                        const Args& args = {}) {
  return unwrap(parse_netconf(config(members), defaults, args));
}

/// The configuration's values when nothing is wrong with it.
inline NetConf accept(const std::string& members, const std::string& defaults = "{}",
                      const Args& args = {}) {
  const ParsedConf parsed = parse(members, defaults, args);
  INFO(members);
  for (const Error& problem : parsed.problems) {
    FAIL_CHECK(problem);
  }
  return parsed.conf;
}

/// The only problem of a configuration.
inline Error refuse(const std::string& members, const std::string& defaults = "{}",
                    const Args& args = {}) {
  const ParsedConf parsed = parse(members, defaults, args);
  INFO(members);
  REQUIRE(parsed.problems.size() == 1);
  return parsed.problems.front();
}

inline Error hard_error(const std::string& json, const std::string& defaults = "{}") {
  const auto parsed = parse_netconf(json, defaults);
  REQUIRE_FALSE(parsed);
  return parsed.error();
}

inline std::vector<std::string> warnings(const std::string& members,
                                         const std::string& defaults = "{}") {
  const ParsedConf parsed = parse(members, defaults);
  CHECK(parsed.problems.empty());
  return parsed.warnings;
}

inline std::string mac_text(const NetConf& conf) {
  return conf.mac ? conf.mac->to_string() : "";
}

/// All messages, or none when the configuration is accepted.
inline std::vector<std::string> messages(const std::string& json) {
  std::vector<std::string> all;
  const auto parsed = parse_netconf(json, "{}");
  if (!parsed) {
    return {parsed.error().msg};
  }
  for (const Error& problem : parsed->problems) {
    all.push_back(problem.msg);
  }
  return all;
}

}  // namespace mvr::cni::test
