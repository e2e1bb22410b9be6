// SPDX-License-Identifier: Apache-2.0
// What several nodes have in common, and where they differ.
#include <algorithm>
#include <array>
#include <map>

#include "mvr/base/text.hpp"
#include "ops/rails.hpp"

namespace mvr::ops {
namespace {

struct Model {
  std::string_view device;
  std::string_view brief;  ///< for names of resources
  std::string_view full;
};

/// Physical functions of NVIDIA (Mellanox), vendor 15b3. \source pci.ids
constexpr std::array kModels{
    Model{"1013", "cx4", "ConnectX-4"},      Model{"1015", "cx4lx", "ConnectX-4 Lx"},
    Model{"1017", "cx5", "ConnectX-5"},      Model{"1019", "cx5", "ConnectX-5 Ex"},
    Model{"101b", "cx6", "ConnectX-6"},      Model{"101d", "cx6dx", "ConnectX-6 Dx"},
    Model{"101f", "cx6lx", "ConnectX-6 Lx"}, Model{"1021", "cx7", "ConnectX-7"},
    Model{"1023", "cx8", "ConnectX-8"},      Model{"a2d6", "bf2", "BlueField-2"},
    Model{"a2dc", "bf3", "BlueField-3"}};

const Model* find_model(const PciDevice& device) {
  const auto* const found = std::ranges::find(kModels, device.device, &Model::device);
  return device.vendor == "15b3" && found != kModels.end() ? found : nullptr;
}

std::string brief_model(const PciDevice& device) {
  const Model* const model = find_model(device);
  return model != nullptr ? std::string(model->brief) : "rdma";
}

std::string describe_pair(const Rail& rail) {
  return rail.gpu ? "GPU " + std::to_string(*rail.gpu) + ' ' + std::string(to_string(rail.distance))
                  : "no GPU";
}

/// "MTU of rail 1: 9000 on a, b; 1500 on c"; empty if all have the same.
template <typename Describe>
std::string compare(const std::vector<NodeRails>& nodes, const std::string& what,
                    const Describe& describe) {
  std::vector<std::pair<std::string, std::vector<std::string>>> found;
  for (const NodeRails& node : nodes) {
    const std::string value = describe(node);
    auto place = std::ranges::find(found, value, [](const auto& one) { return one.first; });
    if (value.empty()) {
      continue;
    }
    if (place == found.end()) {
      place = found.insert(place, {value, {}});
    }
    place->second.push_back(printable(node.node));
  }
  std::vector<std::string> parts;
  std::ranges::transform(found, std::back_inserter(parts), [](const auto& one) {
    return one.first + " on " + join(one.second, ", ");
  });
  return found.size() > 1 ? what + ": " + join(parts, "; ") : "";
}

std::vector<std::string> find_differences(const std::vector<NodeRails>& nodes, std::size_t rails) {
  std::vector<std::string> all{
      compare(nodes, "GPUs",
              [](const NodeRails& node) { return std::to_string(node.gpus.size()); }),
      compare(nodes, "rails",
              [](const NodeRails& node) { return std::to_string(node.rails.size()); })};
  for (std::size_t i = 0; i < rails; ++i) {
    const std::string of = " of rail " + std::to_string(i + 1);
    const auto add = [&](const std::string& what, const auto& describe) {
      all.push_back(compare(nodes, what + of, [&](const NodeRails& node) {
        return i < node.rails.size() ? describe(node.rails[i]) : std::string();
      }));
    };
    add("NIC", [](const Rail& rail) { return printable(rail.nic.name); });
    add("model", [](const Rail& rail) { return describe_model(rail.nic.pci); });
    add("speed", [](const Rail& rail) { return std::to_string(rail.nic.speed_mbps) + " Mb/s"; });
    add("MTU", [](const Rail& rail) { return std::to_string(rail.nic.mtu); });
    add("pairing", describe_pair);
  }
  std::erase(all, "");
  return all;
}

/// On every node each name of a rail must be that node's NIC of this rail, or nothing.
Result<void> check_names(const std::vector<NodeRails>& nodes,
                         const std::vector<SharedRail>& rails) {
  for (std::size_t i = 0; i < rails.size(); ++i) {
    for (const NodeRails& node : nodes) {
      for (const std::string& name : rails[i].masters) {
        const bool is_there = std::ranges::find(node.names, name) != node.names.end();
        if (is_there && (i >= node.rails.size() || node.rails[i].nic.name != name)) {
          return fail(
              Code::bad_config,
              "rail " + std::to_string(i + 1) + ": " + printable(name) +
                  " is its NIC on one node, " + "and a NIC of another purpose on " +
                  printable(node.node) +
                  "; give the NICs names of their own by systemd.link(5), or generate for the two "
                  "kinds of nodes apart, with nodeSelectors");
        }
      }
    }
  }
  return {};
}

}  // namespace

std::string describe_model(const PciDevice& device) {
  const Model* const model = find_model(device);
  return model != nullptr ? std::string(model->full)
                          : "PCI device " + printable(device.vendor + ':' + device.device);
}

Result<Survey> merge_nodes(std::vector<NodeRails> nodes) {
  Survey survey;
  survey.has_gpu_each = true;
  for (const NodeRails& node : nodes) {
    survey.rails.resize(std::max(survey.rails.size(), node.rails.size()));
    survey.has_gpu_each = survey.has_gpu_each && node.rails.size() == node.gpus.size();
    for (std::size_t i = 0; i < node.rails.size(); ++i) {
      SharedRail& rail = survey.rails[i];
      const Nic& nic = node.rails[i].nic;
      const std::string model = brief_model(nic.pci);
      rail.model = rail.model.empty() || rail.model == model ? model : "rdma";
      if (std::ranges::find(rail.masters, nic.name) == rail.masters.end()) {
        rail.masters.push_back(nic.name);
      }
    }
  }
  MVR_TRY(check_names(nodes, survey.rails));
  survey.differences = find_differences(nodes, survey.rails.size());
  survey.nodes = std::move(nodes);
  return survey;
}

}  // namespace mvr::ops
