// SPDX-License-Identifier: Apache-2.0
#include "mvr/plugin/inspect.hpp"

#include <algorithm>
#include <tuple>

#include "mvr/base/capabilities.hpp"
#include "mvr/plan/kernel.hpp"
#include "plugin/collect.hpp"
#include "plugin/inspect_pod.hpp"

namespace mvr::plugin {
namespace {

/// For the silent gateways of a whole node, of which those of one pod are asked at once.
constexpr std::chrono::minutes kAskingTime{1};

constexpr const char* kNamedNamespaces = "/run/netns";

struct FoundPod {
  net::Netns netns;
  std::vector<Listed> listed;
};

/// Reads the journal again under its lock; nothing if it is gone by now.
Result<std::optional<Listed>> read_locked(const std::string& state_dir,
                                          const state::Record& record) {
  const auto journal =
      state::Journal::open(state_dir, record.attachment, Budget::grace(std::chrono::seconds(0)));
  if (journal) {
    return journal->record() ? std::optional(Listed{*journal->record(), false}) : std::nullopt;
  }
  return journal.error().code == Code::interrupted
             ? Result<std::optional<Listed>>(Listed{record, true})
             : fail(journal.error());
}

/// What cannot be looked at is named; the others are shown.
void add_problem(NodeView& node, const std::string& what, const Error& error) {
  node.problems.push_back(
      {what + ": " + error.msg, "run it again; a pod may have ended meanwhile"});
}

/// What has been tried already by every ADD on this node.
std::string find_remedy(const NodeView& node, const Error& error) {
  const std::string& directory = node.state_dir;
  return (error.sys_errno == 0 ? "see who has written there, then: chown root: " + directory +
                                     " && chmod 0700 " + directory
                               : "correct it, or choose another stateDir") +
         "; no ADD succeeds on this node until then, and here no journal is read";
}

/// Nothing if the journals cannot be read or believed, which the node's problems then say.
Result<std::optional<std::vector<state::Record>>> read_journals(NodeView& node) {
  const auto usable = state::check_writable(node.state_dir);
  auto records = usable ? state::read_records(node.state_dir)
                        : Result<std::vector<state::Record>>(fail(usable.error()));
  if (!records) {
    const Error& error = records.error();
    node.problems.push_back({error.msg, find_remedy(node, error)});
    return std::nullopt;
  }
  return *std::move(records);
}

Result<std::vector<Listed>> list_attachments(const std::vector<state::Record>& records,
                                             NodeView& node) {
  std::vector<Listed> all;
  for (const state::Record& record : records) {
    auto listed = read_locked(node.state_dir, record);
    if (!listed) {
      add_problem(node, "journal of " + record.attachment.to_string(), listed.error());
    } else if (*listed) {
      all.push_back(**std::move(listed));
    }
  }
  std::ranges::sort(all, {}, [](const Listed& one) { return one.record.attachment.ifname; });
  return all;
}

void add_to(std::vector<FoundPod>& pods, net::Netns netns, const Listed* listed) {
  auto pod =
      std::ranges::find_if(pods, [&](const FoundPod& found) { return found.netns.id == netns.id; });
  if (pod == pods.end()) {
    pods.push_back({std::move(netns), {}});
    pod = pods.end() - 1;
  }
  if (listed != nullptr) {
    pod->listed.push_back(*listed);
  }
}

Result<Problem> explain_loss(const net::Netns& host, const state::Record& record) {
  if (MVR_TRY(is_heard_of(host, record))) {
    return Problem{"its namespace " + record.netns_path + " cannot be seen from here, but master " +
                       record.master + " takes frames for its NIC",
                   "look from the node's own mount, process and network namespaces"};
  }
  return Problem{"its namespace " + record.netns_path + " is gone",
                 "macvlan-rdma gc undoes what it has left"};
}

Result<LostView> describe_lost(const std::string& state_dir, const net::Netns& host,
                               const Listed& listed) {
  const state::Record& record = listed.record;
  LostView lost{record.attachment,
                record.pod,
                state::journal_path(state_dir, record.attachment),
                listed.is_busy,
                {}};
  if (!listed.is_busy) {
    lost.problem = MVR_TRY(explain_loss(host, record));
  }
  return lost;
}

/// NICs of ours of which no journal tells show up in namespaces that have a name.
Result<bool> has_our_nics(const net::Netns& host, const net::Netns& pod) {
  const auto kernel = MVR_TRY(plan::open_linux_kernel(host, pod));
  return std::ranges::any_of(MVR_TRY(kernel->read_pod_links()), net::is_ours);
}

/// What cannot be opened is no namespace any more, or not yet.
void find_named(const net::Netns& host, std::vector<FoundPod>& pods) {
  for (const std::string& name : list_directory(kNamedNamespaces)) {
    auto netns = net::open_netns(kNamedNamespaces + ('/' + name));
    if (netns && netns->id != host.id && has_our_nics(host, *netns).value_or(false)) {
      add_to(pods, *std::move(netns), nullptr);
    }
  }
}

/// The namespace of a journal, or its end.
Result<void> find_pod(const net::Netns& host, const Listed& listed, NodeView& node,
                      std::vector<FoundPod>& pods) {
  if (auto netns = MVR_TRY(reopen_pod(host, listed.record))) {
    add_to(pods, *std::move(netns), &listed);
  } else {
    node.lost.push_back(MVR_TRY(describe_lost(node.state_dir, host, listed)));
  }
  return {};
}

Result<std::vector<FoundPod>> find_all(const net::Netns& host, const std::vector<Listed>& all,
                                       NodeView& node) {
  std::vector<FoundPod> pods;
  for (const Listed& listed : all) {
    if (const auto found = find_pod(host, listed, node, pods); !found) {
      add_problem(node, listed.record.attachment.to_string(), found.error());
    }
  }
  find_named(host, pods);
  return pods;
}

/// The kernel gives the number of a namespace again: a journal is believed by its path or its NIC.
Result<bool> is_of(const net::Netns& host, const net::Netns& pod, const state::Record& record) {
  if (record.netns != pod.id) {
    return false;
  }
  return MVR_TRY(reopen(record.netns_path, record.netns)) ||
         MVR_TRY(has_nic(host, pod, record.attachment));
}

Result<std::vector<FoundPod>> find_one(const net::Netns& host, const std::vector<Listed>& all,
                                       const std::string& path) {
  FoundPod pod{MVR_TRY(net::open_netns(path)), {}};
  if (pod.netns.id == host.id) {
    return fail(Code::bad_netns, path + " is the node's own network namespace, not a pod's");
  }
  for (const Listed& listed : all) {
    if (MVR_TRY(is_of(host, pod.netns, listed.record))) {
      pod.listed.push_back(listed);
    }
  }
  std::vector<FoundPod> pods;
  pods.push_back(std::move(pod));
  return pods;
}

Result<void> name_unreadable(NodeView& node) {
  for (const std::string& file : MVR_TRY(state::find_unreadable(node.state_dir))) {
    node.problems.push_back(
        {"journal " + file + " says nothing that is understood: damaged, or of a later version",
         "remove it by hand once its pod is gone, and its lease by the IPAM plugin's own means"});
  }
  return {};
}

/// For the order in which people look for pods: those with a name first.
auto key_of(const PodView& pod) {
  const auto named = std::ranges::find_if(
      pod.nics, [](const NicView& nic) { return !nic.attachment.container_id.empty(); });
  const std::string container = named != pod.nics.end() ? named->attachment.container_id : "";
  return std::tuple(pod.name.empty(), pod.name, container.empty(), container, pod.path);
}

auto key_of(const LostView& lost) {
  return std::tuple(lost.pod.empty(), lost.pod, lost.attachment.container_id,
                    lost.attachment.ifname);
}

void put_in_order(NodeView& node) {
  const auto by_key = [](const auto& one, const auto& other) {
    return key_of(one) < key_of(other);
  };
  std::ranges::sort(node.pods, by_key);
  std::ranges::sort(node.lost, by_key);
}

}  // namespace

bool is_healthy(const NicView& nic) {
  return nic.drift.empty() && nic.problems.empty();
}

bool is_healthy(const PodView& pod) {
  return pod.drift.empty() && pod.problems.empty() &&
         std::ranges::all_of(pod.nics, [](const NicView& nic) { return is_healthy(nic); });
}

bool is_healthy(const NodeView& node) {
  const auto is_well = [](const PodView& pod) { return is_healthy(pod); };
  return node.problems.empty() && std::ranges::all_of(node.lost, &LostView::is_busy) &&
         std::ranges::all_of(node.pods, is_well);
}

Result<NodeView> inspect(const InspectOptions& options) {
  static_cast<void>(MVR_TRY(drop_capabilities()));
  NodeView node;
  node.state_dir = options.state_dir;
  const net::Netns host = MVR_TRY(net::open_own_netns());
  const auto records = MVR_TRY(read_journals(node));
  const auto all = MVR_TRY(list_attachments(records.value_or(std::vector<state::Record>()), node));
  auto pods =
      MVR_TRY(options.netns ? find_one(host, all, *options.netns) : find_all(host, all, node));
  if (records) {
    MVR_TRY(name_unreadable(node));
  }
  const Budget asking = MVR_TRY(Budget::start(kAskingTime));
  const Looking looking{options, asking, records.has_value()};
  for (FoundPod& pod : pods) {
    const Namespaces netns{MVR_TRY(net::open_own_netns()), std::move(pod.netns)};
    // It may have ended meanwhile.
    if (auto view = inspect_pod(looking, netns, pod.listed)) {
      node.pods.push_back(*std::move(view));
    } else {
      add_problem(node, "pod", view.error());
    }
    MVR_TRY(asking.check_signals());
  }
  put_in_order(node);
  return node;
}

}  // namespace mvr::plugin
