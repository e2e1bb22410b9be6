// SPDX-License-Identifier: Apache-2.0
// What `doctor` asks the kernel.
#include <algorithm>
#include <array>
#include <set>

#include "mvr/base/text.hpp"
#include "mvr/plan/facts.hpp"
#include "ops/doctor.hpp"

namespace mvr::ops {
namespace {

using plan::Where;

void append(Diagnoses& all, const std::string& master, Result<Diagnoses> more) {
  if (more) {
    std::ranges::move(*more, std::back_inserter(all));
  } else {
    all.push_back({Grade::fail, "master", master, more.error().msg, "see the kernel's log"});
  }
}

/// Netdevs with an RDMA device that can be masters.
Result<std::vector<net::Link>> find_rdma_masters(plan::Kernel& kernel) {
  std::vector<net::Link> masters;
  for (const rdma::Device& device : MVR_TRY(kernel.read_rdma_devices(Where::host))) {
    for (const rdma::Port& port : device.ports) {
      const auto link = port.netdev != net::IfIndex::none
                            ? MVR_TRY(kernel.read_link(Where::host, port.netdev))
                            : std::nullopt;
      if (link) {
        masters.push_back(*link);
      }
    }
  }
  return masters;
}

Diagnoses check_unnamed_masters(const System& system, plan::Kernel& kernel) {
  const auto masters = find_rdma_masters(kernel);
  if (!masters || masters->empty()) {
    return {{Grade::warn, "masters", "",
             masters ? "no netdev of this node has an RDMA device, and no --config names masters"
                     : masters.error().msg,
             "name the networks' files by --config"}};
  }
  Diagnoses all;
  const cni::NetConf conf;
  for (const net::Link& master : *masters) {
    append(all, master.name, check_master(system, kernel, conf, master));
  }
  return all;
}

Diagnoses check_table(plan::Kernel& kernel, std::uint32_t table, ip::Family family) {
  constexpr const char* kWhat = "table";
  const std::string name = std::to_string(table) + (family == ip::Family::v6 ? " (IPv6)" : "");
  const std::string remedy = "choose another hostRuleTable";
  const auto routes = kernel.read_host_table(family, table);
  const auto rules = kernel.read_rules(Where::host);
  if (!routes || !rules) {
    return {{Grade::fail, kWhat, name, (routes ? rules.error() : routes.error()).msg, remedy}};
  }
  Diagnoses all;
  const auto is_foreign = [](const auto& one) { return one.protocol != net::kOurMark; };
  if (const auto route = std::ranges::find_if(*routes, is_foreign); route != routes->end()) {
    const auto link = kernel.read_link(Where::host, route->nic);
    const std::string nic = link && *link ? (*link)->name : "?";
    all.push_back(
        {Grade::warn, kWhat, name, "others use it too: " + describe(*route, nic), remedy});
  }
  for (const net::Rule& rule : *rules) {
    if (rule.family == family && rule.table == table && is_foreign(rule)) {
      all.push_back(
          {Grade::warn, kWhat, name, "others use it too: rule " + describe(rule), remedy});
    }
  }
  if (all.empty()) {
    all.push_back({Grade::ok, kWhat, name, "is not used by others"});
  }
  return all;
}

}  // namespace

Diagnoses check_masters(const System& system, plan::Kernel& kernel) {
  if (system.networks.empty()) {
    return check_unnamed_masters(system, kernel);
  }
  Diagnoses all;
  std::set<std::string> seen;
  for (const cni::NetConf& conf : system.networks) {
    if (conf.link_in_container) {
      continue;  // in a pod that is not there yet
    }
    const auto master = plan::find_master(kernel, conf);
    if (!master) {
      all.push_back({Grade::fail, "network", conf.name, master.error().msg,
                     "correct it, or look why the interface is missing (ip link)"});
    } else if (seen.insert(master->name).second) {
      append(all, master->name, check_master(system, kernel, conf, *master));
    }
  }
  return all;
}

Diagnoses check_rdma_mode(const System& system, plan::Kernel& kernel) {
  const auto mode = kernel.read_rdma_mode();
  if (!system.wants_rdma() || (mode && !*mode)) {
    return {};  // the modules tell
  }
  if (!mode) {
    return {{Grade::fail, "RDMA netns mode", "", mode.error().msg, "see the kernel's log"}};
  }
  const std::string now(rdma::to_string(**mode));
  for (const cni::NetConf& conf : system.networks) {
    const bool wants_other = (conf.rdma.mode == cni::RdmaMode::shared && now != "shared") ||
                             (conf.rdma.mode == cni::RdmaMode::exclusive && now != "exclusive");
    if (wants_other) {
      const std::string wanted(cni::to_string(conf.rdma.mode));
      return {
          {Grade::fail, "RDMA netns mode", "",
           join({"is " + now, "network " + conf.name + " wants " + wanted}, ", "),
           "rdma system set netns " + wanted + ", with no pod running; see the reference, RDMA"}};
    }
  }
  return {{Grade::ok, "RDMA netns mode", "", now}};
}

Diagnoses check_tables(const System& system, plan::Kernel& kernel) {
  std::set<std::uint32_t> tables;
  for (const cni::NetConf& conf : system.networks) {
    tables.insert(conf.host_rule_table);
  }
  tables.erase(0);
  Diagnoses all;
  for (const std::uint32_t table : tables) {
    for (const ip::Family family : {ip::Family::v4, ip::Family::v6}) {
      std::ranges::move(check_table(kernel, table, family), std::back_inserter(all));
    }
  }
  return all;
}

}  // namespace mvr::ops
