// SPDX-License-Identifier: Apache-2.0
#include "plugin/rdma.hpp"

#include <errno.h>
#include <net/if.h>

#include <algorithm>
#include <array>

#include "mvr/base/text.hpp"
#include "mvr/plan/rdma.hpp"
#include "mvr/rdma/gid.hpp"
#include "plugin/device_info.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {
namespace {

using plan::Where;
using rdma::GidTable;
using state::RdmaRecord;
using state::Record;

constexpr std::chrono::milliseconds kLookAgain{1};
constexpr std::chrono::milliseconds kLongestPause{16};

/// How long the kernel may take to return the device of a namespace that has ended: it does so in
/// its own time, some milliseconds later.
constexpr std::chrono::seconds kReturnTime{1};

/// In the namespace where the device is: one that has not been moved may have been in the pod
/// before, as its master was.
Result<GidTable> open_table(const Namespaces& netns, const RdmaRecord& device,
                            const std::string& name) {
  if (!device.is_moved) {
    auto table = GidTable::open(MVR_TRY(rdma::open_host_sysfs()), name, device.port);
    if (table || table.error().sys_errno != ENOENT) {
      return table;
    }
  }
  const auto guard = MVR_TRY(net::NetnsGuard::enter(*netns.pod, netns.host));
  return GidTable::open(MVR_TRY(rdma::open_sysfs()), name, device.port);
}

/// The addresses whose GID is not there, for people; what is there goes to `indexes`.
std::vector<std::string> find_gids(const GidTable& table, const std::vector<ip::Address>& addresses,
                                   std::vector<std::uint32_t>& indexes) {
  std::vector<std::string> missing;
  indexes.clear();
  for (const ip::Address& address : addresses) {
    if (const auto index = table.find(address)) {
      indexes.push_back(*index);
    } else {
      missing.push_back(address.to_string());
    }
  }
  return missing;
}

std::string name_port(const RdmaRecord& device) {
  return "RDMA device " + device.name + " port " + std::to_string(device.port);
}

void warn_if_full(const Call& call, const RdmaRecord& device, const GidTable& table,
                  const std::vector<std::uint32_t>& indexes) {
  if (!indexes.empty() && table.is_nearly_full(std::ranges::max(indexes))) {
    call.log.line(LogLevel::warn, name_port(device) + ": the GID table is nearly full");
  }
}

/// True when another NIC of a living pod has the device: one of this pod (`is_of_pod`), or of any.
Result<bool> is_used_by_others(const Call& call, const Record& record, bool is_of_pod) {
  for (const Record& other : MVR_TRY(state::read_records(call.conf.state_dir))) {
    const bool has_it = other.attachment != record.attachment && other.rdma &&
                        other.rdma->is_moved && other.rdma->device == record.rdma->device &&
                        other.rdma->node_guid == record.rdma->node_guid;
    const bool is_meant = has_it && (!is_of_pod || other.netns == record.netns);
    if (is_meant && MVR_TRY(reopen(other.netns_path, other.netns))) {
      return true;
    }
  }
  return false;
}

Result<bool> is_in(plan::Kernel& kernel, Where where, const RdmaRecord& device) {
  const auto devices = MVR_TRY(kernel.read_rdma_devices(where));
  return plan::find_device(devices, device.device, device.node_guid) != nullptr;
}

/// Until the device is at home; false for one that does not come, as it may not exist any more.
Result<bool> await_return(const Call& call, plan::Kernel& kernel, const RdmaRecord& device) {
  const auto give_up = Clock::now() + kReturnTime;
  const Budget patience = Budget::grace(2 * kReturnTime);  // giving up comes first
  while (!MVR_TRY(is_in(kernel, Where::host, device))) {
    if (Clock::now() >= give_up) {
      call.log.line(LogLevel::warn,
                    "RDMA device " + device.name + " has not come back to the node");
      return false;
    }
    MVR_TRY(patience.wait(-1, 0, Clock::now() + kLookAgain));
  }
  return true;
}

DeviceInfo describe_device(const RdmaRecord& device) {
  const std::string& pci = device.pci_address;
  return {device.name, pci.empty() ? std::nullopt : std::optional(pci)};
}

/// The name of an RDMA device that is in a pod becomes that of its netdev, which is on the node.
void name_master(std::string& name, const std::vector<Record>& records) {
  const auto found = std::ranges::find_if(records, [&](const Record& record) {
    return record.rdma && record.rdma->is_moved && record.rdma->name == name;
  });
  std::array<char, IF_NAMESIZE> netdev{};
  if (found != records.end() && ::if_indextoname(static_cast<unsigned>(to_int(found->rdma->netdev)),
                                                 netdev.data()) != nullptr) {
    name = netdev.data();
  }
}

}  // namespace

