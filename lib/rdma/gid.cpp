// SPDX-License-Identifier: Apache-2.0
#include "mvr/rdma/gid.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "mvr/base/text.hpp"

namespace mvr::rdma {
namespace {

std::string device_path(const std::string& device) {
  return "class/infiniband/" + device;
}

}  // namespace

Result<Fd> open_sysfs() {
  const Fd context(::fsopen("sysfs", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return fail(sys_error(Code::io, errno, "sysfs of the pod"));
  }
  Fd root(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY));
  if (!root) {
    return fail(sys_error(Code::io, errno, "sysfs of the pod"));
  }
  return root;
}

Result<Fd> open_host_sysfs() {
  Fd root(::open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    return fail(sys_error(Code::io, errno, "/sys"));
  }
  return root;
}

Result<GidTable> GidTable::open(const Fd& sysfs, const std::string& device, std::uint32_t port) {
  const std::string path = device_path(device) + "/ports/" + std::to_string(port);
  Fd directory(::openat(sysfs.get(), path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return fail(sys_error(Code::io, errno, "sysfs " + path));
  }
  return GidTable(std::move(directory));
}

std::optional<std::string> GidTable::read(const std::string& path) const {
  constexpr std::size_t kLongest = 64;  // a GID has 39 characters, a type's name fewer
  const Fd file(::openat(port_.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return std::nullopt;
  }
  auto text = read_all(file.get(), kLongest);
  if (!text) {
    return std::nullopt;
  }
  text->resize(std::min(text->find('\n'), text->size()));
  return *std::move(text);
}

std::optional<std::uint32_t> GidTable::find(const ip::Address& address) const {
  for (std::uint32_t i = 0;; ++i) {
    const auto gid = read("gids/" + std::to_string(i));
    if (!gid) {
      return std::nullopt;
    }
    // Each address has an entry for RoCE v1 as well, with the same GID.
    if (is_gid_of(*gid, address) && read("gid_attrs/types/" + std::to_string(i)) == "RoCE v2") {
      return i;
    }
  }
}

bool GidTable::is_nearly_full(std::uint32_t newest) const {
  // Nine tenths are taken when the table ends within a ninth of what lies before.
  const std::string beyond = "gids/" + std::to_string(newest + newest / 9 + 1);
  return ::faccessat(port_.get(), beyond.c_str(), F_OK, 0) != 0;
}

bool is_gid_of(const std::string& text, const ip::Address& address) {
  const auto gid = ip::Address::parse(text);
  if (!gid || gid->family() != ip::Family::v6) {
    return false;
  }
  if (address.family() == ip::Family::v6) {
    return *gid == address;
  }
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const auto bytes = gid->bytes();
  return std::ranges::equal(bytes.first(kMapped.size()), kMapped) &&
         std::ranges::equal(bytes.subspan(kMapped.size()), address.bytes());
}

std::optional<std::string> read_pci_address(const Fd& sysfs, const std::string& device) {
  std::array<char, PATH_MAX> target{};
  const std::string path = device_path(device) + "/device";
  const ssize_t length = ::readlinkat(sysfs.get(), path.c_str(), target.data(), target.size());
  if (length <= 0) {
    return std::nullopt;
  }
  // "../../../0000:0b:00.0"; what lies on the auxiliary bus ends in no colon and digits.
  std::string name(target.data(), static_cast<std::size_t>(length));
  name.erase(0, name.rfind('/') + 1);
  return name.find(':') != std::string::npos ? std::optional(name) : std::nullopt;
}

}  // namespace mvr::rdma
