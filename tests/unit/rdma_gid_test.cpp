// SPDX-License-Identifier: Apache-2.0
// The GID table and a device's place, on directories that are made as the kernel's sysfs is.
#include <errno.h>
#include <fcntl.h>

#include "mvr/rdma/gid.hpp"
#include "support/unit_dir.hpp"
#include "support/unit_pod.hpp"

using mvr::Code;
using mvr::Fd;
using namespace mvr::rdma;
using namespace mvr::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kV1 = "IB/RoCE v1";
constexpr const char* kV2 = "RoCE v2";
constexpr const char* kNoGid = "0000:0000:0000:0000:0000:0000:0000:0000";

/// The sysfs of a node with the device mlx5_0 of the PCI device 0000:0b:00.0, and rxe0 of none.
class Sysfs {
 public:
  Sysfs() {
    fs::create_directories(pci() / "infiniband/mlx5_0/ports/1/gids");
    fs::create_directories(pci() / "infiniband/mlx5_0/ports/1/gid_attrs/types");
    fs::create_directory_symlink("../../../0000:0b:00.0", pci() / "infiniband/mlx5_0/device");
    fs::create_directories(root() / "devices/virtual/infiniband/rxe0/ports/1/gids");
    fs::create_directories(root() / "class/infiniband");
    link_class("mlx5_0", "pci0000:00/0000:0b:00.0/infiniband/mlx5_0");
    link_class("rxe0", "virtual/infiniband/rxe0");
  }

