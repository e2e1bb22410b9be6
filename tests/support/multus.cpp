// SPDX-License-Identifier: Apache-2.0
#include "support/multus.hpp"

#include <array>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/link_state.hpp"

namespace mvr::test {

namespace {

/// What Multus itself reads of its caller's CNI_ARGS and writes in front of them.
constexpr std::array kIdentity{"K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_INFRA_CONTAINER_ID",
                               "K8S_POD_UID"};

/// Its directory of plugins, then the path that it was called with: which has the same ones.
const std::string kRepeatedPath =
    std::string(kCniPath) + ":/opt/cni/bin:" + kCniPath + ":/opt/cni/bin";

std::string value_of(const std::string& args, const std::string& key) {
  for (const std::string_view pair : split(args, ';')) {
    if (pair.starts_with(key + "=")) {
      return std::string(pair.substr(key.size() + 1));
    }
  }
  return {};
}

json plugin_of(json plugin, const Network& network) {
  if (!network.device.empty()) {
    plugin["deviceID"] = network.device;
    plugin["pciBusID"] = network.device;
  }
  if (!network.cni_args.is_null()) {
    plugin["args"]["cni"].update(network.cni_args);
  }
  return plugin;
}

/// The definition with the annotation's part in every plugin of it.
json config_of(const Network& network) {
  json config = network.config;
  if (!config.contains("plugins")) {
    return plugin_of(std::move(config), network);
  }
  for (json& plugin : config["plugins"]) {
    plugin = plugin_of(plugin, network);
  }
  return config;
}

json capabilities_of(const Network& network, const std::string& device_info_file) {
  json values = json::object();
  if (!network.mac.empty()) {
    values["mac"] = network.mac;
  }
  if (!network.ips.empty()) {
    values["ips"] = network.ips;
  }
  if (!network.device.empty()) {
    values["deviceID"] = network.device;
    values["CNIDeviceInfoFile"] = device_info_file;
  }
  return values;
}

std::string default_of(const std::string& gateway) {
  return gateway.find(':') == std::string::npos ? "0.0.0.0/0" : "::/0";
}

/// The pod's default route goes by this NIC, too. One that is there already is no error for Multus.
void add_default(const std::string& pod, const std::string& ifname, const std::string& gateway,
                 Chain& chain) {
  run({.argv = {"ip", "-n", pod, "route", "add", "default", "via", gateway, "dev", ifname}});
  json result = chain.result();
  result["routes"].push_back({{"dst", default_of(gateway)}, {"gw", gateway}});
  chain.cache(std::move(result));
}

}  // namespace

Multus::Multus(std::string pod, std::string netns, std::string container_id)
    : pod_(std::move(pod)), netns_(std::move(netns)), container_id_(std::move(container_id)) {
  caller_args_ = "IgnoreUnknown=1;K8S_POD_NAMESPACE=training;K8S_POD_NAME=" + pod_ +
                 ";K8S_POD_INFRA_CONTAINER_ID=" + container_id_ +
                 ";K8S_POD_UID=0b7c3f5e-6a1d-4a57-9d0c-2f1f6f0b9a11";
}

std::string Multus::args_for(const Network& network) const {
  std::string args = "IgnoreUnknown=true";
  for (const std::string key : kIdentity) {
    args += ";" + key + "=" + value_of(caller_args_, key);
  }
  if (!caller_args_.empty()) {
    args += ";" + caller_args_;
  }
  if (!network.mac.empty()) {
    args += ";MAC=" + network.mac;
  }
  if (!network.ips.empty()) {
    args += ";IP=" + join(network.ips, ",");
  }
  return args;
}

Multus::Delegate Multus::make_delegate(const Network& network, const std::string& ifname) const {
  const std::string name = network.config.at("name");
  const std::string file =
      "/var/run/k8s.cni.cncf.io/devinfo/cni/training-" + name + "-" + container_id_ + "_" + ifname;
  return {network, ifname,
          Chain(config_of(network), {.id = container_id_,
                                     .netns = netns_,
                                     .ifname = ifname,
                                     .args = args_for(network),
                                     .capabilities = capabilities_of(network, file),
                                     .cni_path = kRepeatedPath})};
}

Answer Multus::call(Delegate& delegate, Answer (Chain::*verb)()) {
  const std::size_t known = delegate.chain.calls().size();
  Answer answer = (delegate.chain.*verb)();
  const auto& all = delegate.chain.calls();
  calls_.insert(calls_.end(), all.begin() + static_cast<std::ptrdiff_t>(known), all.end());
  return answer;
}

/// Multus itself refuses a name that is taken.
Answer Multus::attach(Delegate& delegate) {
  if (!read_link(pod_, delegate.ifname).is_null()) {
    return {.status = 1, .err = delegate.ifname + " is there already"};
  }
  Answer answer = call(delegate, &Chain::add);
  if (answer.ok() && !delegate.network.gateway.empty()) {
    add_default(pod_, delegate.ifname, delegate.network.gateway, delegate.chain);
  }
  return answer;
}

Answer Multus::add(const std::vector<Network>& networks) {
  delegates_.clear();
  if (!cluster_.is_null()) {
    delegates_.push_back(make_delegate({.config = cluster_}, "eth0"));
  }
  for (std::size_t i = 0; i < networks.size(); ++i) {
    delegates_.push_back(make_delegate(networks[i], "net" + std::to_string(i + 1)));
  }
  Answer answer;
  for (std::size_t i = 0; i < delegates_.size() && answer.ok(); ++i) {
    answer = attach(delegates_[i]);
    if (!answer.ok()) {
      detach(i + 1);
    }
  }
  return answer;
}

std::string Multus::check() {
  for (Delegate& delegate : delegates_) {
    const Answer answer = call(delegate, &Chain::check);
    if (!answer.ok()) {
      return delegate.ifname + ": " + answer.message() + answer.err;
    }
  }
  return {};
}

std::string Multus::detach(std::size_t count) {
  std::vector<std::string> failures;
  for (std::size_t i = count; i > 0; --i) {
    const Answer answer = call(delegates_[i - 1], &Chain::del);
    if (!answer.ok()) {
      failures.push_back(delegates_[i - 1].ifname + ": " + answer.message() + answer.err);
    }
  }
  return join(failures, "\n");
}

std::string Multus::del() {
  return detach(delegates_.size());
}

void Multus::lose_cache() {
  for (Delegate& delegate : delegates_) {
    delegate.chain.cache({});
  }
}

Chain& Multus::network(std::size_t n) {
  return delegates_.at(cluster_.is_null() ? n - 1 : n).chain;
}

json Multus::status(std::size_t n) {
  const json result = network(n).result();
  json entry;
  for (const json& nic : result.value("interfaces", json::array())) {
    if (!nic.value("sandbox", "").empty()) {
      entry["interface"] = nic.at("name");
      entry["mac"] = nic.value("mac", "");
      entry["mtu"] = nic.value("mtu", 0);
    }
  }
  for (const json& ip : result.value("ips", json::array())) {
    const std::string address = ip.at("address");
    entry["ips"].push_back(address.substr(0, address.find('/')));
  }
  for (const json& route : result.value("routes", json::array())) {
    if (route.at("dst") == "0.0.0.0/0" || route.at("dst") == "::/0") {
      entry["gateway"].push_back(route.value("gw", ""));
    }
  }
  return entry;
}

Network rail_network(int n, const json& patch) {
  json config = rail_config(n);
  config.merge_patch(patch);
  return {.config = std::move(config)};
}

json ptp_network() {
  return {{"cniVersion", "0.3.1"},
          {"name", "cluster"},
          {"plugins",
           {{{"type", "ptp"},
             {"mtu", 1450},
             {"ipam",
              {{"type", "host-local"},
               {"dataDir", kLeaseDir},
               {"ranges", {{{{"subnet", "10.233.119.0/24"}}}}},
               {"routes", {{{"dst", "0.0.0.0/0"}}}}}}}}}};
}

}  // namespace mvr::test
