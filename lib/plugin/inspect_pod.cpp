// SPDX-License-Identifier: Apache-2.0
#include "plugin/inspect_pod.hpp"

#include <algorithm>

#include "mvr/plan/facts.hpp"
#include "mvr/plan/rdma.hpp"
#include "plugin/config.hpp"
#include "plugin/inspect_gateways.hpp"
#include "plugin/namespaces.hpp"
#include "plugin/recorded.hpp"
#include "plugin/verify.hpp"

namespace mvr::plugin {
namespace {

using plan::Where;

/// For what is compared; it asks the kernel only.
constexpr std::chrono::seconds kComparing{5};

constexpr const char* kAnew = "delete the pod, which makes it anew";

std::string text_of(const Error& error) {
  return error.msg + (error.details.empty() ? "" : " (" + error.details + ")");
}

class PodInspector {
 public:
  PodInspector(const InspectOptions& options, const Namespaces& netns, const Budget& asking,
               plan::Kernel& kernel, plan::PodState pod)
      : options_(options), netns_(netns), asking_(asking), kernel_(kernel), pod_(std::move(pod)) {}

  Result<PodView> run(const std::vector<Listed>& listed) {
    PodView view;
    view.path = netns_.pod->path;
    view.id = netns_.pod->id;
    for (const Listed& one : listed) {
      view.name = view.name.empty() ? one.record.pod : view.name;
      view.nics.push_back(MVR_TRY(look(one)));
    }
    for (const net::Link& link : pod_.links) {
      if (net::is_ours(link) && std::ranges::count(seen_, link.index) == 0) {
        view.nics.push_back(MVR_TRY(look(link)));
      }
    }
    std::ranges::sort(view.nics, {},
                      [](const NicView& nic) { return std::pair(nic.name.size(), nic.name); });
    view.overlay = find_overlay();
    return view;
  }

 private:
  [[nodiscard]] const net::Link* find_link(const state::Attachment& attachment) const {
    const auto found = std::ranges::find_if(
        pod_.links, [&](const net::Link& link) { return is_nic_of(attachment, link); });
    return found != pod_.links.end() ? &*found : nullptr;
  }

  Result<NicView> look(const Listed& listed) {
    const state::Record& record = listed.record;
    NicView nic;
    nic.name = record.attachment.ifname;
    nic.attachment = record.attachment;
    nic.journal = state::journal_path(options_.state_dir, record.attachment);
    nic.master_name = record.master;
    nic.table = record.table;
    nic.is_busy = listed.is_busy;
    if (const net::Link* link = find_link(record.attachment)) {
      MVR_TRY(fill(nic, *link));
    }
    MVR_TRY(fill_rdma(nic, record));
    list_gateways(pod_, record.ipam.value_or(cni::AddResult{}), nic);
    if (listed.is_busy) {
      nic.notes.emplace_back("a call is at work for it: not compared, nobody asked");
      return nic;
    }
    judge(nic, record);
    const auto policy = compare(nic, record);
    ask(nic, policy);
    return nic;
  }

  /// Without a journal.
  Result<NicView> look(const net::Link& link) {
    NicView nic;
    nic.name = link.name;
    nic.attachment.ifname = link.name;
    nic.table = find_table(link.name);
    MVR_TRY(fill(nic, link));
    list_gateways(pod_, {}, nic);
    nic.problems.push_back({"it has no journal: it cannot be compared, and gc does not know it",
                            "DEL finds it without; look who has emptied " + options_.state_dir});
    judge_master(nic);
    ask(nic, cni::ProbePolicy::fail);
    return nic;
  }

  [[nodiscard]] std::uint32_t find_table(const std::string& oif) const {
    const auto rule = std::ranges::find_if(pod_.rules, [&](const net::Rule& one) {
      return one.oif == oif && one.protocol == net::kOurMark;
    });
    return rule != pod_.rules.end() ? rule->table : 0;
  }

  Result<void> fill(NicView& nic, const net::Link& link) {
    seen_.push_back(link.index);
    nic.link = link;
    const Where where = link.has_lower_elsewhere ? Where::host : Where::pod;
    nic.master = MVR_TRY(kernel_.read_link(where, link.lower));
    nic.master_name = nic.master ? nic.master->name : nic.master_name;
    for (const net::IfAddress& address : pod_.addresses) {
      if (address.index == link.index && address.scope == 0) {
        nic.addresses.push_back(address.prefix);
      }
    }
    for (const net::Route& route : pod_.routes) {
      if (nic.table != 0 && route.table == nic.table) {
        nic.routes.push_back(describe(route, pod_.name_of(route.nic)));
      }
    }
    for (const net::Rule& rule : pod_.rules) {
      if (nic.table != 0 && rule.table == nic.table) {
        nic.rules.push_back(describe(rule));
      }
    }
    return {};
  }

  Result<void> fill_rdma(NicView& nic, const state::Record& record) {
    if (!record.rdma) {
      return {};
    }
    const state::RdmaRecord& device = *record.rdma;
    nic.rdma = {device.name, device.port, device.is_moved, false, false, device.gid_indexes};
    const auto devices = MVR_TRY(kernel_.read_rdma_devices(Where::pod));
    const rdma::Device* found = plan::find_device(devices, device.device, device.node_guid);
    if (found != nullptr) {
      const auto port = std::ranges::find(found->ports, device.port, &rdma::Port::number);
      nic.rdma->is_found = true;
      nic.rdma->is_active = port != found->ports.end() && port->is_active;
    }
    return {};
  }