  [[nodiscard]] fs::path root() const { return dir_.path(); }
  [[nodiscard]] fs::path pci() const { return root() / "devices/pci0000:00/0000:0b:00.0"; }
  [[nodiscard]] Fd open() const {
    return Fd(::open(root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  void link_class(const std::string& device, const std::string& place) const {
    fs::create_directory_symlink("../../devices/" + place, root() / "class/infiniband" / device);
  }

  /// The next entry of mlx5_0; one without a type cannot be asked for it.
  void add(const std::string& gid, const std::string& type = "") {
    const fs::path port = pci() / "infiniband/mlx5_0/ports/1";
    const std::string index = std::to_string(entries_++);
    write_text(port / "gids" / index, gid + '\n');
    if (type.empty()) {
      fs::create_directory(port / "gid_attrs/types" / index);
    } else {
      write_text(port / "gid_attrs/types" / index, type + '\n');
    }
  }
  void add_empty(int count) {
    for (int i = 0; i < count; ++i) {
      add(kNoGid);
    }
  }

  [[nodiscard]] GidTable table() const { return unwrap(GidTable::open(open(), "mlx5_0", 1)); }

 private:
  ScratchDir dir_;
  int entries_ = 0;
};

}  // namespace

TEST_CASE("an IPv4 address' GID is the address mapped into IPv6", "[rdma]") {
  const auto address = addr("10.1.2.3");
  CHECK(is_gid_of("0000:0000:0000:0000:0000:ffff:0a01:0203", address));
  for (const char* other :
       {"0000:0000:0000:0000:0000:ffff:0a01:0204", "0000:0000:0000:0000:0000:0000:0a01:0203",
        "fe80:0000:0000:0000:0000:ffff:0a01:0203", "0000:0000:0000:0000:0001:ffff:0a01:0203",
        kNoGid, "10.1.2.3"}) {
    INFO(other);
    CHECK_FALSE(is_gid_of(other, address));
  }
}

TEST_CASE("an IPv6 address' GID is the address itself", "[rdma]") {
  const std::string gid = "fd00:0011:0000:0000:0000:0000:0000:000a";
  CHECK(is_gid_of(gid, addr("fd00:11::a")));
  CHECK_FALSE(is_gid_of(gid, addr("fd00:11::b")));
  CHECK_FALSE(is_gid_of(kNoGid, addr("fd00:11::a")));
  CHECK(is_gid_of("fe80:0000:0000:0000:f416:94ff:fead:0cde", addr("fe80::f416:94ff:fead:cde")));
}

TEST_CASE("a text that is no GID is that of no address", "[rdma]") {
  for (const char* text : {"", "\n", ":", "RoCE v2", "0000:0000:0000:0000:0000:ffff:0a01",
                           "0000:0000:0000:0000:0000:ffff:0a01:0203\n",
                           "0000:0000:0000:0000:0000:ffff:0a01:0203:0000", "g000::1"}) {
    INFO(text);
    CHECK_FALSE(is_gid_of(text, addr("10.1.2.3")));
    CHECK_FALSE(is_gid_of(text, addr("fd00:11::a")));
  }
}

TEST_CASE("the RoCE v2 entry of an address is found, not the others", "[rdma]") {
  Sysfs sysfs;
  sysfs.add("fe80:0000:0000:0000:f416:94ff:fead:0cde", kV1);
  sysfs.add("fe80:0000:0000:0000:f416:94ff:fead:0cde", kV2);
  sysfs.add("0000:0000:0000:0000:0000:ffff:ac10:0b0a", kV1);
  sysfs.add("0000:0000:0000:0000:0000:ffff:ac10:0b0a", kV2);
  sysfs.add("fd00:0011:0000:0000:0000:0000:0000:000a", kV2);
  sysfs.add("0000:0000:0000:0000:0000:ffff:ac10:0b0b", kV1);
  sysfs.add("0000:0000:0000:0000:0000:ffff:ac10:0b0c");
  sysfs.add_empty(3);
  const GidTable table = sysfs.table();
  CHECK(table.find(addr("172.16.11.10")) == 3);
  CHECK(table.find(addr("fd00:11::a")) == 4);
  CHECK(table.find(addr("fe80::f416:94ff:fead:cde")) == 1);
  CHECK_FALSE(table.find(addr("172.16.11.11")));
  CHECK_FALSE(table.find(addr("172.16.11.12")));
  CHECK_FALSE(table.find(addr("172.16.11.99")));
}

TEST_CASE("an entry behind free ones is found, the lowest of two", "[rdma]") {
  Sysfs sysfs;
  sysfs.add_empty(20);
  sysfs.add("0000:0000:0000:0000:0000:ffff:ac10:0b0a", kV2);
  sysfs.add_empty(1);
  sysfs.add("0000:0000:0000:0000:0000:ffff:ac10:0b0a", kV2);
  CHECK(sysfs.table().find(addr("172.16.11.10")) == 20);
}

TEST_CASE("an entry that comes later is seen in an open table", "[rdma]") {
  Sysfs sysfs;
  const GidTable table = sysfs.table();
  CHECK_FALSE(table.find(addr("172.16.11.10")));
  sysfs.add("0000:0000:0000:0000:0000:ffff:ac10:0b0a", kV2);
  CHECK(table.find(addr("172.16.11.10")) == 0);
}

TEST_CASE("an entry without a line end, and one that never ends, do no harm", "[rdma]") {
  Sysfs sysfs;
  sysfs.add(std::string(5000, 'f'), kV2);
  const fs::path gids = sysfs.pci() / "infiniband/mlx5_0/ports/1/gids";
  write_text(gids / "0", "0000:0000:0000:0000:0000:ffff:ac10:0b0a");
  CHECK(sysfs.table().find(addr("172.16.11.10")) == 0);
  write_text(gids / "0", std::string(5000, 'f'));
  CHECK_FALSE(sysfs.table().find(addr("172.16.11.10")));
}

TEST_CASE("a port that a device does not have has no GID table", "[rdma]") {
  const Sysfs sysfs;
  for (const auto& [device, port] : {std::pair{"mlx5_0", 2U}, {"mlx5_1", 1U}, {"", 1U}}) {
    const auto error = refused(GidTable::open(sysfs.open(), device, port));
    CHECK(error.code == Code::io);
    CHECK(error.sys_errno == ENOENT);
  }
}

TEST_CASE("a GID table is nearly full when nine tenths are taken", "[rdma]") {
  Sysfs sysfs;
  const GidTable table = sysfs.table();
  unsigned made = 0;
  // Entries in all, and the lowest index of a new one that is to be mentioned.
  for (const auto& [size, first] :
       {std::pair{1U, 0U}, {2U, 1U}, {16U, 14U}, {128U, 115U}, {256U, 230U}}) {
    for (; made < size; ++made) {
      sysfs.add(kNoGid, kV2);
    }
    INFO(size);
    for (std::uint32_t newest = 0; newest < size; ++newest) {
      CHECK(table.is_nearly_full(newest) == (newest >= first));
      CHECK((10 * (newest + 1) >= 9 * size) == (newest >= first));
    }
  }
}

TEST_CASE("a device's PCI address is that of the device that it belongs to", "[rdma]") {
  const Sysfs sysfs;
  CHECK(read_pci_address(sysfs.open(), "mlx5_0") == "0000:0b:00.0");
  CHECK_FALSE(read_pci_address(sysfs.open(), "rxe0"));
  CHECK_FALSE(read_pci_address(sysfs.open(), "mlx5_1"));
}

TEST_CASE("a device of the auxiliary bus has no PCI address", "[rdma]") {
  const Sysfs sysfs;
  const fs::path place = sysfs.pci() / "mlx5_core.sf.4/infiniband/mlx5_2";
  fs::create_directories(place);
  fs::create_directory_symlink("../../../mlx5_core.sf.4", place / "device");
  sysfs.link_class("mlx5_2", "pci0000:00/0000:0b:00.0/mlx5_core.sf.4/infiniband/mlx5_2");
  CHECK_FALSE(read_pci_address(sysfs.open(), "mlx5_2"));
}
