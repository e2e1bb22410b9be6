// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "ops/inspect.hpp"

namespace mvr::ops {
namespace {

using nlohmann::ordered_json;

template <typename T, typename F>
ordered_json list(const std::vector<T>& values, const F& convert) {
  auto array = ordered_json::array();
  for (const T& value : values) {
    array.push_back(convert(value));
  }
  return array;
}

ordered_json texts(const std::vector<ip::Prefix>& prefixes) {
  return list(prefixes, [](const ip::Prefix& prefix) { return prefix.to_string(); });
}

ordered_json convert(const plugin::Problem& problem) {
  return {{"what", problem.what}, {"remedy", problem.remedy}};
}

ordered_json convert(const plan::Mismatch& drift) {
  return {{"object", drift.object},
          {"field", drift.field},
          {"wanted", drift.wanted},
          {"found", drift.found}};
}

// Before what is made from all of them.
ordered_json convert(const plugin::GatewayView& gateway);
ordered_json convert(const plugin::NicView& nic);
ordered_json convert(const plugin::PodView& pod);
ordered_json convert(const plugin::LostView& lost);

template <typename T>
ordered_json convert_all(const std::vector<T>& values) {
  return list(values, [](const T& value) { return convert(value); });
}

std::string_view name_of(plugin::GatewayView::State state) {
  using State = plugin::GatewayView::State;
  switch (state) {
    case State::answers:
      return "answers";
    case State::silent:
      return "silent";
    case State::no_carrier:
      return "no-carrier";
    case State::not_asked:
      break;
  }
  return "not-asked";
}

ordered_json convert(const plugin::GatewayView& gateway) {
  return {{"address", gateway.target.gateway.to_string()},
          {"source", gateway.target.source.to_string()},
          {"state", name_of(gateway.state)},
          {"mac", gateway.mac ? ordered_json(gateway.mac->to_string()) : ordered_json()},
          {"requests", gateway.attempts},
          {"microseconds", gateway.elapsed.count()}};
}

ordered_json convert(const std::optional<plugin::RdmaView>& rdma) {
  if (!rdma) {
    return nullptr;
  }
  return {{"device", rdma->name},      {"port", rdma->port},
          {"moved", rdma->is_moved},   {"found", rdma->is_found},
          {"active", rdma->is_active}, {"gidIndexes", rdma->gid_indexes}};
}

ordered_json convert_link(const std::optional<net::Link>& link) {
  if (!link) {
    return nullptr;
  }
  return {{"index", to_int(link->index)},
          {"mac", link->mac ? ordered_json(link->mac->to_string()) : ordered_json()},
          {"mtu", link->mtu},
          {"up", link->is_up},
          {"carrier", link->is_running},
          {"alias", link->alias}};
}

ordered_json convert(const plugin::NicView& nic) {
  return {{"name", nic.name},
          {"network", nic.attachment.network},
          {"containerID", nic.attachment.container_id},
          {"healthy", plugin::is_healthy(nic)},
          {"busy", nic.is_busy},
          {"journal", nic.journal.empty() ? ordered_json() : ordered_json(nic.journal)},
          {"link", convert_link(nic.link)},
          {"masterName", nic.master_name},
          {"master", convert_link(nic.master)},
          {"addresses", texts(nic.addresses)},
          {"gateways", convert_all(nic.gateways)},
          {"table", nic.table},
          {"routes", nic.routes},
          {"rules", nic.rules},
          {"rdma", convert(nic.rdma)},
          {"drift", convert_all(nic.drift)},
          {"problems", convert_all(nic.problems)},
          {"notes", nic.notes}};
}

ordered_json convert(const std::optional<plugin::OverlayView>& overlay) {
  if (!overlay) {
    return nullptr;
  }
  return {{"name", overlay->name},
          {"mtu", overlay->mtu},
          {"addresses", texts(overlay->addresses)},
          {"table", overlay->table},
          {"routes", overlay->routes}};
}

ordered_json convert(const plugin::PodView& pod) {
  return {{"pod", pod.name},
          {"netns", {{"path", pod.path}, {"device", pod.id.device}, {"inode", pod.id.inode}}},
          {"overlay", convert(pod.overlay)},
          {"healthy", plugin::is_healthy(pod)},
          {"nics", convert_all(pod.nics)},
          {"drift", convert_all(pod.drift)},
          {"problems", convert_all(pod.problems)}};
}

ordered_json convert(const plugin::LostView& lost) {
  return {{"pod", lost.pod},
          {"network", lost.attachment.network},
          {"containerID", lost.attachment.container_id},
          {"name", lost.attachment.ifname},
          {"journal", lost.journal},
          {"busy", lost.is_busy},
          {"problem", lost.is_busy ? ordered_json() : convert(lost.problem)}};
}

}  // namespace

std::string format_json(const plugin::NodeView& node) {
  constexpr int kIndent = 2;
  const ordered_json document{{"version", 1},
                              {"healthy", plugin::is_healthy(node)},
                              {"stateDir", node.state_dir},
                              {"pods", convert_all(node.pods)},
                              {"lost", convert_all(node.lost)},
                              {"problems", convert_all(node.problems)}};
  return document.dump(kIndent, ' ', /*ensure_ascii=*/true,
                       ordered_json::error_handler_t::replace) +
         '\n';
}

}  // namespace mvr::ops