Result<std::vector<std::uint32_t>> wait_for_gids(const Call& call, const Namespaces& netns,
                                                 const RdmaRecord& device,
                                                 const std::vector<ip::Address>& addresses) {
  std::vector<std::uint32_t> indexes;
  if (addresses.empty()) {
    return indexes;
  }
  const Result<GidTable> table = open_table(netns, device, device.name);
  if (!table) {
    call.log.line(LogLevel::warn, name_port(device) + ": no GID table: " + table.error().msg);
    return indexes;
  }
  const auto give_up = Clock::now() + call.conf.rdma.gid_timeout;
  auto pause = kLookAgain;
  auto missing = find_gids(*table, addresses, indexes);
  while (!missing.empty() && Clock::now() < give_up) {
    MVR_TRY(
        in("wait for the GIDs", call.budget.wait(-1, 0, std::min(Clock::now() + pause, give_up))));
    pause = std::min(2 * pause, kLongestPause);  // a table without it is read to its end
    missing = find_gids(*table, addresses, indexes);
  }
  if (!missing.empty()) {
    call.log.line(LogLevel::warn, name_port(device) + ": no RoCE v2 GID for " +
                                      join(missing, ", ") + " within gidTimeout");
  }
  warn_if_full(call, device, *table, indexes);
  return indexes;
}

bool has_moved_rdma(const std::optional<Record>& record) {
  return record && record->rdma && record->rdma->is_moved;
}

Result<bool> release_rdma(const Call& call, state::Journal& journal) {
  if (!MVR_TRY(is_used_by_others(call, *journal.record(), true))) {
    return true;
  }
  MVR_TRY(disclaim_rdma(journal));
  return false;
}

Result<void> disclaim_rdma(state::Journal& journal) {
  Record record = *journal.record();
  record.rdma->is_moved = false;
  return journal.write(record);
}

Result<void> return_rdma(const Call& call, const net::Netns& host, state::Journal& journal) {
  if (!has_moved_rdma(journal.record())) {
    return {};
  }
  const Record record = *journal.record();
  auto netns = MVR_TRY(reopen(record.netns_path, record.netns));
  if (!netns) {
    netns = MVR_TRY(reopen_by_process(record.netns));
  }
  const auto lock = netns ? lock_pod(call, *netns) : std::nullopt;
  if (!MVR_TRY(release_rdma(call, journal))) {
    return {};
  }
  const auto kernel = MVR_TRY(plan::open_linux_kernel(host, netns ? *netns : host));
  if (!MVR_TRY(kernel->read_rdma_mode())) {
    return {};  // ib_core has been unloaded, and its devices with it
  }
  const RdmaRecord& device = *record.rdma;
  if (netns && MVR_TRY(is_in(*kernel, Where::pod, device))) {
    MVR_TRY(plan::return_rdma_device(*kernel, device.device));
  } else if (MVR_TRY(is_used_by_others(call, record, false))) {
    return disclaim_rdma(journal);  // it was at home, and has gone on
  }
  if (!MVR_TRY(await_return(call, *kernel, device))) {
    return {};
  }
  MVR_TRY(plan::restore_rdma_name(*kernel, device.device, device.name));
  return disclaim_rdma(journal);  // it stays if IPAM refuses, and the next pod may come
}

void publish_device(const Call& call, const Record& record) {
  if (!record.rdma || record.device_info_file.empty()) {
    return;
  }
  const std::string& path = record.device_info_file;
  const auto outcome = write_device_info(path, describe_device(*record.rdma));
  if (!outcome) {
    call.log.line(LogLevel::warn, outcome.error().msg);
  } else if (*outcome == DeviceInfoOutcome::differs) {
    call.log.line(LogLevel::warn, "device-info document " + path + " names another device than " +
                                      record.rdma->name + ", or cannot be read; it stays");
  }
}

Result<void> withdraw_device(const Record& record) {
  if (!record.rdma || record.device_info_file.empty()) {
    return {};
  }
  return remove_device_info(record.device_info_file, describe_device(*record.rdma));
}

Result<std::vector<plan::Mismatch>> verify_rdma(const Namespaces& netns, plan::Kernel& kernel,
                                                const RdmaRecord& device,
                                                const std::vector<ip::Address>& addresses) {
  const std::string object = "RDMA device " + device.name;
  const auto devices = MVR_TRY(kernel.read_rdma_devices(Where::pod));
  const rdma::Device* found = plan::find_device(devices, device.device, device.node_guid);
  if (found == nullptr) {
    return std::vector{
        plan::Mismatch{object, "", device.is_moved ? "in the pod" : "on the node", "not there"}};
  }
  std::vector<plan::Mismatch> all;
  if (addresses.empty() || device.gid_indexes.size() < addresses.size()) {
    return all;  // ADD has not seen them either, and has said so
  }
  const GidTable table = MVR_TRY(open_table(netns, device, found->name));
  std::vector<std::uint32_t> indexes;
  for (const std::string& address : find_gids(table, addresses, indexes)) {
    all.push_back({object, "RoCE v2 GID", address, "nothing"});
  }
  return all;
}

cni::NetConf name_masters(const cni::NetConf& conf) {
  cni::NetConf named = conf;
  const auto records = state::read_records(conf.state_dir).value_or(std::vector<Record>());
  std::ranges::for_each(named.master, [&](std::string& name) { name_master(name, records); });
  return named;
}

}  // namespace mvr::plugin
