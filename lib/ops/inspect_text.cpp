// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mvr/base/text.hpp"
#include "ops/inspect.hpp"
#include "ops/table.hpp"

namespace mvr::ops {
namespace {

using plugin::GatewayView;
using plugin::NicView;
using plugin::PodView;

constexpr std::size_t kLongest = 1024;
constexpr std::string_view kIndent = "  ";

std::string safe(const std::string& text) {
  return printable(text, kLongest);
}

/// "0.03 ms", "41.20 ms"
std::string format_time(std::chrono::microseconds time) {
  constexpr std::size_t kDecimals = 2;
  const std::string text = std::to_string(static_cast<double>(time.count()) / 1000);
  return text.substr(0, text.find('.') + 1 + kDecimals) + " ms";
}

Cell format_answer(const GatewayView& gateway) {
  switch (gateway.state) {
    case GatewayView::State::answers:
      return {format_time(gateway.elapsed), Colour::good};
    case GatewayView::State::silent:
      return {"silent", Colour::bad};
    case GatewayView::State::no_carrier:
      return {"no carrier", Colour::bad};
    case GatewayView::State::not_asked:
      break;
  }
  return {"not asked", Colour::faint};
}

/// "mlx5_0/1 gid 3"
Cell format_rdma(const NicView& nic) {
  if (!nic.rdma) {
    return {"-", Colour::faint};
  }
  std::vector<std::string> gids;
  for (const std::uint32_t index : nic.rdma->gid_indexes) {
    gids.push_back(std::to_string(index));
  }
  const bool is_well = nic.rdma->is_found && nic.rdma->is_active;
  return {safe(nic.rdma->name) + '/' + std::to_string(nic.rdma->port) +
              (gids.empty() ? "" : " gid " + join(gids, ",")) +
              (nic.rdma->is_moved ? " moved" : ""),
          is_well ? Colour::none : Colour::bad};
}

/// The beginning of its name is enough to find the file.
Cell format_journal(const NicView& nic) {
  constexpr std::size_t kDigits = 8;
  return nic.journal.empty() ? Cell{"none", Colour::bad}
                             : Cell{safe(nic.journal.substr(nic.journal.rfind('/') + 1, kDigits))};
}

Cell format_state(const NicView& nic) {
  if (nic.is_busy) {
    return {"busy", Colour::warning};
  }
  if (plugin::is_healthy(nic)) {
    return nic.journal.empty() ? Cell{"unknown", Colour::warning} : Cell{"ok", Colour::good};
  }
  return {!nic.link ? "gone" : nic.problems.empty() ? "changed" : "fail", Colour::bad};
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : safe(text);
}

/// The column behind "  name  ".
std::size_t begin_behind(const std::string& name) {
  return kIndent.size() + width_of(name) + 2;
}

/// A line without addresses or gateways.
std::vector<Cell> format_nic(const NicView& nic) {
  const bool has_carrier = nic.master && nic.master->is_up && nic.master->is_running;
  return {{safe(nic.name), Colour::strong},
          {or_dash(nic.master_name), has_carrier ? Colour::none : Colour::bad},
          {nic.link ? std::to_string(nic.link->mtu) : "-"},
          {"-", Colour::faint},
          {"-", Colour::faint},
          {},
          {nic.table != 0 ? std::to_string(nic.table) : "-"},
          {std::to_string(nic.rules.size())},
          format_rdma(nic),
          format_journal(nic),
          format_state(nic)};
}

/// An address and one of its gateways; either may be missing.
struct Line {
  const ip::Prefix* address = nullptr;
  const GatewayView* gateway = nullptr;
};

/// The gateways that an address asks stand beside and below it, others at the end.
std::vector<Line> pair_up(const NicView& nic) {
  std::vector<Line> lines;
  const auto add_gateways = [&](const ip::Prefix* address, const auto& is_meant) {
    const ip::Prefix* shown = address;
    for (const GatewayView& gateway : nic.gateways) {
      if (is_meant(gateway)) {
        lines.push_back({std::exchange(shown, nullptr), &gateway});
      }
    }
    if (shown != nullptr) {
      lines.push_back({shown, nullptr});
    }
  };
  const auto asks = [](const ip::Prefix& own, const GatewayView& gateway) {
    return own.address == gateway.target.source;
  };
  for (const ip::Prefix& own : nic.addresses) {
    add_gateways(&own, [&](const GatewayView& gateway) { return asks(own, gateway); });
  }
  add_gateways(nullptr, [&](const GatewayView& gateway) {
    return std::ranges::none_of(nic.addresses,
                                [&](const ip::Prefix& own) { return asks(own, gateway); });
  });
  return lines.empty() ? std::vector<Line>(1) : lines;
}

void add_nic(Table& table, const NicView& nic) {
  constexpr std::size_t kAddress = 3;
  constexpr std::size_t kGateway = 4;
  std::vector<Cell> row = format_nic(nic);
  const std::size_t columns = row.size();
  for (const Line& line : pair_up(nic)) {
    if (line.address != nullptr) {
      row[kAddress] = {line.address->to_string()};
    }
    if (line.gateway != nullptr) {
      row[kGateway] = {line.gateway->target.gateway.to_string()};
      row[kGateway + 1] = format_answer(*line.gateway);
    }
    table.add(std::move(row));
    row.assign(columns, {});
  }
}

std::string format_nics(const PodView& pod, const Painter& painter) {
  Table table({"NIC", "MASTER", "MTU", "ADDRESS", "GATEWAY", "ANSWER", "TABLE", "RULES", "RDMA",
               "JOURNAL", "STATE"});
  for (const NicView& nic : pod.nics) {
    add_nic(table, nic);
  }
  return table.format(painter, kIndent);
}

std::string format_overlay(const PodView& pod, const Painter& painter) {
  if (!pod.overlay) {
    return std::string(kIndent) + painter.paint(Colour::faint, "no NIC of the cluster's") + '\n';
  }
  std::vector<std::string> addresses;
  std::ranges::transform(pod.overlay->addresses, std::back_inserter(addresses),
                         &ip::Prefix::to_string);
  const std::string name = safe(pod.overlay->name);
  const std::size_t begin = begin_behind(name);
  const std::string what =
      "the cluster's: " + (addresses.empty() ? "no address" : join(addresses, ", ")) + ", MTU " +
      std::to_string(pod.overlay->mtu) +
      (pod.overlay->table != 0 ? ", table " + std::to_string(pod.overlay->table) : "");
  std::string text = std::string(kIndent) + painter.paint(Colour::strong, name) + "  " +
                     painter.fold(begin, Colour::none, what) + '\n';
  for (const std::string& route : pod.overlay->routes) {
    text += std::string(begin, ' ') + painter.fold(begin, Colour::faint, safe(route)) + '\n';
  }
  return text;
}

/// "remedy: …"
std::string format_remedy(const std::string& remedy, std::size_t begin, const Painter& painter) {
  constexpr std::string_view kRemedy = "remedy: ";
  return remedy.empty()
             ? ""
             : std::string(begin, ' ') + std::string(kRemedy) +
                   painter.fold(begin + kRemedy.size(), Colour::none, make_line(remedy)) + '\n';
}

/// "  net1  what there is to say of it"
std::string format_line(const std::string& name, Colour colour, const std::string& what,
                        const Painter& painter) {
  return std::string(kIndent) + painter.paint(Colour::strong, name) + "  " +
         painter.fold(begin_behind(name), colour, what) + '\n';
}

std::string format_problem(const std::string& name, const plugin::Problem& problem,
                           const Painter& painter) {
  return format_line(name, Colour::bad, make_line(problem.what), painter) +
         format_remedy(problem.remedy, begin_behind(name), painter);
}

std::string format_drift(const std::string& name, const plan::Mismatch& drift,
                         const Painter& painter) {
  const std::string object = drift.object + (drift.field.empty() ? "" : ' ' + drift.field);
  const std::size_t begin = begin_behind(name);
  const auto format_side = [&](const std::string& side, const std::string& text) {
    return std::string(begin, ' ') + side +
           painter.fold(begin + side.size(), Colour::none, make_line(text)) + '\n';
  };
  return format_line(name, Colour::bad, safe(object) + " has changed since ADD", painter) +
         format_side("wanted  ", drift.wanted) + format_side("found   ", drift.found);
}

/// What is wrong with the pod's NICs, each thing by itself.
std::string format_findings(const PodView& pod, const Painter& painter) {
  std::string text;
  bool has_drift = !pod.drift.empty();
  for (const NicView& nic : pod.nics) {
    const std::string name = safe(nic.name);
    for (const plugin::Problem& problem : nic.problems) {
      text += format_problem(name, problem, painter);
    }
    for (const plan::Mismatch& drift : nic.drift) {
      text += format_drift(name, drift, painter);
      has_drift = true;
    }
    for (const std::string& note : nic.notes) {
      text += format_line(name, Colour::warning, make_line(note), painter);
    }
  }
  for (const plugin::Problem& problem : pod.problems) {
    text += format_problem("pod", problem, painter);
  }
  for (const plan::Mismatch& drift : pod.drift) {
    text += format_drift("pod", drift, painter);
  }
  if (has_drift) {
    const std::string remedy =
        "remedy for what has changed: put it back, or delete the pod, which makes it anew";
    text += '\n' + std::string(kIndent) + painter.fold(kIndent.size(), Colour::none, remedy) + '\n';
  }
  return text.empty() ? "" : '\n' + text;
}

std::string format_pod(const PodView& pod, const Painter& painter) {
  std::string text = painter.paint(Colour::strong, pod.name.empty() ? "pod" : safe(pod.name)) +
                     "  " + safe(pod.path) + '\n';
  for (const NicView& nic : pod.nics) {
    if (!nic.attachment.container_id.empty()) {
      text += std::string(kIndent) +
              painter.paint(Colour::faint, "container " + safe(nic.attachment.container_id)) + '\n';
      break;
    }
  }
  if (pod.nics.empty()) {
    return text + std::string(kIndent) + "no NIC of ours, and no journal that tells of one\n";
  }
  return text + '\n' + format_nics(pod, painter) + '\n' + format_overlay(pod, painter) +
         format_findings(pod, painter);
}

std::string format_lost(const plugin::LostView& lost, const Painter& painter) {
  const std::string name =
      safe(lost.attachment.to_string()) + (lost.pod.empty() ? "" : " of " + safe(lost.pod));
  std::string text = std::string(kIndent) + painter.paint(Colour::strong, name) + '\n';
  const std::string indent(2 * kIndent.size(), ' ');
  if (lost.is_busy) {
    return text + indent + painter.paint(Colour::warning, "a call is at work for it") + '\n';
  }
  return text + indent + painter.fold(indent.size(), Colour::bad, make_line(lost.problem.what)) +
         '\n' + format_remedy(lost.problem.remedy, indent.size(), painter) + indent + "journal " +
         safe(lost.journal) + '\n';
}

/// "2 pods, 3 NICs: 1 problem, 2 changes"
std::string summarize(const plugin::NodeView& node, const Painter& painter) {
  std::size_t nics = 0;
  std::size_t changes = 0;
  auto problems = node.problems.size() + static_cast<std::size_t>(std::ranges::count(
                                             node.lost, false, &plugin::LostView::is_busy));
  for (const PodView& pod : node.pods) {
    nics += pod.nics.size();
    problems += pod.problems.size();
    changes += pod.drift.size();
    for (const NicView& nic : pod.nics) {
      changes += nic.drift.size();
      problems += nic.problems.size();
    }
  }
  std::vector<std::string> parts;
  if (problems != 0) {
    parts.push_back(count_of(problems, "problem"));
  }
  if (changes != 0) {
    parts.push_back(count_of(changes, "change"));
  }
  return count_of(node.pods.size(), "pod") + ", " + count_of(nics, "NIC") + ": " +
         (parts.empty() ? painter.paint(Colour::good, "all is well")
                        : painter.paint(Colour::bad, join(parts, ", "))) +
         '\n';
}

}  // namespace

std::string format_text(const plugin::NodeView& node, const Painter& painter) {
  std::string text;
  for (const PodView& pod : node.pods) {
    text += format_pod(pod, painter) + '\n';
  }
  if (!node.lost.empty()) {
    text += painter.paint(Colour::strong, "journals without a pod") + '\n';
    for (const plugin::LostView& lost : node.lost) {
      text += format_lost(lost, painter);
    }
    text += '\n';
  }
  for (const plugin::Problem& problem : node.problems) {
    text += format_problem("node", problem, painter) + '\n';
  }
  if (text.empty()) {
    text = "no NIC of ours on this node, and no journal in " + safe(node.state_dir) + "\n\n";
  }
  return text + summarize(node, painter);
}

}  // namespace mvr::ops
