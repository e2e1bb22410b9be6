// SPDX-License-Identifier: Apache-2.0
#include "vm/support/rdma_state.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

constexpr const char* kNoGid = "::";

/// A sysfs of the namespace, mounted nowhere; what it shows is decided when it is made.
Fd open_sysfs(const std::string& netns) {
  const Inside inside(netns);
  const Fd context(fsopen("sysfs", FSOPEN_CLOEXEC));
  if (!context || fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    FAIL("sysfs of '" << netns << "': " << std::strerror(errno));
  }
  return Fd(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
}

/// The text of a file without its newline; nothing if it cannot be read, as types of unused
/// entries.
std::optional<std::string> read_at(const Fd& dir, const std::string& path) {
  const Fd fd(openat(dir.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> buffer;
  const ssize_t count = fd ? read(fd.get(), buffer.data(), buffer.size()) : -1;
  if (count < 0) {
    return std::nullopt;
  }
  const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
  return std::string(text.substr(0, text.find('\n')));
}

/// sysfs writes all eight groups with all their digits.
std::string shorten(const std::string& address) {
  in6_addr bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_pton(AF_INET6, address.c_str(), &bytes) != 1) {
    FAIL("no GID: " << address);
  }
  return inet_ntop(AF_INET6, &bytes, text.data(), text.size());
}

std::string as_gid(const std::string& address) {
  return address.find(':') == std::string::npos ? "::ffff:" + address : shorten(address);
}

json run_json(const Command& command) {
  const Output output = run(command);
  INFO(join(command.argv, " ") << ": " << output.err);
  REQUIRE(output.status == 0);
  return json::parse(output.out, nullptr, false);
}

}  // namespace

json rdma_json(const std::string& netns, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"rdma", "-j"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_json({.argv = argv, .netns = netns_path(netns)});
}

std::vector<std::string> read_rdma_devices(const std::string& netns) {
  std::vector<std::string> result;
  for (const json& device : rdma_json(netns, {"dev", "show"})) {
    result.push_back(device.at("ifname"));
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::string read_rdma_netdev(const std::string& netns, const std::string& device) {
  for (const json& link : rdma_json(netns, {"link", "show"})) {
    if (link.at("ifname") == device) {
      return link.value("netdev", "");
    }
  }
  return "";
}

std::vector<Gid> read_gids(const std::string& netns, const std::string& device) {
  const Fd sysfs = open_sysfs(netns);
  const std::string port = "class/infiniband/" + device + "/ports/1/";
  std::vector<Gid> result;
  for (unsigned index = 0;; ++index) {
    const std::string number = std::to_string(index);
    const auto gid = read_at(sysfs, port + "gids/" + number);
    if (!gid) {
      return result;
    }
    if (const std::string address = shorten(*gid); address != kNoGid) {
      const std::string attributes = port + "gid_attrs/";
      result.push_back({index, address, read_at(sysfs, attributes + "types/" + number).value_or(""),
                        read_at(sysfs, attributes + "ndevs/" + number).value_or("")});
    }
  }
}

std::optional<unsigned> find_gid(const std::string& netns, const std::string& device,
                                 const std::string& address) {
  for (const Gid& gid : read_gids(netns, device)) {
    if (gid.type == "RoCE v2" && gid.address == as_gid(address)) {
      return gid.index;
    }
  }
  return std::nullopt;
}

std::vector<json> query_gids(const std::string& netns, const std::string& device) {
  const Output output = run({.argv = {MVR_GID_TABLE, device, "1"}, .netns = netns_path(netns)});
  INFO(output.err);
  REQUIRE(output.status == 0);
  std::vector<json> result;
  for (const std::string_view line : split(output.out, '\n')) {
    if (!line.empty()) {
      result.push_back(json::parse(line));
    }
  }
  return result;
}

}  // namespace mvr::test
