// SPDX-License-Identifier: Apache-2.0
/// \file
/// The files that `generate` writes, compared with those that people have read.
#include <filesystem>

#include "generate_fixture.hpp"
#include "mvr/base/text.hpp"
#include "mvr/cni/netconf.hpp"
#include "support/golden.hpp"

using namespace mvr::ops;
using namespace mvr::ops::test;
using mvr::test::check_golden;
using mvr::test::read_text;

namespace {

RailsFile scenario_file() {
  return unwrap(parse_rails_file(read_text(MVR_SOURCE_DIR "/conf/rails.yaml")));
}

/// A file that speaks of the first rails only.
RailsFile short_file(std::size_t rails, Ipam ipam = Ipam::host_local) {
  RailsFile file = scenario_file();
  file.rails.resize(rails);
  file.ipam = ipam;
  return file;
}

/// A GPU and a NIC behind each of some switches.
std::string server(const std::vector<std::string>& nics, const std::string& mtu = "9000") {
  std::string text;
  for (std::size_t i = 0; i < nics.size(); ++i) {
    const std::string bus = std::to_string(i + 1);
    const std::string base =
        "device pci0000:" + bus + "0/0000:" + bus + "0:01.0/0000:" + bus + "1:00.0/0000:" + bus;
    text += base + "2:00.0/0000:" + bus + "3:00.0 class=030200 id=10de:2330 numa=0\n" + base +
            "2:01.0/0000:" + bus + "4:00.0 class=020000 id=15b3:1017 numa=0 net=" + nics[i] +
            " rdma=mlx5_" + std::to_string(i) + " speed=100000 mtu=" + mtu + '\n';
  }
  return text;
}

Inventory server_named(const std::string& node, const std::vector<std::string>& nics,
                       const std::string& mtu = "9000") {
  return inventory_of(Machine(server(nics, mtu)), node);
}

/// The rail of two families that the example tells of in its comments.
RailsFile dual_file() {
  const std::string example = read_text(MVR_SOURCE_DIR "/conf/rails.yaml");
  std::string text = "rails:\n";
  for (const std::string_view line : mvr::split(example, '\n')) {
    if (line.starts_with("#     ") && line.find(": [") != std::string_view::npos) {
      text += (text.ends_with("rails:\n") ? "  - " : "    ") + std::string(line.substr(6)) + '\n';
    }
  }
  RailsFile file = unwrap(parse_rails_file(text));
  REQUIRE(file.rails.at(0).subnets.size() == 2);
  return file;
}

std::string refusal_of(const Survey& survey, const RailsFile& file) {
  const auto planned = plan_rails(survey, file);
  return planned ? "" : planned.error().msg;
}

}  // namespace

TEST_CASE("the machines' files are those that were read", "[generate]") {
  for (const auto& [name, rails] :
       {std::pair("eight-switches", 8), std::pair("four-switches", 8), std::pair("no-switch", 0),
        std::pair("superchip", 1), std::pair("no-gpu", 3), std::pair("virtual-functions", 0)}) {
    INFO(name);
    const Survey survey = survey_of({inventory_of(Machine::read(name))});
    std::optional<RailsFile> file;
    if (rails > 0) {
      file = short_file(static_cast<std::size_t>(rails));
    }
    check_golden(std::string("generate/") + name + ".yaml", stream_of(survey, file));
  }
  check_golden("generate/superchip.json",
               format_inventory(inventory_of(Machine::read("superchip"))));
}

TEST_CASE("the plugin takes what was generated", "[generate]") {
  const Survey survey = survey_of({inventory_of(Machine::read("eight-switches"))});
  for (const Ipam ipam : {Ipam::host_local, Ipam::whereabouts, Ipam::spiderpool}) {
    const auto configs = configs_of(stream_of(survey, short_file(8, ipam)));
    REQUIRE(configs.size() == 8);
    for (const std::string& config : configs) {
      INFO(config);
      const auto parsed = unwrap(mvr::cni::parse_netconf(config, R"({"strict": true})"));
      CHECK(parsed.problems.empty());
      CHECK(parsed.warnings.empty());
    }
  }
}

TEST_CASE("the plugin refuses what still has to be filled in", "[generate]") {
  const auto configs = configs_of(stream_of(survey_of({server_named("a", {"x", "y"})})));
  REQUIRE(configs.size() == 2);
  const auto parsed = unwrap(mvr::cni::parse_netconf(configs[0], "{}"));
  REQUIRE(parsed.problems.size() == 2);
  CHECK(parsed.problems[0].code == mvr::Code::bad_config);
  CHECK(parsed.problems[0].msg.find("CHANGE-ME") != std::string::npos);
}

