// SPDX-License-Identifier: Apache-2.0
/// \file
/// The journal: what DEL must know of an attachment and cannot ask the kernel. One small file each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/cni/result.hpp"
#include "mvr/net/netns.hpp"
#include "mvr/net/types.hpp"
#include "mvr/rdma/device.hpp"
#include "mvr/state/attachment.hpp"

namespace mvr::state {

/// The RDMA device of an attachment.
struct RdmaRecord {
  rdma::DeviceIndex device{};
  std::string name;                          ///< when ADD ran; the pod may have renamed it since
  std::uint32_t port = 0;                    ///< whose netdev is the master, or below it
  net::IfIndex netdev = net::IfIndex::none;  ///< the port's, on the node
  std::uint64_t node_guid = 0;               ///< the kernel gives an index again when it is free
  std::string pci_address;                   ///< empty for a device that is none of PCI
  bool is_moved = false;                     ///< to the pod, or about to be
  std::vector<std::uint32_t> gid_indexes;    ///< RoCE v2, in the order of the NIC's addresses

  bool operator==(const RdmaRecord&) const = default;
};

/// The VLAN below an attachment's NIC.
struct VlanRecord {
  net::IfIndex master = net::IfIndex::none;
  std::uint16_t id = 0;

  bool operator==(const VlanRecord&) const = default;
};

/// What ADD was called with. DEL gives the IPAM plugin the same where no runtime tells it, or one
/// that has been configured otherwise since.
struct Request {
  std::string config;  ///< standard input
  std::string path;    ///< CNI_PATH
  std::string args;    ///< CNI_ARGS

  bool operator==(const Request&) const = default;
};

struct Record {
  Attachment attachment;
  std::string pod;  ///< "namespace/name", for people; empty if the runtime did not say
  std::string netns_path;
  net::NetnsId netns;
  std::string master;  ///< name of the master when ADD ran
  int master_index = 0;
  std::uint32_t table = 0;             ///< the NIC's routing table; 0 = none
  std::string ipam_type;               ///< empty = layer 2
  bool is_complete = false;            ///< ADD has ended well
  std::optional<ip::Mac> mac;          ///< the NIC's, once ADD has ended well
  std::uint32_t mtu = 0;               ///< likewise; 0 = not known
  std::optional<cni::AddResult> ipam;  ///< what IPAM said; CHECK plans with it
  std::optional<RdmaRecord> rdma;
  std::string device_info_file;  ///< ours to remove; empty = none
  std::optional<VlanRecord> vlan;
  std::uint32_t host_rule_table = 0;         ///< on the node; 0 = none
  std::vector<net::Route> node_routes;       ///< in that table, made or about to be
  std::vector<net::Route> overlay_defaults;  ///< main's before this NIC took it over
  /// In which the overlay NIC owned main's default when ADD came; nothing for a NIC without a
  /// table.
  std::vector<ip::Family> default_families;
  std::optional<Request> request;  ///< nothing if it was too long to be kept

  bool operator==(const Record&) const = default;
};

/// One attachment's journal, locked from the moment it exists: the lock excludes other calls for
/// the same attachment, and its absence tells that the call that wrote the journal is over.
class Journal {
 public:
  /// What becomes of an attachment without a journal. `claim`: an empty file takes its place and is
  /// locked, so that no other call for the attachment begins before this one has ended; where no
  /// file can be made, as `leave`.
  enum class IfMissing { leave, claim };

  /// Opens the journal if there is one and waits for its lock. A directory that is missing counts
  /// as no journal. One that others can write is refused (Code::io), since its content is believed.
  /// Whether there is a record that could not be read tells `may_be_there`.
  static Result<Journal> open(const std::string& directory, const Attachment& attachment,
                              const Budget& budget, IfMissing if_missing = IfMissing::leave);

  /// A journal that says nothing and of which nothing is to be removed.
  static Journal none(const Attachment& attachment);

  /// What the journal says. Nothing if there is no file, or one that is empty, cut short, foreign.
  [[nodiscard]] const std::optional<Record>& record() const { return record_; }

  /// Writes the record by way of a temporary file, 0600 in a 0700 directory, both made if needed.
  /// The lock is held without a gap. Fails with Code::try_again if another call for the attachment
  /// has come first, else with Code::io.
  Result<void> write(const Record& record);

  /// Removes the file, if its lock is ours. A missing one is fine. Fails with Code::io.
  Result<void> remove();

 private:
  Journal(std::string directory, const Attachment& attachment);

  Result<void> open_directory(bool create);
  Result<bool> open_file(const Budget& budget, IfMissing if_missing);
  [[nodiscard]] Result<Fd> lock_temporary() const;
  [[nodiscard]] Result<Fd> open_temporary() const;
  Result<void> replace_file();
  [[nodiscard]] std::string temporary() const { return file_ + ".new"; }
  [[nodiscard]] std::string name() const;  ///< for people

  std::string directory_;
  Attachment attachment_;
  std::string file_;  ///< name below the directory
  Fd directory_fd_;
  Fd fd_;  ///< the locked file; empty while there is none
  std::optional<Record> record_;
};

/// Fails with Code::io if an ADD could write no journal there: what is at the path cannot be
/// believed, or written to, or is not there and cannot be made. Makes nothing. A lack of room shows
/// later.
Result<void> check_writable(const std::string& directory);

/// Whether the record may be there all the same when `Journal::open` has failed so. What is at its
/// place may also be something that no ADD has written.
bool may_be_there(const Error& error);

/// Every record in the directory; without locks. Fails with Code::io where one cannot be read: who
/// asks whether others need a thing must not take that for no.
Result<std::vector<Record>> read_records(const std::string& directory);

/// Removes what calls that were killed have left beside their records: claims that say nothing, and
/// half-written files. Nothing that is younger than a minute, which somebody may be about to lock.
/// Fails with Code::io for a directory whose content is not believed. \return how many files were
/// removed
Result<int> remove_debris(const std::string& directory);

/// Files in the place of journals that are neither empty nor a record of ours: damaged, or written
/// by a version to come. Fails as `read_records`.
Result<std::vector<std::string>> find_unreadable(const std::string& directory);

/// Where the journal of an attachment is.
std::string journal_path(const std::string& directory, const Attachment& attachment);

/// JSON of a record, and back; parse gives nothing for what no `format_record` wrote.
std::string format_record(const Record& record);
std::optional<Record> parse_record(const std::string& text);

}  // namespace mvr::state
