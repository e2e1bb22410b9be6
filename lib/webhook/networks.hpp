// SPDX-License-Identifier: Apache-2.0
/// \file
/// The annotation k8s.v1.cni.cncf.io/networks in both forms that Multus knows: "a, ns/b@eth1" and
/// a JSON list of objects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mvr/base/error.hpp"

namespace mvr::webhook {

/// One network of the list.
struct Selection {
  std::string space;
  std::string name;
  std::string interface = {};  ///< what the NIC is to be called; empty = net1, net2 …

  [[nodiscard]] std::string full_name() const { return space + '/' + name; }
};

struct NetworkList {
  std::string text = {};  ///< as the pod has it, without white space around it
  bool is_json = false;
  std::vector<Selection> entries = {};

  [[nodiscard]] bool has(std::string_view full_name) const;
};

/// Reads the annotation; white space alone is an empty list. Fails with Code::decode where Multus
/// would fail as well, or attach nothing.
/// \param space the namespace of the pod: that of entries which have none
Result<NetworkList> parse_networks(std::string_view text, std::string_view space);

/// The annotation with more networks behind those that it has. Its form, its order and its spacing
/// stay as they are, unless a name does not fit into the form with commas: a list of objects then.
std::string append_networks(const NetworkList& list, const std::vector<Selection>& more);

}  // namespace mvr::webhook