TEST_CASE("the scenario's files come out as they are in conf", "[generate]") {
  std::vector<std::string> nics;
  for (int n = 11; n <= 18; ++n) {
    nics.push_back("enp" + std::to_string(n) + "s0f0np0");
  }
  const std::string stream = stream_of(survey_of({server_named("a", nics)}), scenario_file());
  const auto networks = objects_of(stream, "NetworkAttachmentDefinition");
  REQUIRE(networks.size() == 8);
  for (const json& network : networks) {
    const std::string name = network.at("metadata").at("name");
    const std::string path = MVR_SOURCE_DIR "/conf/networks/" + name + ".yaml";
    CHECK(network == unwrap(parse_documents(read_text(path))).at(0).value);
  }
  const std::string map = read_text(MVR_SOURCE_DIR "/conf/device-plugin/configmap.yaml");
  CHECK(objects_of(stream, "ConfigMap").at(0) == unwrap(parse_documents(map)).at(0).value);
  const json pod = unwrap(parse_documents(read_text(MVR_SOURCE_DIR "/conf/pod.yaml"))).at(0).value;
  const json container = pod.at("spec").at("containers").at(0);
  const json ours = objects_of(stream, "Pod").at(0);
  CHECK(ours.at("spec").at("containers").at(0).at("resources") == container.at("resources"));
  const char* key = "k8s.v1.cni.cncf.io/networks";
  CHECK(ours.at("metadata").at("annotations").at(key) ==
        pod.at("metadata").at("annotations").at(key));
}

TEST_CASE("other IPAM plugins have words of their own", "[generate]") {
  const Survey survey = survey_of({server_named("a", {"x"})});
  check_golden("generate/whereabouts.yaml", stream_of(survey, short_file(1, Ipam::whereabouts)));
  RailsFile file = short_file(1, Ipam::spiderpool);
  check_golden("generate/spiderpool.yaml", stream_of(survey, file));
  CHECK(objects_of(stream_of(survey, file), "SpiderIPPool").size() == 1);
  file.rails[0].subnets[0].range.reset();
  file.rails[0].subnets[0].pool = "mine";
  CHECK(objects_of(stream_of(survey, file), "SpiderIPPool").empty());
  CHECK(json::parse(configs_of(stream_of(survey, file)).at(0)).at("ipam") ==
        json{{"type", "spiderpool"}, {"default_ipv4_ippool", {"mine"}}});
}

TEST_CASE("a rail may have IPv4 and IPv6", "[generate]") {
  const Survey survey = survey_of({server_named("a", {"x"})});
  for (const auto& [name, ipam] : {std::pair("dual-host-local", Ipam::host_local),
                                   std::pair("dual-whereabouts", Ipam::whereabouts),
                                   std::pair("dual-spiderpool", Ipam::spiderpool)}) {
    RailsFile file = dual_file();
    file.ipam = ipam;
    const std::string stream = stream_of(survey, file);
    check_golden(std::string("generate/") + name + ".yaml", stream);
    const auto parsed =
        unwrap(mvr::cni::parse_netconf(configs_of(stream).at(0), R"({"strict": true})"));
    CHECK(parsed.problems.empty());
    CHECK(parsed.warnings.empty());
  }
}

TEST_CASE("subnets, ranges, gateways and pools are in any order", "[generate]") {
  const RailsFile file =
      unwrap(parse_rails_file("rails:\n"
                              "  - subnet: ['fd00:1::/64', 10.0.1.0/24]\n"
                              "    range: 10.0.1.1-10.0.1.9\n"
                              "    gateway: [10.0.1.254, 'fd00:1::fe']\n"
                              "    pool: [six, four]\n"));
  const auto& subnets = file.rails.at(0).subnets;
  REQUIRE(subnets.size() == 2);
  CHECK(subnets[0].subnet.to_string() == "10.0.1.0/24");
  CHECK(subnets[0].range->last.to_string() == "10.0.1.9");
  CHECK(subnets[0].gateway->to_string() == "10.0.1.254");
  CHECK(subnets[0].pool == "four");
  CHECK_FALSE(subnets[1].range);
  CHECK(subnets[1].gateway->to_string() == "fd00:1::fe");
  CHECK(subnets[1].pool == "six");
}

