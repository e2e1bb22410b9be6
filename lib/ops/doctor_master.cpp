// SPDX-License-Identifier: Apache-2.0
// What `doctor` finds about one master.
#include <algorithm>

#include "mvr/plan/rdma.hpp"
#include "mvr/state/journal.hpp"
#include "ops/doctor.hpp"

namespace mvr::ops {
namespace {

using plan::Where;

/// What a RoCE packet has around its data at most. \source rdma/ib_addr.h, iboe_get_mtu
constexpr std::uint32_t kRoceOverhead = 96;
constexpr std::uint32_t kBestRoceMtu = 4096;

/// The largest that fits; 0 if none does.
std::uint32_t roce_mtu_of(std::uint32_t mtu) {
  for (std::uint32_t roce = kBestRoceMtu; roce >= 256; roce /= 2) {
    if (mtu >= roce + kRoceOverhead) {
      return roce;
    }
  }
  return 0;
}

/// One master with all that is known of it; each check adds what it finds.
class MasterCheck {
 public:
  MasterCheck(const System& system, plan::Kernel& kernel, const cni::NetConf& conf,
              net::Link master)
      : system_(system), kernel_(kernel), conf_(conf), master_(std::move(master)) {}

  Result<Diagnoses> run() {
    // A VLAN that is yet to come has no index, and what it lies on tells all.
    if (master_.index == net::IfIndex::none) {
      if (const auto lower = MVR_TRY(kernel_.read_link(Where::host, master_.lower))) {
        master_ = *lower;
      }
    }
    const bool has_device = MVR_TRY(check_device());
    check_link(has_device);
    for (const net::Link& layer : MVR_TRY(plan::read_layers(kernel_, Where::host, master_))) {
      MVR_TRY(check_users(layer));
    }
    check_advertisements();
    return std::move(all_);
  }

 private:
  void add(Grade grade, std::string cause, std::string remedy = {}) {
    all_.push_back({grade, "master", master_.name, std::move(cause), std::move(remedy)});
  }

  void check_link(bool has_device) {
    const std::string set = "ip link set " + master_.name;
    if (!master_.is_up) {
      add(Grade::fail, "is down", set + " up");
      return;
    }
    if (!master_.is_running) {
      add(Grade::fail, "has no carrier", "look at its cable, transceiver and switch port");
      return;
    }
    const std::uint32_t roce = roce_mtu_of(master_.mtu);
    const std::string mtu = "MTU " + std::to_string(master_.mtu);
    if (has_device && roce < kBestRoceMtu) {
      add(Grade::warn, mtu + " leaves a RoCE MTU of " + std::to_string(roce),
          set + " mtu 4200 or more, as the switch has it");
      return;
    }
    add(Grade::ok,
        "up, carrier, " + mtu + (has_device ? ", RoCE MTU " + std::to_string(roce) : ""));
  }

  /// Who else takes the frames of the interface.
  Result<void> check_users(const net::Link& layer) {
    const std::string mode = system_.read("/sys/class/net/" + layer.name + "/bonding/mode");
    if (mode.starts_with("balance-alb") || mode.starts_with("balance-tlb")) {
      add(Grade::fail,
          layer.name + " is a bond in mode " + mode.substr(0, mode.find(' ')) +
              ", which rewrites the MACs of macvlans",
          "use 802.3ad or active-backup");
    }
    if (layer.upper != net::IfIndex::none) {
      check_upper(layer, MVR_TRY(kernel_.read_link(Where::host, layer.upper)));
    }
    return check_ipvlans(layer);
  }

  /// What the interface is part of. A VRF leaves the frames alone.
  void check_upper(const net::Link& layer, const std::optional<net::Link>& upper) {
    if (!upper || upper->kind == "vrf") {
      return;
    }
    add(Grade::fail,
        layer.name + " is part of " + upper->kind + ' ' + upper->name + ", which takes its frames",
        upper->kind == "bond" ? "make " + upper->name + " the master"
                              : "ip link set " + layer.name + " nomaster");
  }

