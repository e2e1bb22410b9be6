// SPDX-License-Identifier: Apache-2.0
// Choosing the RDMA device of a NIC. In exclusive mode a device has one holder: the journals say
// who, since the kernel shows a device in its own namespace only.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "mvr/plan/rdma.hpp"
#include "mvr/rdma/gid.hpp"
#include "mvr/state/lock.hpp"
#include "plugin/rdma.hpp"

namespace mvr::plugin {
namespace {

using plan::RdmaPort;
using plan::Where;
using state::RdmaRecord;
using state::Record;

/// How long the kernel may take to return the device of a namespace that has ended.
constexpr std::chrono::seconds kReturnTime{2};
constexpr std::chrono::milliseconds kLookAgain{2};

/// What a search needs.
struct Search {
  const Call& call;
  const Namespaces& netns;
  plan::Kernel& kernel;
  const plan::Facts& facts;
};

/// Another attachment that was given the device.
struct Holder {
  Record record;
  std::optional<net::Netns> netns;  ///< nothing: dead

  [[nodiscard]] bool is_alive() const { return netns.has_value(); }
};

Result<std::optional<RdmaPort>> find_port(const Search& s) {
  return plan::find_rdma_port(s.kernel, s.call.conf, s.facts.master_in, s.facts.master);
}

/// Made while the device is where `port` was seen: sysfs shows it to its own namespace only.
Result<RdmaRecord> make_record(const RdmaPort& port, bool is_moved) {
  RdmaRecord record;
  record.device = port.device;
  record.name = port.name;
  record.port = port.number;
  record.netdev = port.netdev;
  record.node_guid = port.node_guid;
  record.pci_address =
      rdma::read_pci_address(MVR_TRY(rdma::open_host_sysfs()), port.name).value_or("");
  record.is_moved = is_moved;
  return record;
}

Result<bool> has_device(const net::Netns& host, const net::Netns& pod, const RdmaRecord& device) {
  const auto kernel = MVR_TRY(plan::open_linux_kernel(host, pod));
  const auto devices = MVR_TRY(kernel->read_rdma_devices(Where::pod));
  return plan::find_device(devices, device.device, device.node_guid) != nullptr;
}

/// The namespace of a record if it lives: at its path, or held by a process. The kernel uses the
/// numbers of namespaces again, so one without a path is the holder's only if the device is in it.
Result<std::optional<net::Netns>> find_living(const Search& s, const Record& record) {
  if (auto netns = MVR_TRY(reopen(record.netns_path, record.netns))) {
    return netns;
  }
  auto netns = MVR_TRY(reopen_by_process(record.netns));
  const bool is_it = netns && MVR_TRY(has_device(s.netns.host, *netns, *record.rdma));
  return is_it ? std::move(netns) : std::nullopt;
}

/// Who has, or is about to take, a device that `is_meant` picks; a living holder before a dead one.
template <typename Predicate>
Result<std::optional<Holder>> find_holder(const Search& s, const Predicate& is_meant) {
  std::optional<Holder> dead;
  for (Record& record : MVR_TRY(state::read_records(s.call.conf.state_dir))) {
    const bool is_taken = record.rdma && record.rdma->is_moved;
    if (!is_taken || record.attachment == s.call.attachment() ||
        !MVR_TRY(Result<bool>(is_meant(record)))) {
      continue;
    }
    Holder holder{record, MVR_TRY(find_living(s, record))};
    if (holder.is_alive()) {
      return holder;
    }
    dead = std::move(holder);
  }
  return dead;
}

/// "pod default/train-0 (netns /run/netns/cni-1, net1)"
std::string describe(const Holder& holder) {
  const Record& record = holder.record;
  const bool has_path = holder.netns->path == record.netns_path;
  const std::string pod =
      record.pod.empty() ? "container " + record.attachment.container_id : "pod " + record.pod;
  const std::string process = holder.netns->path.substr(0, holder.netns->path.rfind("/ns/"));
  const std::string place = has_path ? "netns " + record.netns_path
                                     : "its netns has no path any more, process " +
                                           process.substr(process.rfind('/') + 1) + " is in it";
  return pod + " (" + place + ", " + record.attachment.ifname + ')';
}

tl::unexpected<Error> refuse_busy(const Search& s, const Holder& holder) {
  return fail(Code::rdma_busy, "RDMA device " + holder.record.rdma->name + " of master " +
                                   s.facts.master.name + " is held by " + describe(holder));
}

bool is_own_pod(const Search& s, const Holder& holder) {
  return holder.is_alive() && holder.netns->id == s.netns.pod->id;
}

/// The device's lock; nothing when it is not in the node's namespace. Its directory in sysfs is
/// what is locked: that leaves nothing behind, and lasts as long as the device.
Result<std::optional<Fd>> lock_device(const std::string& name, const Budget& budget) {
  const std::string path = "/sys/class/infiniband/" + name;
  Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory && errno == ENOENT) {
    return std::nullopt;
  }
  if (!directory) {
    return fail(sys_error(Code::io, errno, path));
  }
  MVR_TRY(in("lock RDMA device " + name, state::lock_file(directory.get(), budget)));
  return directory;
}

/// A device that is at home. Nothing when it left while we waited for its lock.
Result<std::optional<RdmaClaim>> claim_at_home(const Search& s, const RdmaPort& port) {
  std::optional<Fd> lock = MVR_TRY(lock_device(port.name, s.call.budget));
  if (!lock || MVR_TRY(find_port(s)) != port) {
    return std::nullopt;
  }
  // Who is complete has had it and has given it back: only an ADD under way holds it here.
  const auto holder = MVR_TRY(find_holder(s, [&](const Record& record) {
    return record.rdma->device == port.device && record.rdma->node_guid == port.node_guid &&
           !record.is_complete;
  }));
  if (holder && holder->is_alive() && !is_own_pod(s, *holder)) {
    return refuse_busy(s, *holder);
  }
  return RdmaClaim{MVR_TRY(make_record(port, true)), *std::move(lock)};
}

/// True for a record of the device that the configuration means.
Result<bool> is_meant(plan::Kernel& kernel, const cni::RdmaConf& conf,
                      const std::vector<net::Link>& layers, const RdmaRecord& device) {
  return conf.device.empty() ? plan::is_below(kernel, Where::host, device.netdev, layers)
                             : device.name == conf.device;
}

/// Who has the device that the NIC should get and that is not on the node.
Result<std::optional<Holder>> find_holder_away(const Search& s) {
  const auto layers = MVR_TRY(plan::read_layers(s.kernel, Where::host, s.facts.master));
  return find_holder(s, [&](const Record& record) {
    return is_meant(s.kernel, s.call.conf.rdma, layers, *record.rdma);
  });
}

/// Only a configuration that leaves it all to us does without a device.
bool is_optional(const cni::RdmaConf& conf) {
  return conf.mode == cni::RdmaMode::automatic && conf.device.empty();
}

std::string describe_lack(const cni::NetConf& conf, const net::Link& master) {
  if (!conf.rdma.device.empty()) {
    return "no RDMA device \"" + conf.rdma.device + '"';
  }
  return (conf.device_id.empty() ? "master " + master.name : "deviceID \"" + conf.device_id + '"') +
         " has no RDMA device";
}

Result<void> refuse_without(plan::Kernel& kernel, Where where, const cni::NetConf& conf,
                            const net::Link& master) {
  return fail(Code::no_rdma_device, "rdma \"" + std::string(to_string(conf.rdma.mode)) +
                                        "\": " + describe_lack(conf, master) + "; there are: " +
                                        MVR_TRY(plan::list_rdma_devices(kernel, where)));
}

Result<RdmaClaim> claim_nothing(const Search& s) {
  const cni::NetConf& conf = s.call.conf;
  if (!is_optional(conf.rdma)) {
    MVR_TRY(refuse_without(s.kernel, s.facts.master_in, conf, s.facts.master));
  }
  s.call.timeline.remark("rdma \"auto\": " + describe_lack(conf, s.facts.master));
  return RdmaClaim{};
}

/// A device that is in a pod. Nothing when it is on its way home: the pod has ended, or its DEL.
Result<std::optional<RdmaClaim>> claim_away(const Search& s) {
  const auto holder = MVR_TRY(find_holder_away(s));
  if (!holder && MVR_TRY(find_port(s))) {
    return std::nullopt;  // it came while we looked for its holder
  }
  if (!holder) {
    return MVR_TRY(claim_nothing(s));
  }
  if (!holder->is_alive()) {
    return std::nullopt;
  }
  if (!is_own_pod(s, *holder)) {
    return refuse_busy(s, *holder);
  }
  RdmaRecord record = *holder->record.rdma;
  record.gid_indexes.clear();
  return RdmaClaim{record, {}};
}

/// The device at home that the NIC should get. Nothing while another one below the same bond is in
/// a pod: that one is the bond's, since what it sends and receives passes another member.
Result<std::optional<RdmaPort>> find_port_at_home(const Search& s) {
  const auto port = MVR_TRY(find_port(s));
  const cni::NetConf& conf = s.call.conf;
  if (!port || !conf.rdma.device.empty() || !conf.device_id.empty()) {
    return port;
  }
  const auto layers = MVR_TRY(plan::read_layers(s.kernel, Where::host, s.facts.master));
  const auto is_another = [&](const Record& record) -> Result<bool> {
    return record.rdma->device == port->device
               ? false
               : is_meant(s.kernel, conf.rdma, layers, *record.rdma);
  };
  const auto holder = MVR_TRY(find_holder(s, is_another));
  return holder && holder->is_alive() ? std::nullopt : port;
}

/// Exclusive mode: at home, in a pod, or on its way between them.
Result<RdmaClaim> claim_exclusive(const Search& s) {
  const auto give_up = Clock::now() + kReturnTime;
  for (;;) {
    const auto port = MVR_TRY(find_port_at_home(s));
    if (auto claim = MVR_TRY(port ? claim_at_home(s, *port) : claim_away(s))) {
      return *std::move(claim);
    }
    if (Clock::now() >= give_up) {
      return fail(Code::rdma_busy, "the RDMA device of master " + s.facts.master.name +
                                       " has not come back from a pod that has ended");
    }
    MVR_TRY(in("wait for the RDMA device", s.call.budget.wait(-1, 0, Clock::now() + kLookAgain)));
  }
}

Result<RdmaClaim> claim_shared(const Search& s) {
  const auto port = MVR_TRY(find_port(s));
  return port ? RdmaClaim{MVR_TRY(make_record(*port, false)), {}} : claim_nothing(s);
}

/// Programs in the pod open the device by its node, which a device plugin hands in.
Result<void> warn_without_node(const Search& s, const RdmaRecord& device) {
  const auto devices = MVR_TRY(s.kernel.read_rdma_devices(Where::host));
  if (std::ranges::find(devices, device.device, &rdma::Device::index) == devices.end()) {
    return {};  // in the pod already
  }
  const auto node = MVR_TRY(s.kernel.read_verbs_node(device.device));
  const std::string path = "/dev/infiniband/" + node.value_or("uverbs*");
  if (!node || ::access(path.c_str(), F_OK) != 0) {
    s.call.log.line(LogLevel::warn, "RDMA device " + device.name + " has no node " + path +
                                        "; programs cannot open it (is ib_uverbs loaded?)");
  }
  return {};
}

}  // namespace

