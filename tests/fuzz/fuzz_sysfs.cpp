// SPDX-License-Identifier: Apache-2.0
// A port's files in sysfs: a line for each entry of its GID table, "GID TYPE"; the first line is
// the target of the device's link.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz.hpp"
#include "mvr/base/text.hpp"
#include "mvr/rdma/gid.hpp"

using mvr::fuzz::require;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostEntries = 16;

/// In memory, made once; the entries are written anew for each input.
class Sysfs {
 public:
  Sysfs() {
    std::string path = "/dev/shm/fuzz-sysfs.XXXXXX";
    require(::mkdtemp(path.data()) != nullptr);
    root_ = path;
    fs::create_directories(port() / "gids");
    fs::create_directories(port() / "gid_attrs/types");
  }
  Sysfs(const Sysfs&) = delete;
  Sysfs& operator=(const Sysfs&) = delete;
  ~Sysfs() { fs::remove_all(root_); }

  [[nodiscard]] mvr::Fd open() const {
    return mvr::Fd(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  void put_link(std::string_view target) const {
    const fs::path link = root_ / "class/infiniband/rxe0/device";
    fs::remove(link);
    static_cast<void>(::symlink(std::string(target).c_str(), link.c_str()));
  }

  void put_entry(std::size_t index, std::string_view line) const {
    const std::string_view gid = line.substr(0, line.find(' '));
    const std::string name = std::to_string(index);
    std::ofstream(port() / "gids" / name) << gid << '\n';
    std::ofstream(port() / "gid_attrs/types" / name)
        << line.substr(std::min(line.size(), gid.size() + 1)) << '\n';
  }

  void remove_entries_from(std::size_t index) const {
    for (; fs::remove(port() / "gids" / std::to_string(index)); ++index) {
      fs::remove(port() / "gid_attrs/types" / std::to_string(index));
    }
  }

 private:
  [[nodiscard]] fs::path port() const { return root_ / "class/infiniband/rxe0/ports/1"; }

  fs::path root_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Sysfs sysfs;
  const auto lines = mvr::split(mvr::fuzz::text_of(data, size), '\n');
  sysfs.put_link(lines.front());
  const std::size_t count = std::min(lines.size() - 1, kMostEntries);
  for (std::size_t i = 0; i < count; ++i) {
    sysfs.put_entry(i, lines[i + 1]);
  }
  sysfs.remove_entries_from(count);

  const mvr::Fd root = sysfs.open();
  const auto table = mvr::rdma::GidTable::open(root, "rxe0", 1);
  require(table.has_value());
  for (const char* text : {"172.16.11.10", "fd00::1", "::"}) {
    const auto index = table->find(*mvr::ip::Address::parse(text));
    require(!index || *index < count);
    static_cast<void>(table->is_nearly_full(index.value_or(0)));
  }
  const auto pci = mvr::rdma::read_pci_address(root, "rxe0");
  require(!pci || pci->find('/') == std::string::npos);
  return 0;
}
