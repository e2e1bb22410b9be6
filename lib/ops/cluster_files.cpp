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

std::vector<std::string> address_members(const std::optional<RailSettings>& settings,
                                         std::size_t number, const Spelling& spelling) {
  std::vector<std::string> members;
  const auto add = [&](std::string_view key, const std::string& value) {
    members.push_back(quote(key) + ": " + quote(value));
  };
  if (!settings) {
    add(spelling.subnet, placeholder("subnet", number));
    add("gateway", placeholder("gateway", number));
    return members;
  }
  add(spelling.subnet, settings->subnet.to_string());
  if (settings->range) {
    add(spelling.first, settings->range->first.to_string());
    add(spelling.last, settings->range->last.to_string());
  }
  if (settings->gateway) {
    add("gateway", settings->gateway->to_string());
  }
  return members;
}

std::string pool_of(const PlannedRail& rail) {
  return rail.settings && !rail.settings->pool.empty() ? rail.settings->pool : rail.name + "-pool";
}

/// The configuration's last member, without a comma.
std::string ipam_section(const PlannedRail& rail, std::size_t number, Ipam ipam) {
  if (ipam == Ipam::spiderpool) {
    return "      \"ipam\": {\n"
           "        \"type\": \"spiderpool\",\n"
           "        \"default_ipv" +
           std::string(rail.settings->subnet.family() == ip::Family::v4 ? "4" : "6") +
           "_ippool\": [" + quote(pool_of(rail)) + "]\n      }\n";
  }
  if (ipam == Ipam::whereabouts) {
    return "      \"ipam\": {\n"
           "        \"type\": \"whereabouts\",\n" +
           join_members(
               address_members(rail.settings, number, {"range", "range_start", "range_end"}),
               "        ") +
           "      }\n";
  }
  return "      \"ipam\": {\n"
         "        \"type\": \"host-local\",\n"
         "        \"ranges\": [\n          [\n            {\n" +
         join_members(address_members(rail.settings, number, {"subnet", "rangeStart", "rangeEnd"}),
                      "              ") +
         "            }\n          ]\n        ]\n      }\n";
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
std::string make_pool(const PlannedRail& rail) {
  std::string text =
      "apiVersion: spiderpool.spidernet.io/v2beta1\n"
      "kind: SpiderIPPool\n"
      "metadata:\n"
      "  name: " +
      pool_of(rail) +
      "\n"
      "spec:\n"
      "  subnet: \"" +
      rail.settings->subnet.to_string() + "\"\n";
  if (rail.settings->range) {
    text += "  ips:\n    - \"" + rail.settings->range->first.to_string() + '-' +
            rail.settings->range->last.to_string() + "\"\n";
  }
  if (rail.settings->gateway) {
    text += "  gateway: \"" + rail.settings->gateway->to_string() + "\"\n";
  }
  return text + "---\n";
}

ManifestFile make_network(const Survey& survey, const PlannedRail& rail, std::size_t index,
                          const std::optional<RailsFile>& file, const ManifestOptions& options) {
  std::string text = describe_rail(survey, index);
  text += rail.masters.size() > 1 ? kSeveral : "";
  text += file ? "" : index == 0 ? kUnfinished : kAlsoUnfinished;
  const Ipam ipam = file ? file->ipam : Ipam::host_local;
  text += ipam == Ipam::host_local && index == 0 ? kHostLocal : "";
  // Without a range the pool is one that somebody has made.
  const bool has_pool = ipam == Ipam::spiderpool && rail.settings->range;
  text += has_pool ? make_pool(rail) : "";
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