Result<RdmaClaim> claim_rdma(const Call& call, const Namespaces& netns, plan::Kernel& kernel,
                             const plan::Facts& facts) {
  const cni::RdmaConf& conf = call.conf.rdma;
  const auto mode = MVR_TRY(plan::find_rdma_mode(kernel, conf));
  if (!mode) {
    if (conf.mode == cni::RdmaMode::automatic) {
      call.timeline.remark("rdma \"auto\": this kernel has no RDMA");
    }
    return RdmaClaim{};
  }
  const Search search{call, netns, kernel, facts};
  // A device seen in the pod's own namespace has no way to go.
  const bool is_here = *mode == rdma::NetnsMode::shared || facts.master_in == Where::pod;
  RdmaClaim claim = MVR_TRY(is_here ? claim_shared(search) : claim_exclusive(search));
  if (claim.device) {
    MVR_TRY(warn_without_node(search, *claim.device));
  }
  return claim;
}

Result<void> check_rdma(const Call& call, plan::Kernel& kernel, const net::Link& master) {
  const cni::RdmaConf& conf = call.conf.rdma;
  const auto mode = MVR_TRY(plan::find_rdma_mode(kernel, conf));
  if (!mode || is_optional(conf) ||
      MVR_TRY(plan::find_rdma_port(kernel, call.conf, Where::host, master))) {
    return {};
  }
  const auto layers = MVR_TRY(plan::read_layers(kernel, Where::host, master));
  for (const Record& record : MVR_TRY(state::read_records(call.conf.state_dir))) {
    const bool is_taken = record.rdma && record.rdma->is_moved;
    if (is_taken && MVR_TRY(is_meant(kernel, conf, layers, *record.rdma))) {
      return {};  // a pod has it, as is right
    }
  }
  return refuse_without(kernel, Where::host, call.conf, master);
}

}  // namespace mvr::plugin