  Result<void> check_ipvlans(const net::Link& layer) {
    constexpr std::string_view kPrefix = "upper_";
    for (const std::string& entry : system_.list("/sys/class/net/" + layer.name)) {
      if (!entry.starts_with(kPrefix)) {
        continue;
      }
      const auto upper = MVR_TRY(kernel_.read_link(Where::host, entry.substr(kPrefix.size())));
      if (upper && upper->kind == "ipvlan") {
        add(Grade::fail,
            "ipvlan " + upper->name + " is on " + layer.name + ", which then carries no macvlan",
            "ip link delete " + upper->name);
      }
    }
    return {};
  }

  /// The kernel takes them by its defaults, and makes addresses and a default route of them.
  void check_advertisements() {
    const std::string dir = "/proc/sys/net/ipv6/conf/" + master_.name + '/';
    const std::string accept = system_.read(dir + "accept_ra");
    const bool is_router = system_.read(dir + "forwarding") == "1";
    const bool accepts = accept == "2" || (accept == "1" && !is_router);
    if (accepts && system_.read(dir + "disable_ipv6") == "0") {
      add(Grade::warn,
          "takes router advertisements: one on the rail gives the node a default route",
          "sysctl -w net/ipv6/conf/" + master_.name + "/accept_ra=0, and in /etc/sysctl.d");
    }
  }

  /// True if it has one.
  Result<bool> check_device() {
    if (conf_.rdma.mode == cni::RdmaMode::off || !MVR_TRY(kernel_.read_rdma_mode())) {
      return false;  // of a kernel without RDMA the modules tell
    }
    const auto port = plan::find_rdma_port(kernel_, conf_, Where::host, master_);
    if (!port) {
      add(Grade::fail, port.error().msg, "correct rdma or deviceID");
      return false;
    }
    if (*port) {
      return check_port(**port);
    }
    if (const auto holder = find_holder()) {
      all_.push_back({Grade::ok, "RDMA", master_.name, *holder});
      return true;
    }
    const bool insists = conf_.rdma.mode != cni::RdmaMode::automatic;
    all_.push_back({insists ? Grade::fail : Grade::warn, "RDMA", master_.name,
                    "there is no device; the node has " +
                        plan::list_rdma_devices(kernel_, Where::host).value_or("none"),
                    "load the driver of its NIC, or say rdma: off"});
    return false;
  }

  /// In exclusive mode, the pod that has it.
  [[nodiscard]] std::optional<std::string> find_holder() const {
    const auto records = state::read_records(system_.state_dir);
    for (const state::Record& record : records.value_or(std::vector<state::Record>())) {
      if (record.rdma && record.rdma->is_moved && record.rdma->netdev == master_.index) {
        return record.rdma->name + " is in pod " +
               (record.pod.empty() ? record.attachment.to_string() : record.pod);
      }
    }
    return std::nullopt;
  }

  Result<bool> check_port(const plan::RdmaPort& port) {
    const std::string name = port.name + " port " + std::to_string(port.number);
    const std::string dir =
        "/sys/class/infiniband/" + port.name + "/ports/" + std::to_string(port.number) + '/';
    const std::string state = system_.read(dir + "state");
    const std::string rate = system_.read(dir + "rate");
    if (state.find("ACTIVE") == std::string::npos) {
      all_.push_back({Grade::fail, "RDMA", master_.name,
                      name + " is not active: " + (state.empty() ? "?" : state),
                      "look at the link of " + master_.name});
    } else {
      all_.push_back({Grade::ok, "RDMA", master_.name, name + ", active, " + rate});
    }
    const auto node = MVR_TRY(kernel_.read_verbs_node(port.device));
    if (!node || !system_.has("/dev/infiniband/" + *node)) {
      all_.push_back({Grade::fail, "RDMA", master_.name,
                      name + " has no node in /dev/infiniband: no program can open it",
                      "modprobe ib_uverbs; look whether udev runs"});
    }
    return true;
  }

  const System& system_;
  plan::Kernel& kernel_;
  const cni::NetConf& conf_;
  net::Link master_;
  Diagnoses all_ = {};
};

}  // namespace

Result<Diagnoses> check_master(const System& system, plan::Kernel& kernel, const cni::NetConf& conf,
                               const net::Link& master) {
  return MasterCheck(system, kernel, conf, master).run();
}

}  // namespace mvr::ops
