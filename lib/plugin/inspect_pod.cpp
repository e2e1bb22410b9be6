// SPDX-License-Identifier: Apache-2.0
#include "plugin/inspect_pod.hpp"

#include <algorithm>
#include <set>

#include "mvr/plan/facts.hpp"
#include "mvr/plan/rdma.hpp"
#include "plugin/collect.hpp"
#include "plugin/config.hpp"
#include "plugin/inspect_faults.hpp"
#include "plugin/inspect_gateways.hpp"
#include "plugin/namespaces.hpp"
#include "plugin/recorded.hpp"
#include "plugin/verify.hpp"

namespace mvr::plugin {
namespace {

using plan::Where;

/// For what is compared; it asks the kernel only.
constexpr std::chrono::seconds kComparing{5};

std::string text_of(const Error& error) {
  return error.msg + (error.details.empty() ? "" : " (" + error.details + ")");
}

/// A NIC and what its configuration says of it; without one what ADD does by itself.
struct Looked {
  NicView view;
  cni::NetConf conf = {};
};

/// What several NICs miss alike is one thing that they share. It is told once, as the pod's.
void take_shared_drift(PodView& pod) {
  const auto is_shared = [&](const plan::Mismatch& drift) {
    return std::ranges::count_if(pod.nics, [&](const NicView& nic) {
             return std::ranges::find(nic.drift, drift) != nic.drift.end();
           }) > 1;
  };
  for (const NicView& nic : pod.nics) {
    for (const plan::Mismatch& drift : nic.drift) {
      if (is_shared(drift) && std::ranges::find(pod.drift, drift) == pod.drift.end()) {
        pod.drift.push_back(drift);
      }
    }
  }
  for (NicView& nic : pod.nics) {
    std::erase_if(nic.drift, [&](const plan::Mismatch& drift) {
      return std::ranges::find(pod.drift, drift) != pod.drift.end();
    });
  }
}

class PodInspector {
 public:
  PodInspector(const Looking& looking, const Namespaces& netns, plan::Kernel& kernel,
               plan::PodState pod)
      : looking_(looking), netns_(netns), kernel_(kernel), pod_(std::move(pod)) {}

  Result<PodView> run(const std::vector<Listed>& listed) {
    PodView view;
    view.path = netns_.pod->path;
    view.id = netns_.pod->id;
    for (const Listed& one : listed) {
      view.name = view.name.empty() ? one.record.pod : view.name;
      nics_.push_back(MVR_TRY(look(one)));
    }
    for (const net::Link& link : pod_.links) {
      if (net::is_ours(link) && std::ranges::count(seen_, link.index) == 0) {
        nics_.push_back(MVR_TRY(look(link)));
      }
    }
    ask();
    view.overlay = find_overlay();
    // Without one, what it owned is lost.
    view.problems = judge_defaults(
        pod_, {view.overlay ? view.overlay->name : overlay_name(),
               view.overlay ? view.overlay->table : 0, find_default_nic(), find_families(listed)});
    std::ranges::transform(nics_, std::back_inserter(view.nics),
                           [](Looked& nic) { return std::move(nic.view); });
    std::ranges::sort(view.nics, {},
                      [](const NicView& nic) { return std::pair(nic.name.size(), nic.name); });
    take_shared_drift(view);
    return view;
  }

 private:
  [[nodiscard]] const net::Link* find_link(const state::Attachment& attachment) const {
    const auto found = std::ranges::find_if(
        pod_.links, [&](const net::Link& link) { return is_nic_of(attachment, link); });
    return found != pod_.links.end() ? &*found : nullptr;
  }

  Result<Looked> look(const Listed& listed) {
    const state::Record& record = listed.record;
    Looked looked;
    NicView& nic = looked.view;
    nic.name = record.attachment.ifname;
    nic.attachment = record.attachment;
    nic.journal = state::journal_path(looking_.options.state_dir, record.attachment);
    nic.master_name = record.master;
    nic.table = record.table;
    nic.is_busy = listed.is_busy;
    if (const net::Link* link = find_link(record.attachment)) {
      MVR_TRY(fill(nic, *link));
    }
    list_routing(nic);
    MVR_TRY(fill_rdma(nic, record));
    list_gateways(pod_, record.ipam.value_or(cni::AddResult{}), nic);
    if (listed.is_busy) {
      nic.notes.emplace_back("a call is at work for it: not compared, nobody asked");
      return looked;
    }
    const bool is_read = read_conf(looked, record);
    MVR_TRY(judge(looked, record));
    if (is_read && nic.link && nic.master && record.is_complete && !is_renamed(nic)) {
      verify_into(looked, record);
    }
    return looked;
  }

  /// Without a journal.
  Result<Looked> look(const net::Link& link) {
    Looked looked;
    NicView& nic = looked.view;
    nic.name = link.name;
    nic.attachment.ifname = link.name;
    nic.table = find_table(link.name);
    MVR_TRY(fill(nic, link));
    list_routing(nic);
    list_gateways(pod_, {}, nic);
    if (looking_.has_journals) {
      nic.problems.push_back({"it has no journal: it cannot be compared, and gc does not know it",
                              "DEL finds it without; look who has emptied " +
                                  looking_.options.state_dir +
                                  ", or name the journals' directory by --state-dir"});
    } else {
      nic.notes.emplace_back("not compared: no journal is read");
    }
    judge_master(nic, {});
    return looked;
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
    return {};
  }

