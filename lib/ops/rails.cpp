// SPDX-License-Identifier: Apache-2.0
#include "ops/rails.hpp"

#include <algorithm>
#include <map>

#include "mvr/base/text.hpp"

namespace mvr::ops {
namespace {

/// NICs by reason, in the order in which the reasons come up.
void leave_out(std::vector<LeftOut>& list, const std::string& reason, const std::string& name) {
  auto found = std::ranges::find(list, reason, &LeftOut::reason);
  if (found == list.end()) {
    found = list.insert(found, LeftOut{reason, {}});
  }
  found->names.push_back(name);
}

/// Why a NIC can be no rail, whatever else there is; empty if it can.
std::string find_obstacle(const Nic& nic, const std::set<std::string>& excluded) {
  if (excluded.contains(nic.name)) {
    return "excluded by --exclude";
  }
  if (nic.kind == NicKind::bond) {
    return "a bond; its members' RDMA devices are not its own";
  }
  if (nic.kind == NicKind::virtual_function) {
    return "a virtual or scalable function";
  }
  if (nic.kind == NicKind::representor) {
    return "a representor: the switch's end of another port";
  }
  if (nic.has_default_route) {
    return "the node's default route: management";
  }
  if (!nic.is_ethernet) {
    return "no Ethernet (IPoIB); macvlan cannot use it";
  }
  if (nic.rdma.empty()) {
    return "no RDMA device";
  }
  if (!nic.master.empty()) {
    return "part of " + nic.master;
  }
  return nic.is_up ? "" : "down: no link, or not set up";
}

bool is_near_gpu(const Inventory& inventory, const Nic& nic) {
  return std::ranges::any_of(inventory.gpus, [&](const PciDevice& gpu) {
    return distance_between(gpu, nic.pci) <= Distance::pxb;
  });
}

/// Management NICs have RDMA as well nowadays. What gives them away is that they are slower.
std::vector<Nic> drop_slower(const Inventory& inventory, const std::vector<Nic>& nics,
                             std::vector<LeftOut>& left_out) {
  std::int64_t fastest = 0;
  for (const Nic& nic : nics) {
    fastest = std::max(fastest, nic.speed_mbps);
  }
  std::vector<Nic> kept;
  for (const Nic& nic : nics) {
    if (nic.speed_mbps < fastest && !is_near_gpu(inventory, nic)) {
      leave_out(left_out, "slower than the rails, and no GPU near", nic.name);
    } else {
      kept.push_back(nic);
    }
  }
  return kept;
}

std::vector<Rail> pair_with_gpus(const Inventory& inventory, const std::vector<Nic>& nics,
                                 std::vector<LeftOut>& left_out) {
  std::vector<std::vector<Distance>> distances;
  for (const PciDevice& gpu : inventory.gpus) {
    auto& row = distances.emplace_back();
    for (const Nic& nic : nics) {
      row.push_back(distance_between(gpu, nic.pci));
    }
  }
  const auto columns = assign(distances);
  std::vector<Rail> rails;
  std::set<std::size_t> taken;
  for (std::size_t gpu = 0; gpu < columns.size(); ++gpu) {
    if (const auto column = columns[gpu]) {
      rails.push_back({nics[*column], gpu, distances[gpu][*column]});
      taken.insert(*column);
    }
  }
  for (std::size_t i = 0; i < nics.size(); ++i) {
    if (!taken.contains(i)) {
      leave_out(left_out, "every GPU has a NIC that is nearer, or as near", nics[i].name);
    }
  }
  return rails;
}

std::string gpu_name(std::size_t index) {
  return "GPU " + std::to_string(index);
}

void warn_of_pairs(NodeRails& node) {
  for (std::size_t i = 0; i < node.rails.size(); ++i) {
    const Rail& rail = node.rails[i];
    if (rail.gpu && rail.distance == Distance::sys) {
      node.warnings.push_back(gpu_name(*rail.gpu) + " and " + rail.nic.name +
                              " are on different NUMA nodes: no nearer NIC is left for it");
    }
  }
  std::vector<std::string> without;
  for (std::size_t gpu = 0; gpu < node.gpus.size(); ++gpu) {
    if (std::ranges::find(node.rails, std::optional(gpu), &Rail::gpu) == node.rails.end()) {
      without.push_back(std::to_string(gpu));
    }
  }
  if (!without.empty()) {
    node.warnings.push_back("no NIC is left for GPU " + join(without, ", ") +
                            ": they share the rails of the others");
  }
}

/// Of the rails of one node.
void warn_of_mtu(NodeRails& node) {
  std::map<std::int64_t, std::vector<std::string>> names;
  for (const Rail& rail : node.rails) {
    names[rail.nic.mtu].push_back(rail.nic.name);
  }
  if (names.size() > 1) {
    std::vector<std::string> parts;
    std::ranges::transform(names, std::back_inserter(parts), [](const auto& one) {
      return std::to_string(one.first) + " (" + join(one.second, ", ") + ')';
    });
    node.warnings.push_back("the rails have different MTUs: " + join(parts, ", "));
  }
}

}  // namespace

NodeRails choose_rails(const Inventory& inventory, const std::set<std::string>& excluded) {
  NodeRails node{inventory.node, inventory.gpus, {}, {}, {}, {}};
  std::vector<Nic> nics;
  for (const Nic& nic : inventory.nics) {
    node.names.push_back(nic.name);
    if (const std::string reason = find_obstacle(nic, excluded); reason.empty()) {
      nics.push_back(nic);
    } else {
      leave_out(node.left_out, reason, nic.name);
    }
  }
  nics = drop_slower(inventory, nics, node.left_out);
  if (!inventory.gpus.empty()) {
    node.rails = pair_with_gpus(inventory, nics, node.left_out);
  } else {
    for (const Nic& nic : nics) {
      node.rails.push_back({nic, std::nullopt, Distance::sys});
    }
  }
  warn_of_pairs(node);
  warn_of_mtu(node);
  return node;
}

}  // namespace mvr::ops
