// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "mvr/base/text.hpp"
#include "ops/inspect.hpp"

namespace mvr::ops {
namespace {

using plugin::GatewayView;
using plugin::NicView;

/// In the quotes of the language; `\n` begins a line there.
std::string quote(const std::vector<std::string>& lines) {
  std::vector<std::string> safe;
  std::ranges::transform(lines, std::back_inserter(safe),
                         [](const std::string& line) { return printable(line); });
  return '"' + join(safe, "\\n") + '"';
}

std::string nic_id(std::size_t pod, const NicView& nic) {
  return quote({"pod" + std::to_string(pod) + ' ' + nic.name});
}

std::string master_id(const NicView& nic) {
  return quote({"master " + nic.master_name});
}

std::string gateway_id(const GatewayView& gateway) {
  return quote({"gateway " + gateway.target.gateway.to_string()});
}

std::string format_nic(std::size_t pod, const NicView& nic) {
  std::vector<std::string> lines{nic.name};
  for (const ip::Prefix& address : nic.addresses) {
    lines.push_back(address.to_string());
  }
  if (nic.table != 0) {
    lines.push_back("table " + std::to_string(nic.table));
  }
  if (nic.rdma) {
    lines.push_back(nic.rdma->name + " port " + std::to_string(nic.rdma->port));
  }
  const bool is_well = plugin::is_healthy(nic);
  return "    " + nic_id(pod, nic) + " [label=" + quote(lines) +
         (is_well ? "" : ", color=red, fontcolor=red") + (nic.link ? "" : ", style=dashed") + "]\n";
}

std::string format_pods(const plugin::NodeView& node) {
  std::string text;
  for (std::size_t i = 0; i < node.pods.size(); ++i) {
    const plugin::PodView& pod = node.pods[i];
    text += "  subgraph cluster_pod" + std::to_string(i) +
            " {\n    label=" + quote({pod.name.empty() ? pod.path : pod.name}) + "\n";
    if (pod.overlay) {
      text += "    " + quote({"pod" + std::to_string(i) + ' ' + pod.overlay->name}) +
              " [label=" + quote({pod.overlay->name, "the cluster's"}) + ", style=dotted]\n";
    }
    for (const NicView& nic : pod.nics) {
      text += format_nic(i, nic);
    }
    text += "  }\n";
  }
  return text;
}

/// Masters are the node's; each line once, whatever number of NICs it has.
std::string format_masters(const plugin::NodeView& node) {
  std::set<std::string> lines;
  for (const plugin::PodView& pod : node.pods) {
    for (const NicView& nic : pod.nics) {
      const bool is_well = nic.master && nic.master->is_up && nic.master->is_running;
      const std::string mtu = nic.master ? "MTU " + std::to_string(nic.master->mtu) : "missing";
      lines.insert("    " + master_id(nic) + " [label=" + quote({nic.master_name, mtu}) +
                   (is_well ? "" : ", color=red, fontcolor=red") + "]\n");
    }
  }
  const std::string text = "  subgraph cluster_node {\n    label=\"node\"\n";
  return text + join({lines.begin(), lines.end()}, "") + "  }\n";
}

/// Empty for a gateway that answers, or was not asked.
std::string_view fault_of(const GatewayView& gateway) {
  switch (gateway.state) {
    case GatewayView::State::silent:
      return "silent";
    case GatewayView::State::no_carrier:
      return "no carrier";
    default:
      return "";
  }
}

std::string format_gateways(const plugin::NodeView& node) {
  std::set<std::string> lines;
  for (const plugin::PodView& pod : node.pods) {
    for (const NicView& nic : pod.nics) {
      for (const GatewayView& gateway : nic.gateways) {
        lines.insert("  " + gateway_id(gateway) + " [label=" +
                     quote({gateway.target.gateway.to_string()}) + ", shape=ellipse]\n");
      }
    }
  }
  return join({lines.begin(), lines.end()}, "");
}

/// A gateway may answer one pod and not another, so the edges are those of the NICs.
std::string format_edges(const plugin::NodeView& node) {
  std::set<std::string> gateways;
  std::string edges;
  for (std::size_t i = 0; i < node.pods.size(); ++i) {
    for (const NicView& nic : node.pods[i].nics) {
      edges += "  " + master_id(nic) + " -> " + nic_id(i, nic) + "\n";
      for (const GatewayView& gateway : nic.gateways) {
        const std::string fault(fault_of(gateway));
        gateways.insert("  " + gateway_id(gateway) + " -> " + master_id(nic) +
                        (fault.empty() ? "" : " [color=red, label=\"" + fault + "\"]") + "\n");
      }
    }
  }
  return join({gateways.begin(), gateways.end()}, "") + edges;
}

}  // namespace

std::string format_dot(const plugin::NodeView& node) {
  return "digraph \"macvlan-rdma\" {\n  rankdir=LR\n  node [shape=box]\n  edge [dir=none]\n" +
         format_masters(node) + format_pods(node) + format_gateways(node) + format_edges(node) +
         "}\n";
}

}  // namespace mvr::ops