TEST_CASE("options and settings reach the files", "[generate]") {
  RailsFile file = short_file(1);
  file.rails[0].mtu = 4200;
  file.rails[0].vlan = 7;
  file.rails[0].name = "compute";
  file.overlay_pod_cidr.clear();
  const Survey survey = survey_of({server_named("a", {"x"})});
  const std::string stream =
      make_stream("", manifests_of(survey, file, {"training", "example.com"}));
  const json network = objects_of(stream, "NetworkAttachmentDefinition").at(0);
  CHECK(network.at("metadata") ==
        json{{"name", "compute-macvlan"},
             {"namespace", "training"},
             {"annotations",
              {{"k8s.v1.cni.cncf.io/resourceName", "example.com/shared_cx5_compute"}}}});
  const json config = json::parse(network.at("spec").at("config").get<std::string>());
  CHECK(config.at("mtu") == 4200);
  CHECK(config.at("vlan") == 7);
  CHECK_FALSE(config.contains("overlayPodCIDR"));
}

TEST_CASE("several nodes share a file, and their differences are told", "[generate]") {
  const Survey survey =
      survey_of({server_named("a", {"enp1", "enp2"}), server_named("b", {"ens1", "enp2"}),
                 server_named("c", {"enp1"}, "1500")});
  const std::string stream = stream_of(survey, short_file(2));
  check_golden("generate/three-nodes.yaml", stream);
  CHECK(json::parse(configs_of(stream).at(0)).at("master") == json{"enp1", "ens1"});
  CHECK(json::parse(configs_of(stream).at(1)).at("master") == "enp2");
  CHECK(survey.differences == std::vector<std::string>{"GPUs: 2 on a, b; 1 on c",
                                                       "rails: 2 on a, b; 1 on c",
                                                       "NIC of rail 1: enp1 on a, c; ens1 on b",
                                                       "MTU of rail 1: 9000 on a, b; 1500 on c"});
  CHECK(survey_of({server_named("a", {"x"}), server_named("b", {"x"})}).differences.empty());
}

TEST_CASE("a different pairing on another node is told", "[generate]") {
  const std::string apart =
      "device pci0000:10/0000:10:01.0/0000:11:00.0 class=030200 id=10de:2330 numa=0\n"
      "device pci0000:20/0000:20:01.0/0000:21:00.0 class=020000 id=15b3:1017 numa=1 net=x "
      "rdma=mlx5_0 speed=100000 mtu=9000\n";
  const Survey survey = survey_of({server_named("a", {"x"}), inventory_of(Machine(apart), "b")});
  CHECK(survey.differences ==
        std::vector<std::string>{"pairing of rail 1: GPU 0 PIX on a; GPU 0 SYS on b"});
}

TEST_CASE("one name for two rails is refused", "[generate]") {
  std::vector<NodeRails> nodes;
  nodes.push_back(choose_rails(server_named("a", {"x", "y"}), {}));
  nodes.push_back(choose_rails(server_named("b", {"y", "z"}), {}));
  const auto merged = merge_nodes(std::move(nodes));
  REQUIRE_FALSE(merged);
  CHECK(merged.error().msg.find("rail 1: y is its NIC on one node, and a NIC of another purpose "
                                "on a") != std::string::npos);
}

TEST_CASE("settings find their rails by place, index and NIC", "[generate]") {
  const Survey survey = survey_of({server_named("a", {"x", "y", "z"})});
  const RailsFile file =
      unwrap(parse_rails_file("rails:\n"
                              "  - {subnet: 10.0.1.0/24, index: 3, name: c}\n"
                              "  - {subnet: 10.0.2.0/24, nic: [other, x], name: a}\n"
                              "  - {subnet: 10.0.3.0/24, nic: y, name: b}\n"));
  const auto planned = unwrap(plan_rails(survey, file));
  REQUIRE(planned.size() == 3);
  CHECK(planned[0].name == "a");
  CHECK(planned[1].name == "b");
  CHECK(planned[2].name == "c");
}

TEST_CASE("settings that fit no rail are refused with their line", "[generate]") {
  const Survey survey = survey_of({server_named("a", {"x", "y"})}, {"y"});
  CHECK(refusal_of(survey, short_file(2)).find("there is no rail 2; found were 1") !=
        std::string::npos);
  const auto refuse = [&](const std::string& rails) {
    return refusal_of(survey, unwrap(parse_rails_file("rails:\n" + rails)));
  };
  CHECK(refuse("  - {subnet: 10.0.1.0/24, nic: y}\n") ==
        "line 2: y is no rail; on a it was left out: excluded by --exclude");
  CHECK(refuse("  - {subnet: 10.0.1.0/24, nic: nothing}\n") == "line 2: nothing is no rail");
  CHECK(refuse("  - {subnet: 10.0.1.0/24}\n  - {subnet: 10.0.2.0/24, nic: x}\n") ==
        "line 3: says again what line 2 says of the rail of x");
  CHECK(refusal_of(survey_of({server_named("a", {"x", "y"})}), short_file(1)) ==
        "nothing is said of rail 2 (y); add it, or leave the NIC out by --exclude");
  const RailsFile twice = unwrap(parse_rails_file(
      "rails:\n  - {subnet: 10.0.1.0/24, name: gpu2}\n  - {subnet: 10.0.2.0/24}\n"));
  CHECK(refusal_of(survey_of({server_named("a", {"x", "y"})}), twice) ==
        "two rails have the name gpu2");
}

