// SPDX-License-Identifier: Apache-2.0
#include "plugin/inspect_faults.hpp"

#include <algorithm>

#include "mvr/base/text.hpp"

namespace mvr::plugin {
namespace {

constexpr const char* kElsewhere =
    "look for it in other network namespaces (lsns -t net), and move it back";

void judge_lost_master(NicView& nic) {
  const std::string name = nic.master_name.empty()
                               ? "interface " + std::to_string(to_int(nic.link->lower))
                               : nic.master_name;
  const bool is_of_host = nic.link->has_lower_elsewhere;
  nic.problems.push_back({"master " + name + " is not in the " + (is_of_host ? "node" : "pod") +
                              "'s network namespace any more: somebody has moved it",
                          kElsewhere});
}

/// A configuration that finds its master by another name, an address for example, still does.
void judge_master_name(NicView& nic, const MasterNames& names) {
  const std::string& now = nic.master->name;
  if (names.recorded.empty() || names.recorded == now) {
    return;
  }
  const std::string what = "master " + names.recorded + " has been renamed to " + now;
  if (std::ranges::find(names.configured, names.recorded) == names.configured.end()) {
    nic.notes.push_back(what);
    return;
  }
  nic.problems.push_back({what + ": the configuration does not find it any more",
                          "on the node: ip link set " + now + " name " + names.recorded +
                              "; or name the new one in master"});
}

using Routes = std::vector<const net::Route*>;

/// The table's default routes of a family, the best one first.
Routes list_defaults(const plan::PodState& pod, std::uint32_t table, ip::Family family) {
  Routes found;
  for (const net::Route& route : pod.routes) {
    if (route.table == table && route.dst == ip::Prefix::any(family)) {
      found.push_back(&route);
    }
  }
  std::ranges::stable_sort(found, {}, [](const net::Route* route) { return route->metric; });
  return found;
}

/// As `ip route` takes it.
std::string write(const plan::PodState& pod, net::Route route) {
  route.table = net::kTableMain;
  const std::string text = describe(route, pod.name_of(route.nic));
  return text.substr(0, text.find(" table "));
}

/// The same for one that is to be deleted. Several ways cannot be named in one line: what is left
/// out matches all of them.
std::string write_deleted(const plan::PodState& pod, const net::Route& route) {
  net::Route named;
  named.dst = route.dst;
  named.metric = route.metric;
  return write(pod, route.more_ways.empty() ? route : named);
}

/// What brings main's default route back.
std::string write_remedy(const plan::PodState& pod, const DefaultOwner& wanted, const Routes& now,
                         ip::Family family) {
  const std::string ip = family == ip::Family::v6 ? "ip -6 route " : "ip route ";
  const Routes before = list_defaults(pod, wanted.table, family);
  const bool is_there = std::ranges::any_of(
      now, [&](const net::Route* route) { return pod.name_of(route->nic) == wanted.overlay; });
  std::vector<std::string> commands;
  if (!now.empty()) {
    commands.push_back(ip + "delete " + write_deleted(pod, *now.front()));
  }
  if (!is_there && wanted.chosen.empty() && wanted.table != 0 && !before.empty()) {
    commands.push_back(ip + "add " + write(pod, *before.front()));
  }
  return (commands.empty() ? "" : "in the pod: " + join(commands, "; ") + "; or ") + kAnew;
}

/// \param owner the NIC by which it leaves now; empty = none
std::string describe_default(const plan::PodState& pod, const DefaultOwner& wanted,
                             const Routes& now, const std::string& owner, ip::Family family) {
  const std::string kind =
      family == ip::Family::v6 ? "main's IPv6 default route " : "main's default route ";
  const std::string& nic = wanted.chosen.empty() ? wanted.overlay : wanted.chosen;
  if (owner.empty()) {
    return kind + (now.empty() ? "is gone" : "leads nowhere") + ", which left by " + nic;
  }
  return kind + "does not leave by " + nic + " any more: \"" + write(pod, *now.front()) + '"';
}

std::optional<Problem> judge_default(const plan::PodState& pod, const DefaultOwner& wanted,
                                     ip::Family family) {
  const Routes now = list_defaults(pod, net::kTableMain, family);
  const std::string owner = now.empty() ? "" : pod.name_of(now.front()->nic);
  const bool is_well = !owner.empty() && (owner == wanted.overlay || owner == wanted.chosen);
  // A default that our own NIC has lost is a difference from ADD already.
  if (is_well || (now.empty() && !wanted.chosen.empty())) {
    return std::nullopt;
  }
  return Problem{describe_default(pod, wanted, now, owner, family),
                 write_remedy(pod, wanted, now, family)};
}

}  // namespace

Problem explain_absence(const Absence& absence) {
  const std::string& master = absence.record.master;
  if (absence.is_heard_of) {
    return {"it is not in the pod any more, but master " + master +
                " takes frames for it: somebody has moved it to another network namespace",
            "look for it there (lsns -t net); or " + std::string(kAnew)};
  }
  if (absence.master) {
    return {"it is not in the pod any more: somebody has removed it",
            "delete the pod, which makes it anew; macvlan-rdma gc undoes what is left"};
  }
  if (absence.namesake) {
    return {"it went with its master: " + master + " has been removed, and made anew, since ADD",
            std::string(kAnew) + "; see the kernel's log for why " + master + " went"};
  }
  return {"it went with its master: " + master + " is not on the node any more",
          "see the kernel's log for why it went; when it is back, " + std::string(kAnew)};
}

bool is_renamed(const NicView& nic) {
  return nic.link && nic.link->name != nic.name &&
         nic.link->name != state::temporary_name(nic.attachment);
}

void judge_link(NicView& nic, const state::Record& record) {
  if (!record.is_complete) {
    nic.problems.push_back(
        {"its ADD has not ended well, and is over",
         "DEL or the next ADD undoes it; if neither comes, macvlan-rdma gc does"});
  }
  if (is_renamed(nic)) {
    nic.problems.push_back({"it has been renamed to " + nic.link->name +
                                ": its rules, which name " + nic.name +
                                ", do not hold any more; not compared",
                            kAnew});
  }
}

void judge_master(NicView& nic, const MasterNames& names) {
  if (!nic.master) {
    judge_lost_master(nic);
    return;
  }
  judge_master_name(nic, names);
  if (!nic.master->is_up) {
    nic.problems.push_back({"master " + nic.master_name + " is down",
                            "on the node: ip link set " + nic.master_name + " up"});
  } else if (!nic.master->is_running) {
    nic.problems.push_back({"master " + nic.master_name + " has no carrier",
                            "look at its cable, transceiver and switch port"});
  }
}

void judge_rdma(NicView& nic) {
  if (nic.rdma && nic.rdma->is_found && !nic.rdma->is_active) {
    nic.problems.push_back({"port " + std::to_string(nic.rdma->port) + " of RDMA device " +
                                nic.rdma->name + " is not active",
                            "look at the link of " + nic.master_name + ": rdma link"});
  }
}

std::vector<Problem> judge_defaults(const plan::PodState& pod, const DefaultOwner& wanted) {
  std::vector<Problem> problems;
  for (const ip::Family family : wanted.families) {
    if (auto problem = judge_default(pod, wanted, family)) {
      problems.push_back(*std::move(problem));
    }
  }
  return problems;
}

}  // namespace mvr::plugin