  /// Rules stay when the NIC goes.
  void list_routing(NicView& nic) const {
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

  /// \return false if it cannot be read, which the NIC's view then says
  bool read_conf(Looked& looked, const state::Record& record) const {
    if (!record.request) {
      looked.view.notes.emplace_back(
          "its configuration was too long for the journal: not compared");
      return false;
    }
    Log log;
    log.set_level(LogLevel::error);
    Timeline timeline(log, "");
    const Budget budget = Budget::grace(kComparing);
    const RecordedCall recorded({{}, {}, record.request->config, budget, log, timeline, {}},
                                record);
    auto parsed = read_config(recorded.call().env, record.request->config);
    if (!parsed) {
      looked.view.problems.push_back({"its configuration cannot be read: " + parsed.error().msg,
                                      "see the journal, " + looked.view.journal});
      return false;
    }
    looked.conf = std::move(parsed->conf);
    looked.conf.state_dir = looking_.options.state_dir;
    return true;
  }

  Result<void> judge(Looked& looked, const state::Record& record) {
    NicView& nic = looked.view;
    if (!nic.link) {
      const Where where = looked.conf.link_in_container ? Where::pod : Where::host;
      nic.master = MVR_TRY(kernel_.read_link(where, net::IfIndex{record.master_index}));
      nic.problems.push_back(explain_absence(
          {.record = record,
           .master = nic.master,
           .namesake = MVR_TRY(kernel_.read_link(where, record.master)),
           .is_heard_of = nic.master && MVR_TRY(is_heard_of(netns_.host, record))}));
      return {};
    }
    judge_link(nic, record);
    judge_master(nic, {record.master, looked.conf.master});
    judge_rdma(nic);
    return {};
  }

  void verify_into(Looked& looked, const state::Record& record) const {
    Log log;
    log.set_level(LogLevel::error);
    Timeline timeline(log, "");
    const Budget budget = Budget::grace(kComparing);
    const std::string& config = record.request->config;
    const RecordedCall recorded({{}, {}, config, budget, log, timeline, {}}, record);
    cni::NetConf conf = looked.conf;
    if (looked.view.master->name != record.master) {
      conf.master = {looked.view.master->name};  // which has been told of
    }
    const Made made{record.mac, 0, record.ipam.value_or(cni::AddResult{})};
    auto found = verify({recorded.call().env, conf, config, budget, log, timeline, {}}, netns_,
                        record, made);
    if (found) {
      looked.view.drift = *std::move(found);
    } else {
      looked.view.problems.push_back(
          {"cannot be compared with what ADD made: " + text_of(found.error()), kAnew});
    }
  }

  void ask() {
    std::vector<Asked> asked;
    for (Looked& nic : nics_) {
      if (!nic.view.is_busy) {
        asked.push_back({&nic.view, nic.conf.gateway_probe.policy});
      }
    }
    if (looking_.options.is_probing) {
      ask_gateways(netns_, looking_.asking, asked);
    }
  }

  /// The NIC of ours that has been told to own main's default route, and is there; or "".
  [[nodiscard]] std::string find_default_nic() const {
    const auto found = std::ranges::find_if(nics_, [](const Looked& nic) {
      return nic.view.link && nic.conf.default_route_nic == nic.view.name;
    });
    return found != nics_.end() ? found->view.name : "";
  }

  /// In which main's default was the overlay NIC's when the NICs came, as their journals tell.
  static std::set<ip::Family> find_families(const std::vector<Listed>& listed) {
    std::set<ip::Family> families;
    for (const Listed& one : listed) {
      if (one.record.is_complete && !one.is_busy) {
        families.insert(one.record.default_families.begin(), one.record.default_families.end());
      }
    }
    return families;
  }

  /// As the NICs' configurations call it.
  [[nodiscard]] std::string overlay_name() const {
    const std::string usual = cni::NetConf().overlay_nic;
    const auto found = std::ranges::find_if(
        nics_, [&](const Looked& nic) { return nic.conf.overlay_nic != usual; });
    return found != nics_.end() ? found->conf.overlay_nic : usual;
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
    const auto overlay = plan::find_overlay(pod_, overlay_name(), "");
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

  const Looking& looking_;
  const Namespaces& netns_;
  plan::Kernel& kernel_;
  plan::PodState pod_;
  std::vector<Looked> nics_ = {};
  std::vector<net::IfIndex> seen_ = {};
};

}  // namespace

Result<PodView> inspect_pod(const Looking& looking, const Namespaces& netns,
                            const std::vector<Listed>& listed) {
  const auto kernel = MVR_TRY(plan::open_linux_kernel(netns.host, *netns.pod));
  PodInspector inspector(looking, netns, *kernel, MVR_TRY(plan::observe_pod(*kernel)));
  return in(netns.pod->path, inspector.run(listed));
}

}  // namespace mvr::plugin
