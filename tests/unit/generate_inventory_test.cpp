// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is read from sysfs, and which NICs become rails of which GPUs.
#include <algorithm>
#include <numeric>
#include <random>

#include "generate_fixture.hpp"

using namespace mvr::ops;
using namespace mvr::ops::test;
using Words = std::vector<std::string>;

namespace {

NodeRails rails_of(const std::string& name, const std::set<std::string>& excluded = {}) {
  return choose_rails(inventory_of(Machine::read(name)), excluded);
}

PciDevice device(std::vector<std::string> path, int numa = 0) {
  return {std::move(path), "10de", "2330", numa};
}

/// The cheapest assignment by trying all: how many pairs there are of each distance, worst first.
std::vector<int> best_counts(const std::vector<std::vector<Distance>>& distances) {
  const std::size_t width = distances.front().size();
  std::vector<std::size_t> order(std::max(width, distances.size()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<int> best(5, 100);
  do {
    std::vector<int> counts(5);
    for (std::size_t row = 0; row < distances.size(); ++row) {
      if (order[row] < width) {
        ++counts[4U - static_cast<std::size_t>(distances[row][order[row]])];
      }
    }
    counts.back() = 0;  // the nearest cost nothing
    best = std::min(best, counts);
  } while (std::ranges::next_permutation(order).found);
  return best;
}

}  // namespace

TEST_CASE("a path in sysfs has a PCI part, or none", "[generate]") {
  CHECK(parse_pci_path("/sys/devices/pci0000:15/0000:15:01.0/0000:18:00.0") ==
        Words{"pci0000:15", "0000:15:01.0", "0000:18:00.0"});
  CHECK(parse_pci_path("/a/0000:99:00.0/devices/LNXSYSTM:00/pci0009:00/0009:00:00.0/net/x") ==
        Words{"pci0009:00", "0009:00:00.0"});
  CHECK(parse_pci_path("/sys/devices/pci0000:64/0000:64:00.5/pci10000:e0/10000:e0:02.0") ==
        Words{"pci0000:64", "0000:64:00.5", "pci10000:e0", "10000:e0:02.0"});
  CHECK(parse_pci_path("/sys/devices/virtual/net/bond0").empty());
  CHECK(parse_pci_path("/sys/devices/pci0000:15").empty());
  CHECK(parse_pci_path("").empty());
}

TEST_CASE("distances are those of nvidia-smi topo", "[generate]") {
  const PciDevice gpu = device({"pci0000:10", "10:01.0", "11:00.0", "12:00.0", "13:00.0"});
  const auto to = [&](std::vector<std::string> path, int numa = 0) {
    return distance_between(gpu, device(std::move(path), numa));
  };
  CHECK(to({"pci0000:10", "10:01.0", "11:00.0", "12:01.0", "14:00.0"}) == Distance::pix);
  CHECK(to({"pci0000:10", "10:01.0", "11:00.0", "12:00.0", "13:00.1"}) == Distance::pix);
  CHECK(to({"pci0000:10", "10:01.0", "11:00.0", "12:01.0", "15:00.0", "16:00.0", "17:00.0"}) ==
        Distance::pxb);
  CHECK(to({"pci0000:10", "10:03.0", "14:00.0"}) == Distance::phb);
  CHECK(to({"pci0000:20", "20:01.0", "21:00.0"}) == Distance::node);
  CHECK(to({"pci0000:20", "20:01.0", "21:00.0"}, 1) == Distance::sys);
  CHECK(distance_between(device({"pci0000:10", "a"}, -1), device({"pci0000:20", "b"}, -1)) ==
        Distance::sys);
}

TEST_CASE("an assignment is the best there is, and always the same", "[generate]") {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const std::size_t height = 1 + random() % 5;
    const std::size_t width = 1 + random() % 5;
    std::vector<std::vector<Distance>> distances(height, std::vector<Distance>(width));
    for (auto& row : distances) {
      std::ranges::generate(row, [&] { return static_cast<Distance>(random() % 5); });
    }
    const auto columns = assign(distances);
    std::vector<int> counts(5);
    std::set<std::size_t> taken;
    for (std::size_t row = 0; row < height; ++row) {
      if (columns[row]) {
        ++counts[4U - static_cast<std::size_t>(distances[row][*columns[row]])];
        CHECK(taken.insert(*columns[row]).second);
      }
    }
    counts.back() = 0;
    CHECK(taken.size() == std::min(height, width));
    CHECK(counts == best_counts(distances));
    CHECK(assign(distances) == columns);
  }
  const std::vector<std::vector<Distance>> equal(3, std::vector<Distance>(3, Distance::node));
  CHECK(assign(equal) == std::vector<std::optional<std::size_t>>{0, 1, 2});
  CHECK(assign({}).empty());
  CHECK(assign({{}}) == std::vector<std::optional<std::size_t>>{std::nullopt});
}

TEST_CASE("behind switches each GPU has its neighbour", "[generate]") {
  CHECK(pairs_of(rails_of("eight-switches")) ==
        Words{"enp24s0np0@0 PIX", "enp64s0np0@1 PIX", "enp79s0np0@2 PIX", "enp94s0np0@3 PIX",
              "enp154s0np0@4 PIX", "enp192s0np0@5 PIX", "enp206s0np0@6 PIX", "enp220s0np0@7 PIX"});
  CHECK(pairs_of(rails_of("four-switches")) ==
        Words{"ens1np0@0 PIX", "ens2np0@1 PIX", "ens11np0@2 PIX", "ens12np0@3 PIX",
              "ens21np0@4 PIX", "ens22np0@5 PIX", "ens31np0@6 PIX", "ens32np0@7 PIX"});
}

TEST_CASE("what stays for the last GPU is said to be far", "[generate]") {
  const NodeRails node = rails_of("no-switch");
  CHECK(pairs_of(node) ==
        Words{"ens3f0np0@0 NODE", "ens3f1np1@1 PHB", "ens5np0@2 SYS", "ens8np0@3 NODE"});
  REQUIRE(node.warnings.size() == 2);
  CHECK(node.warnings[0].starts_with("GPU 2 and ens5np0 are on different NUMA nodes"));
  CHECK(node.warnings[1] ==
        "the rails have different MTUs: 1500 (ens5np0), 9000 (ens3f0np0, ens3f1np1, ens8np0)");
}

TEST_CASE("a GPU for which no NIC is left is named", "[generate]") {
  const NodeRails node = rails_of("no-switch", {"ens5np0", "ens8np0"});
  CHECK(pairs_of(node) == Words{"ens3f0np0@0 NODE", "ens3f1np1@1 PHB"});
  REQUIRE(node.warnings.size() == 1);
  CHECK(node.warnings[0] == "no NIC is left for GPU 2, 3: they share the rails of the others");
  CHECK(stream_of(survey_of({inventory_of(Machine::read("no-switch"))}, {"ens8np0"}))
            .find("name: rail1-macvlan") != std::string::npos);
}

TEST_CASE("what is left out has a reason", "[generate]") {
  const NodeRails dgx = rails_of("eight-switches");
  CHECK(reason_of(dgx, "enp41s0f0np0") == "slower than the rails, and no GPU near");
  CHECK(reason_of(dgx, "eno3") == "the node's default route: management");
  CHECK(reason_of(rails_of("eight-switches", {"enp24s0np0"}), "enp24s0np0") ==
        "excluded by --exclude");
  const NodeRails four = rails_of("four-switches");
  CHECK(reason_of(four, "eno1np0") == "slower than the rails, and no GPU near");
  CHECK(reason_of(four, "eno2np1") == "down: no link, or not set up");
  const NodeRails none = rails_of("no-gpu");
  CHECK(pairs_of(none) == Words{"enp49s0f0np0", "enp49s0f1np1", "enp177s0np0"});
  CHECK(reason_of(none, "eno1np0") == "part of bond0");
  CHECK(reason_of(none, "bond0").starts_with("a bond"));
  CHECK(reason_of(none, "ibp193s0").starts_with("no Ethernet"));
  const NodeRails virtuals = rails_of("virtual-functions");
  CHECK(pairs_of(virtuals) == Words{"ens1np0@0 PIX", "ens2np0@1 PIX"});
  CHECK(reason_of(virtuals, "ens1v3") == "a virtual or scalable function");
  CHECK(reason_of(virtuals, "ens2np0r1").starts_with("a representor"));
  CHECK(reason_of(virtuals, "eno1") == "no RDMA device");
  CHECK(reason_of(rails_of("superchip"), "enP2p1s0f0np0") ==
        "slower than the rails, and no GPU near");
}

TEST_CASE("a NIC that no GPU needs is left out", "[generate]") {
  const NodeRails node = choose_rails(
      inventory_of(Machine(
          "device pci0000:10/0000:10:01.0/0000:11:00.0 class=030200 id=10de:2330 numa=0\n"
          "device pci0000:20/0000:20:01.0/0000:21:00.0 class=020000 id=15b3:1021 numa=1 net=far "
          "rdma=a speed=400000\n"
          "device pci0000:30/0000:30:01.0/0000:31:00.0 class=020000 id=15b3:1021 numa=0 net=near "
          "rdma=b speed=400000\n")),
      {});
  CHECK(pairs_of(node) == Words{"near@0 NODE"});
  CHECK(reason_of(node, "far") == "every GPU has a NIC that is nearer, or as near");
}

TEST_CASE("each port of a device has its own RDMA device, or shares one", "[generate]") {
  const Inventory two = inventory_of(Machine(
      "device pci0000:10/0000:10:01.0/0000:11:00.0 class=020000 id=15b3:1007 net=a port=0 rdma=r0\n"
      "device pci0000:10/0000:10:01.0/0000:11:00.0 class=020000 id=15b3:1007 net=b port=1\n"));
  REQUIRE(two.nics.size() == 2);
  CHECK(two.nics[0].rdma == "r0");
  CHECK(two.nics[1].rdma == "r0");
}

TEST_CASE("a device may be a part of a PCI device", "[generate]") {
  const std::string pci = "pci0000:10/0000:10:01.0/0000:11:00.0";
  const Inventory parts =
      inventory_of(Machine("device " + pci + " class=020000 id=15b3:1021 numa=1\n" + "device " +
                           pci + "/virtio0 class=0 id=1af4:0001 net=a\n" + "device " + pci +
                           "/mlx5_core.sf.4 class=0 id=0000:0000 net=b rdma=mlx5_4\n"));
  REQUIRE(parts.nics.size() == 2);
  CHECK(parts.nics[0].pci.vendor == "15b3");
  CHECK(parts.nics[0].pci.numa == 1);
  CHECK(parts.nics[0].kind == NicKind::physical);
  CHECK(parts.nics[1].kind == NicKind::virtual_function);
  CHECK(parts.nics[1].rdma == "mlx5_4");
}

TEST_CASE("the default route marks the NIC below a VLAN", "[generate]") {
  const Inventory node = inventory_of(Machine(
      "device pci0000:10/0000:10:01.0/0000:11:00.0 class=020000 id=15b3:1021 net=a rdma=r0\n"
      "device pci0000:20/0000:20:01.0/0000:21:00.0 class=020000 id=15b3:1021 net=b rdma=r1\n"
      "vlan a.20 lower=a\n"
      "vlan a.20.3 lower=a.20\n"
      "default-route a.20.3\n"));
  REQUIRE(node.nics.size() == 2);
  CHECK(node.nics[0].has_default_route);
  CHECK_FALSE(node.nics[1].has_default_route);
}

TEST_CASE("default routes are those of both families", "[generate]") {
  using Names = std::set<std::string>;
  const std::string v4 =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eno1\t00000000\t010A010A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
      "eno2\t00000000\t010A010A\t0003\t0\t0\t100\t000000FE\t0\t0\t0\n"
      "eno3\t000A010A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";
  const std::string any(32, '0');
  const std::string rest =
      " 00000000000000000000000000000000 00 " + any + " 00000400 00000001 00000000 00000003    ";
  const std::string v6 = any + " 00" + rest + " eno4\n" + any + " 00" + rest + "   lo\n" + "fe80" +
                         any.substr(4) + " 40" + rest + " eno5\n";
  CHECK(parse_default_routes(v4, v6) == Names{"eno1", "eno4"});
  CHECK(parse_default_routes("", "\n\n").empty());
}

TEST_CASE("a tree that is no sysfs is refused", "[generate]") {
  const auto read = read_inventory("/nowhere", "x", {});
  REQUIRE_FALSE(read);
  CHECK(read.error().code == mvr::Code::io);
}

TEST_CASE("an inventory survives its way as JSON", "[generate]") {
  for (const char* name : {"eight-switches", "no-gpu", "virtual-functions", "superchip"}) {
    INFO(name);
    const Inventory inventory = inventory_of(Machine::read(name));
    CHECK(unwrap(parse_inventory(format_inventory(inventory))) == inventory);
  }
}

TEST_CASE("an inventory that is none says what is wrong", "[generate]") {
  const auto refusal = [](const std::string& text) {
    const auto parsed = parse_inventory(text);
    return parsed ? "" : parsed.error().msg;
  };
  CHECK(refusal("[]").find("not a JSON object") != std::string::npos);
  CHECK(refusal("{").find("not a JSON object") != std::string::npos);
  CHECK(refusal("{}").find("--inventory") != std::string::npos);
  CHECK(refusal(R"({"format": 2})").find("no inventory of format 1") != std::string::npos);
  CHECK(refusal(R"({"format": 1, "node": "a", "gpus": []})") == "\"nics\" is missing, or no list");
  json broken = json::parse(format_inventory(inventory_of(Machine::read("no-gpu"))));
  broken["nics"][2]["mtu"] = "9000";
  CHECK(refusal(broken.dump()) == "nics/2: \"mtu\" is missing, or no integer");
  broken["nics"][2]["pci"]["path"] = json{1};
  broken["nics"][2]["mtu"] = 9000;
  CHECK(refusal(broken.dump()) == "nics/2: \"path\" is missing, or no list of strings");
  broken["nics"][1]["kind"] = "odd";
  CHECK(refusal(broken.dump()) == "nics/1: \"kind\" is missing, or no known kind");
}
