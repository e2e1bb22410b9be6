// SPDX-License-Identifier: Apache-2.0
#include "support/machine.hpp"

#include <filesystem>
#include <map>
#include <sstream>

#include "support/catch.hpp"

namespace mvr::test {
namespace {

namespace fs = std::filesystem;
using Words = std::map<std::string, std::string>;

void put(const fs::path& path, const std::string& value) {
  fs::create_directories(path.parent_path());
  write_text(path, value + '\n');
}

/// A relative link, as those in sysfs are.
void link(const fs::path& from, const fs::path& to) {
  fs::create_directories(from.parent_path());
  if (!fs::is_symlink(from)) {
    fs::create_symlink(fs::relative(to, from.parent_path()), from);
  }
}

std::string get(const Words& words, const std::string& key, const std::string& otherwise = "") {
  const auto found = words.find(key);
  return found != words.end() ? found->second : otherwise;
}

void put_netdev(const fs::path& root, const fs::path& device, const Words& words) {
  const std::string name = get(words, "net");
  const fs::path netdev = device / "net" / name;
  put(netdev / "mtu", get(words, "mtu", "1500"));
  put(netdev / "operstate", get(words, "state", "up"));
  put(netdev / "speed", get(words, "speed", "-1"));
  put(netdev / "type", get(words, "type", "1"));
  put(netdev / "dev_port", get(words, "port", "0"));
  if (words.contains("port-name")) {
    put(netdev / "phys_port_name", get(words, "port-name"));
  }
  link(netdev / "device", device);
  link(root / "class/net" / name, netdev);
  if (words.contains("master")) {
    link(netdev / "master", root / "devices/virtual/net" / get(words, "master"));
  }
}

void put_device(const fs::path& root, const std::string& path, const Words& words) {
  const fs::path device = root / "devices" / path;
  const std::string id = get(words, "id");
  put(device / "class", "0x" + get(words, "class"));
  put(device / "vendor", "0x" + id.substr(0, 4));
  put(device / "device", "0x" + id.substr(5));
  put(device / "numa_node", get(words, "numa", "-1"));
  link(root / "bus/pci/devices" / device.filename(), device);
  if (words.contains("net")) {
    put_netdev(root, device, words);
  }
  if (words.contains("rdma")) {
    const std::string name = get(words, "rdma");
    fs::create_directories(device / "infiniband" / name);
    link(device / "infiniband" / name / "device", device);
    link(root / "class/infiniband" / name, device / "infiniband" / name);
  }
  if (words.contains("vf-of")) {
    link(device / "physfn", root / "devices" / get(words, "vf-of"));
  }
}

void put_bond(const fs::path& root, const std::string& name, const Words& words) {
  const fs::path bond = root / "devices/virtual/net" / name;
  fs::create_directories(bond / "bonding");
  put(bond / "mtu", get(words, "mtu", "1500"));
  put(bond / "operstate", get(words, "state", "up"));
  put(bond / "speed", get(words, "speed", "-1"));
  put(bond / "type", "1");
  link(root / "class/net" / name, bond);
}

void put_vlan(const fs::path& root, const std::string& name, const Words& words) {
  const fs::path vlan = root / "devices/virtual/net" / name;
  const std::string lower = get(words, "lower");
  put(vlan / "mtu", "1500");
  link(root / "class/net" / name, vlan);
  link(vlan / ("lower_" + lower), root / "class/net" / lower);
}

}  // namespace

Machine::Machine(const std::string& description) {
  const fs::path& root = dir_.path();
  fs::create_directories(root / "class/net");
  std::istringstream lines(description);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream parts(line.substr(0, line.find('#')));
    std::string kind;
    std::string name;
    if (!(parts >> kind >> name)) {
      continue;
    }
    Words words;
    for (std::string word; parts >> word;) {
      const std::size_t equals = word.find('=');
      REQUIRE(equals != std::string::npos);
      words[word.substr(0, equals)] = word.substr(equals + 1);
    }
    if (kind == "device") {
      put_device(root, name, words);
    } else if (kind == "bond") {
      put_bond(root, name, words);
    } else if (kind == "vlan") {
      put_vlan(root, name, words);
    } else {
      REQUIRE(kind == "default-route");
      default_route_.insert(name);
    }
  }
}

Machine Machine::read(const std::string& name) {
  const std::string text =
      read_text(MVR_SOURCE_DIR "/tests/golden/generate/machines/" + name + ".txt");
  REQUIRE_FALSE(text.empty());
  return Machine(text);
}

}  // namespace mvr::test
