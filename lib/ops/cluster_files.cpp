// SPDX-License-Identifier: Apache-2.0
#include "ops/cluster_files.hpp"

#include <algorithm>

#include "mvr/base/text.hpp"

namespace mvr::ops {
namespace {

std::string quote(std::string_view text) {
  return '"' + printable(text) + '"';
}

/// `["a", "b"]`
std::string quote_list(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  std::ranges::transform(words, std::back_inserter(quoted), [](const auto& w) { return quote(w); });
  return '[' + join(quoted, ", ") + ']';
}

std::vector<std::string> to_words(const std::vector<ip::Prefix>& prefixes) {
  std::vector<std::string> words;
  std::ranges::transform(prefixes, std::back_inserter(words),
                         [](const ip::Prefix& prefix) { return prefix.to_string(); });
  return words;
}

/// The lines of an object, with commas between them.
std::string join_members(const std::vector<std::string>& members, const std::string& indent) {
  return indent + join(members, ",\n" + indent) + '\n';
}

std::string placeholder(const std::string& what, std::size_t number) {
  return std::string(kPlaceholder) + '-' + what + "-of-rail-" + std::to_string(number);
}

/// The words that an IPAM plugin has for the parts of a rail's addresses.
struct Spelling {
  std::string_view subnet;
  std::string_view first;
  std::string_view last;
};

using Members = std::vector<std::string>;

std::string make_member(std::string_view key, std::string_view value) {
  return quote(key) + ": " + quote(value);
}

Members address_members(const RailSubnet& subnet, const Spelling& spelling) {
  Members members{make_member(spelling.subnet, subnet.subnet.to_string())};
  if (subnet.range) {
    members.push_back(make_member(spelling.first, subnet.range->first.to_string()));
    members.push_back(make_member(spelling.last, subnet.range->last.to_string()));
  }
  return members;
}

Members with_gateway(Members members, const RailSubnet& subnet) {
  if (subnet.gateway) {
    members.push_back(make_member("gateway", subnet.gateway->to_string()));
  }
  return members;
}

/// Two pools by default must not have one name.
std::string pool_of(const PlannedRail& rail, const RailSubnet& subnet) {
  const bool is_second = &subnet != &rail.settings->subnets.front();
  return !subnet.pool.empty() ? subnet.pool : rail.name + (is_second ? "-pool6" : "-pool");
}

std::string indented(int depth) {
  std::string blanks;
  blanks.resize(2 * static_cast<std::size_t>(depth), ' ');
  return blanks;
}

/// An object of a list, in the file's fourth level and deeper.
std::string make_object(const Members& members, int depth) {
  return indented(depth) + "{\n" + join_members(members, indented(depth + 1)) + indented(depth) +
         '}';
}

/// One set of ranges for each family: host-local gives an address of each.
Members host_local_members(const std::vector<Members>& subnets) {
  std::vector<std::string> sets;
  sets.reserve(subnets.size());
  for (const Members& subnet : subnets) {
    sets.push_back(indented(5) + "[\n" + make_object(subnet, 6) + '\n' + indented(5) + ']');
  }
  return {"\"ranges\": [\n" + join(sets, ",\n") + '\n' + indented(4) + ']'};
}

/// Of two families each has its range in a list, which knows no gateways; the one gateway beside it
/// would be that of both.
Members whereabouts_members(const std::vector<RailSubnet>& subnets) {
  constexpr Spelling kSpelling{"range", "range_start", "range_end"};
  if (subnets.size() == 1) {
    return with_gateway(address_members(subnets.front(), kSpelling), subnets.front());
  }
  std::vector<std::string> ranges;
  std::vector<std::string> routes;
  for (const RailSubnet& one : subnets) {
    ranges.push_back(make_object(address_members(one, kSpelling), 5));
    if (one.gateway) {
      const std::string any = ip::Prefix::any(one.subnet.family()).to_string();
      routes.push_back(indented(5) + "{ " + make_member("dst", any) + ", " +
                       make_member("gw", one.gateway->to_string()) + " }");
    }
  }
  Members members{"\"ipRanges\": [\n" + join(ranges, ",\n") + '\n' + indented(4) + ']'};
  if (!routes.empty()) {
    members.push_back("\"routes\": [\n" + join(routes, ",\n") + '\n' + indented(4) + ']');
  }
  return members;
}

Members spiderpool_members(const PlannedRail& rail) {
  Members members;
  for (const RailSubnet& one : rail.settings->subnets) {
    const std::string family = one.subnet.family() == ip::Family::v4 ? "4" : "6";
    members.push_back(quote("default_ipv" + family + "_ippool") + ": [" +
                      quote(pool_of(rail, one)) + ']');
  }
  return members;
}

Members ipam_members(const PlannedRail& rail, std::size_t number, Ipam ipam) {
  constexpr Spelling kSpelling{"subnet", "rangeStart", "rangeEnd"};
  if (!rail.settings) {
    return host_local_members({{make_member("subnet", placeholder("subnet", number)),
                                make_member("gateway", placeholder("gateway", number))}});
  }
  if (ipam == Ipam::spiderpool) {
    return spiderpool_members(rail);
  }
  if (ipam == Ipam::whereabouts) {
    return whereabouts_members(rail.settings->subnets);
  }
  std::vector<Members> subnets;
  for (const RailSubnet& one : rail.settings->subnets) {
    subnets.push_back(with_gateway(address_members(one, kSpelling), one));
  }
  return host_local_members(subnets);
}

/// The configuration's last member, without a comma.
std::string ipam_section(const PlannedRail& rail, std::size_t number, Ipam ipam) {
  const std::string_view type = ipam == Ipam::spiderpool    ? "spiderpool"
                                : ipam == Ipam::whereabouts ? "whereabouts"
                                                            : "host-local";
  Members members = ipam_members(rail, number, ipam);
  members.insert(members.begin(), make_member("type", type));
  return indented(3) + "\"ipam\": {\n" + join_members(members, indented(4)) + indented(3) + "}\n";
}

std::vector<std::string> cidrs(const std::optional<RailsFile>& file,
                               std::vector<ip::Prefix> RailsFile::*list) {
  return file ? to_words(*file.*list) : std::vector{std::string(kPlaceholder)};
}

std::string make_config(const PlannedRail& rail, std::size_t number,
                        const std::optional<RailsFile>& file) {
  std::string text =
      "    {\n"
      "      \"cniVersion\": \"1.0.0\",\n"
      "      \"name\": " +
      quote(rail.network) +
      ",\n"
      "      \"type\": \"macvlan-rdma\",\n"
      "      \"capabilities\": { \"mac\": true, \"ips\": true },\n";
  const auto add = [&](std::string_view key, const std::string& value) {
    text += "      " + quote(key) + ": " + value + ",\n";
  };
  add("master", rail.masters.size() == 1 ? quote(rail.masters.front()) : quote_list(rail.masters));
  if (rail.settings && rail.settings->mtu != 0) {
    add("mtu", std::to_string(rail.settings->mtu));
  }
  if (rail.settings && rail.settings->vlan != 0) {
    add("vlan", std::to_string(rail.settings->vlan));
  }
  for (const auto& [key, list] : {std::pair("overlayPodCIDR", &RailsFile::overlay_pod_cidr),
                                  std::pair("serviceCIDR", &RailsFile::service_cidr)}) {
    if (const auto words = cidrs(file, list); !words.empty()) {
      add(key, quote_list(words));
    }
  }
  return text + ipam_section(rail, number, file ? file->ipam : Ipam::host_local) + "    }\n";
}

/// "# Rail 1: enp24s0np0, ConnectX-7, next to GPU 0 (PIX, behind the same PCIe switch)", with the
/// node's name if there are several.
std::string describe_rail(const Survey& survey, std::size_t index) {
  std::string text;
  for (const NodeRails& node : survey.nodes) {
    const std::string on = survey.nodes.size() > 1 ? " on " + printable(node.node) : "";
    text += "# Rail " + std::to_string(index + 1) + on + ": ";
    if (index >= node.rails.size()) {
      text += "there is none\n";
      continue;
    }
    const Rail& rail = node.rails[index];
    text += printable(rail.nic.name) + ", " + describe_model(rail.nic.pci) + ", MTU " +
            std::to_string(rail.nic.mtu);
    if (rail.gpu) {
      text += "; GPU " + std::to_string(*rail.gpu) + ' ' + std::string(explain(rail.distance)) +
              " (" + std::string(to_string(rail.distance)) + ')';
    }
    text += '\n';
  }
  return text;
}

constexpr std::string_view kUnfinished =
    "#\n"
    "# NOT FINISHED: replace each CHANGE-ME by the value of your fabric and cluster, or generate\n"
    "# again with --rails FILE. Until then ADD fails with code 7 and names the key.\n";
constexpr std::string_view kAlsoUnfinished = "# NOT FINISHED: replace each CHANGE-ME.\n";
constexpr std::string_view kHostLocal =
    "#\n"
    "# host-local counts addresses on each node for itself. On a rail that several nodes share it\n"
    "# hands out the same address twice: with more than one node write \"ipam: whereabouts\" or\n"
    "# \"ipam: spiderpool\" into the file of --rails.\n";
constexpr std::string_view kSeveral =
    "#\n"
    "# \"master\" lists this rail's NIC on all nodes; each node takes the one that it has.\n";

/// \source github.com/spidernet-io/spiderpool, docs/reference/crd-spiderippool.md
std::string make_pool(const PlannedRail& rail, const RailSubnet& subnet) {
  std::string text =
      "apiVersion: spiderpool.spidernet.io/v2beta1\n"
      "kind: SpiderIPPool\n"
      "metadata:\n"
      "  name: " +
      pool_of(rail, subnet) +
      "\n"
      "spec:\n"
      "  subnet: \"" +
      subnet.subnet.to_string() + "\"\n  ips:\n    - \"" + subnet.range->first.to_string() + '-' +
      subnet.range->last.to_string() + "\"\n";
  if (subnet.gateway) {
    text += "  gateway: \"" + subnet.gateway->to_string() + "\"\n";
  }
  return text + "---\n";
}

/// Without a range a pool is one that somebody has made.
std::string make_pools(const PlannedRail& rail) {
  std::string text;
  for (const RailSubnet& one : rail.settings->subnets) {
    text += one.range ? make_pool(rail, one) : "";
  }
  return text;
}

ManifestFile make_network(const Survey& survey, const PlannedRail& rail, std::size_t index,
                          const std::optional<RailsFile>& file, const ManifestOptions& options) {
  std::string text = describe_rail(survey, index);
  text += rail.masters.size() > 1 ? kSeveral : "";
  text += file ? "" : index == 0 ? kUnfinished : kAlsoUnfinished;
  const Ipam ipam = file ? file->ipam : Ipam::host_local;
  text += ipam == Ipam::host_local && index == 0 ? kHostLocal : "";
  text += ipam == Ipam::spiderpool ? make_pools(rail) : "";
  text +=
      "apiVersion: k8s.cni.cncf.io/v1\n"
      "kind: NetworkAttachmentDefinition\n"
      "metadata:\n"
      "  name: " +
      rail.network + "\n  namespace: " + options.name_space +
      "\n"
      "  annotations:\n"
      "    k8s.v1.cni.cncf.io/resourceName: " +
      options.resource_prefix + '/' + rail.resource +
      "\n"
      "spec:\n"
      "  config: |\n" +
      make_config(rail, index + 1, file);
  return {"networks/" + rail.network + ".yaml", std::move(text)};
}

ManifestFile make_device_plugin(const std::vector<PlannedRail>& rails,
                                const ManifestOptions& options) {
  std::vector<std::string> entries;
  std::ranges::transform(rails, std::back_inserter(entries), [&](const PlannedRail& rail) {
    return "        {\n"
           "          \"resourcePrefix\": " +
           quote(options.resource_prefix) +
           ",\n          \"resourceName\": " + quote(rail.resource) +
           ",\n"
           "          \"rdmaHcaMax\": 100,\n"
           "          \"selectors\": { \"ifNames\": " +
           quote_list(rail.masters) + " }\n        }";
  });
  return {
      "device-plugin/configmap.yaml",
      "# Configuration of k8s-rdma-shared-dev-plugin: one resource per rail, which up to 100 pods\n"
      "# of a node share. A pod gets the /dev/infiniband nodes of its rails only.\n"
      "apiVersion: v1\n"
      "kind: ConfigMap\n"
      "metadata:\n"
      "  name: rdma-devices\n"
      "  namespace: kube-system\n"
      "data:\n"
      "  config.json: |\n"
      "    {\n"
      "      \"periodicUpdateInterval\": 300,\n"
      "      \"configList\": [\n" +
          join(entries, ",\n") + "\n      ]\n    }\n"};
}

/// The number of GPUs that each node has.
std::size_t least_gpus(const Survey& survey) {
  std::size_t least = survey.nodes.front().gpus.size();
  for (const NodeRails& node : survey.nodes) {
    least = std::min(least, node.gpus.size());
  }
  return least;
}

ManifestFile make_pod(const Survey& survey, const std::vector<PlannedRail>& rails,
                      const ManifestOptions& options) {
  std::vector<std::string> networks;
  std::string limits;
  for (const PlannedRail& rail : rails) {
    networks.push_back("      " + options.name_space + '/' + rail.network);
    limits += "          " + options.resource_prefix + '/' + rail.resource + ": 1\n";
  }
  const std::size_t gpus = least_gpus(survey);
  if (gpus > 0) {
    limits += "          # nvidia.com/gpu: " + std::to_string(gpus) + '\n';
  }
  return {"pod.yaml",
          "# A pod on all rails: net1, net2 ... are the networks in the order of the annotation.\n"
          "# Annotation, IPC_LOCK (RDMA locks the memory that it registers) and limits are what a\n"
          "# pod of yours needs.\n"
          "apiVersion: v1\n"
          "kind: Pod\n"
          "metadata:\n"
          "  name: rails\n"
          "  annotations:\n"
          "    k8s.v1.cni.cncf.io/networks: >-\n" +
              join(networks, ",\n") +
              "\n"
              "spec:\n"
              "  containers:\n"
              "    - name: rails\n"
              "      image: docker.io/library/debian:12\n"
              "      command: [\"sleep\", \"infinity\"]\n"
              "      securityContext:\n"
              "        capabilities:\n"
              "          add: [\"IPC_LOCK\"]\n"
              "      resources:\n"
              "        limits:\n" +
              limits};
}

}  // namespace

std::vector<ManifestFile> make_manifests(const Survey& survey,
                                         const std::vector<PlannedRail>& rails,
                                         const std::optional<RailsFile>& file,
                                         const ManifestOptions& options) {
  std::vector<ManifestFile> files;
  for (std::size_t i = 0; i < rails.size(); ++i) {
    files.push_back(make_network(survey, rails[i], i, file, options));
  }
  files.push_back(make_device_plugin(rails, options));
  files.push_back(make_pod(survey, rails, options));
  return files;
}

}  // namespace mvr::ops