  static void judge(NicView& nic, const state::Record& record) {
    if (!nic.link) {
      nic.problems.push_back(
          {"it is not in the pod any more: somebody has removed it",
           "delete the pod, which makes it anew; macvlan-rdma gc undoes what is left"});
      return;
    }
    if (!record.is_complete) {
      nic.problems.push_back(
          {"its ADD has not ended well, and is over",
           "DEL or the next ADD undoes it; if neither comes, macvlan-rdma gc does"});
    }
    judge_master(nic);
    if (nic.rdma && nic.rdma->is_found && !nic.rdma->is_active) {
      nic.problems.push_back({"port " + std::to_string(nic.rdma->port) + " of RDMA device " +
                                  nic.rdma->name + " is not active",
                              "look at the link of " + nic.master_name + ": rdma link"});
    }
  }

  static void judge_master(NicView& nic) {
    if (!nic.master) {
      nic.problems.push_back({"master " + nic.master_name + " is not to be found",
                              "look for it on the node (ip link) and in the kernel's log"});
    } else if (!nic.master->is_up) {
      nic.problems.push_back({"master " + nic.master_name + " is down",
                              "on the node: ip link set " + nic.master_name + " up"});
    } else if (!nic.master->is_running) {
      nic.problems.push_back({"master " + nic.master_name + " has no carrier",
                              "look at its cable, transceiver and switch port"});
    }
  }

  /// \return what ADD was to do about a silent gateway
  cni::ProbePolicy compare(NicView& nic, const state::Record& record) const {
    if (!record.request) {
      nic.notes.emplace_back("its configuration was too long for the journal: not compared");
      return cni::ProbePolicy::fail;
    }
    Log log;
    log.set_level(LogLevel::error);
    Timeline timeline(log, "");
    const cni::Environment none;
    const Budget budget = Budget::grace(kComparing);
    const std::string& config = record.request->config;
    const RecordedCall recorded({none, {}, config, budget, log, timeline, {}}, record);
    auto parsed = read_config(recorded.call().env, config);
    if (!parsed) {
      nic.problems.push_back({"its configuration cannot be read: " + parsed.error().msg,
                              "see the journal, " + nic.journal});
      return cni::ProbePolicy::fail;
    }
    parsed->conf.state_dir = options_.state_dir;
    const bool is_comparable = nic.link && record.is_complete;
    if (is_comparable) {
      verify_into(nic, {recorded.call().env, parsed->conf, config, budget, log, timeline, {}},
                  record);
    }
    return parsed->conf.gateway_probe.policy;
  }

  void verify_into(NicView& nic, const Call& call, const state::Record& record) const {
    const Made made{record.mac, 0, record.ipam.value_or(cni::AddResult{})};
    if (auto found = verify(call, netns_, record, made)) {
      nic.drift = *std::move(found);
    } else {
      nic.problems.push_back(
          {"cannot be compared with what ADD made: " + text_of(found.error()), kAnew});
    }
  }

  void ask(NicView& nic, cni::ProbePolicy policy) const {
    if (options_.is_probing) {
      ask_gateways(netns_, kernel_, policy, asking_, nic);
    }
  }

  /// Main's by the overlay NIC, as `ip route` says it; not what every interface has in IPv6.
  [[nodiscard]] std::vector<std::string> list_routes(const net::Link& overlay) const {
    std::vector<std::string> routes;
    for (const net::Route& route : pod_.routes) {
      const bool is_kernels =
          route.dst.family() == ip::Family::v6 && route.protocol == net::kProtocolKernel;
      if (route.table == net::kTableMain && route.nic == overlay.index && !is_kernels) {
        const std::string text = describe(route, overlay.name);
        routes.push_back(text.substr(0, text.find(" table ")));
      }
    }
    return routes;
  }

  [[nodiscard]] std::optional<OverlayView> find_overlay() const {
    const auto overlay = plan::find_overlay(pod_, cni::NetConf().overlay_nic, "");
    if (!overlay) {
      return std::nullopt;
    }
    OverlayView view{overlay->link.name,
                     overlay->link.mtu,
                     {},
                     find_table(overlay->link.name),
                     list_routes(overlay->link)};
    std::ranges::transform(overlay->addresses, std::back_inserter(view.addresses),
                           &net::IfAddress::prefix);
    return view;
  }

  const InspectOptions& options_;
  const Namespaces& netns_;
  const Budget& asking_;
  plan::Kernel& kernel_;
  plan::PodState pod_;
  std::vector<net::IfIndex> seen_ = {};
};

}  // namespace

Result<PodView> inspect_pod(const InspectOptions& options, const Namespaces& netns,
                            const std::vector<Listed>& listed, const Budget& asking) {
  const auto kernel = MVR_TRY(plan::open_linux_kernel(netns.host, *netns.pod));
  PodInspector inspector(options, netns, asking, *kernel, MVR_TRY(plan::observe_pod(*kernel)));
  return in(netns.pod->path, inspector.run(listed));
}

}  // namespace mvr::plugin