TEST_CASE("a file of rails that is wrong is refused with its line", "[generate]") {
  const auto refuse = [](const std::string& text) {
    const auto parsed = parse_rails_file(text);
    return parsed ? "" : parsed.error().msg;
  };
  const auto refuse_rail = [&](const std::string& members) {
    return refuse("rails:\n  - subnet: 172.16.11.0/24\n    " + members + '\n');
  };
  CHECK(refuse("") == "must be one YAML document");
  CHECK(refuse("[]") == "line 1: must have keys");
  CHECK(refuse("a: 1\n") ==
        "line 1: a is no key here; there are overlayPodCIDR, serviceCIDR, ipam, rails");
  CHECK(refuse("ipam: dhcp\nrails: [{subnet: 10.0.0.0/8}]\n") ==
        "line 1: ipam must be host-local, whereabouts or spiderpool");
  CHECK(refuse("\noverlayPodCIDR: 10.0.0.1/8\n").starts_with("line 2: overlayPodCIDR \"10.0.0.1"));
  CHECK(refuse("rails: []\n") == "line 1: rails must be a list with a rail at least");
  CHECK(refuse("rails: [a]\n") == "line 1: must have keys");
  CHECK(refuse("rails:\n  - name: gpu1\n") == "line 2: subnet is missing");
  CHECK(refuse_rail("subnets: x").starts_with("line 3: subnets is no key here"));
  CHECK(refuse_rail("gateway: 172.16.12.1") ==
        "line 3: gateway \"172.16.12.1\" must be an address in 172.16.11.0/24");
  CHECK(refuse_rail("range: 172.16.11.9").starts_with("line 3: range \"172.16.11.9\" must be"));
  CHECK(refuse_rail("range: 172.16.11.9-172.16.11.1").ends_with(": the last is before the first"));
  CHECK(refuse_rail("range: 172.16.11.9-172.16.12.1")
            .ends_with("must be an address in 172.16.11.0/24"));
  CHECK(refuse_rail("gateway: [172.16.11.1, 172.16.11.2]") ==
        "line 3: gateway there are two for 172.16.11.0/24");
  CHECK(refuse_rail("pool: [a, b]").starts_with("line 3: pool must be as many as"));
  CHECK(refuse_rail("pool: A").starts_with("line 3: pool \"A\" must be lower-case"));
  const std::string dual = "rails:\n  - subnet: [10.0.0.0/24, 'fd00::/64']\n    ";
  CHECK(refuse(dual + "gateway: 10.0.1.1\n") ==
        "line 3: gateway \"10.0.1.1\" must be an address in 10.0.0.0/24 or fd00::/64");
  CHECK(refuse(dual + "range: 10.0.0.1-fd00::1\n").ends_with("is of two subnets"));
  CHECK(refuse(dual + "range: [10.0.0.1-10.0.0.2, 10.0.0.3-10.0.0.4]\n")
            .ends_with("there are two for 10.0.0.0/24"));
  CHECK(refuse("rails:\n  - subnet: [10.0.0.0/24, 10.1.0.0/24]\n")
            .starts_with("line 2: subnet \"10.1.0.0/24\": there is one of the same family"));
  CHECK(refuse("rails:\n  - subnet: [10.0.0.0/24, 'fd00::/64']\n  - subnet: 'fd00::/96'\n") ==
        "line 3: the subnet fd00::/96 overlaps that of line 2");
  CHECK(refuse_rail("mtu: 9001000") == "line 3: mtu must be a number from 68 to 65535");
  CHECK(refuse_rail("vlan: '7'") == "line 3: vlan must be a number from 1 to 4094");
  CHECK(refuse_rail("name: GPU1").starts_with("line 3: name \"GPU1\" must be lower-case"));
  CHECK(refuse_rail("index: 1\n    nic: x").starts_with("line 3: index beside nic"));
  CHECK(refuse_rail("nic: [1]") == "line 3: nic must be a word or a list of words");
  CHECK(refuse("rails:\n  - subnet: 10.1.0.0/16\n  - subnet: 10.1.2.0/24\n") ==
        "line 3: the subnet 10.1.2.0/24 overlaps that of line 2");
  CHECK(
      refuse("rails:\n  - {subnet: 10.1.0.0/16, name: a}\n  - {subnet: 10.2.0.0/16, name: a}\n") ==
      "line 3: the name a is that of line 2");
}
