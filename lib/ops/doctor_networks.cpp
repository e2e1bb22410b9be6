// SPDX-License-Identifier: Apache-2.0
// The networks that `doctor` is told of.
#include "ops/doctor.hpp"
#include "ops/input.hpp"
#include "ops/manifest.hpp"
#include "plugin/config.hpp"

namespace mvr::ops {
namespace {

Diagnosis make_problem(const std::string& path, const std::string& cause) {
  return {Grade::fail, "config", path, cause, "macvlan-rdma validate says more"};
}

/// With the node's defaults, as ADD reads it.
Result<cni::NetConf> read_network(const Network& network) {
  auto parsed = MVR_TRY(plugin::read_config({}, network.config.dump()));
  if (!parsed.problems.empty()) {
    return fail(std::move(parsed.problems.front()).in(parsed.conf.name));
  }
  return std::move(parsed.conf);
}

}  // namespace

Diagnoses read_networks(const std::string& path, std::vector<cni::NetConf>& networks) {
  Diagnoses all;
  const auto text = read_input(path);
  if (!text) {
    return {{Grade::fail, "config", path, without_name(text.error()), "name a file that is there"}};
  }
  std::vector<Finding> findings;
  const Manifest manifest = read_manifest({path, *text}, findings);
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::problem) {
      const std::string line = "line " + std::to_string(finding.line) + ": ";
      all.push_back(make_problem(path, (finding.line != 0 ? line : "") + finding.text));
    }
  }
  for (const Network& network : manifest.networks) {
    auto conf = read_network(network);
    if (conf) {
      networks.push_back(*std::move(conf));
    } else {
      all.push_back(make_problem(path, conf.error().msg));
    }
  }
  if (manifest.networks.empty() && all.empty()) {
    all.push_back(make_problem(path, explain_none(findings)));
  }
  return all;
}

}  // namespace mvr::ops
