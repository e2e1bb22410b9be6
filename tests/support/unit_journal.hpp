// SPDX-License-Identifier: Apache-2.0
/// \file
/// Journals for tests: a record, short and long patience, a gate between processes.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <string>

#include "mvr/state/journal.hpp"
#include "support/print.hpp"
#include "support/unit_dir.hpp"

namespace mvr::test {

inline const state::Attachment kNet1Attachment{"gpu1-macvlan", "0123abcd", "net1"};

inline state::Record make_record(const state::Attachment& attachment = kNet1Attachment) {
  state::Record record;
  record.attachment = attachment;
  record.netns_path = "/run/netns/pod1";
  record.netns = {4, 4026532000};
  record.master = "enp11s0f0np0";
  record.master_index = 11;
  record.table = 101;
  record.ipam_type = "host-local";
  return record;
}

/// For what must not succeed, and for what must.
inline Budget soon() {
  return Budget::grace(std::chrono::milliseconds(30));
}
inline Budget later() {
  return Budget::grace(std::chrono::seconds(20));
}

inline state::Journal open_journal(
    const std::string& directory, const state::Attachment& attachment = kNet1Attachment,
    state::Journal::IfMissing if_missing = state::Journal::IfMissing::leave) {
  return unwrap(state::Journal::open(directory, attachment, soon(), if_missing));
}

inline std::string journal_file(const std::string& directory) {
  return directory + '/' + digest(kNet1Attachment) + ".json";
}

/// A pipe by which one process lets another one go on.
struct Gate {
  std::array<int, 2> ends{-1, -1};

  Gate() { REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
  ~Gate() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void open() const { static_cast<void>(!::write(ends[1], "x", 1)); }
  [[nodiscard]] bool pass() const {
    char c = 0;
    return ::read(ends[0], &c, 1) == 1;
  }
  [[nodiscard]] bool is_open_within(int milliseconds) const {
    pollfd entry{ends[0], POLLIN, 0};
    return ::poll(&entry, 1, milliseconds) == 1;
  }
};

}  // namespace mvr::test
