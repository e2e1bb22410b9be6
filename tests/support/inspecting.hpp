// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma inspect` for the test's journals.
#pragma once

#include <string>
#include <vector>

#include "support/link_wanted.hpp"
#include "support/shell.hpp"

namespace mvr::test {

Output inspect(const std::vector<std::string>& options = {});

/// The document, with the exit status that belongs to it.
json inspect_json(std::vector<std::string> options = {});

/// The only pod's only NIC.
json only_nic(const json& document);

/// What the problems of a NIC, a pod or the node say, one after the other.
std::string problems_of(const json& object);

/// Path of the first journal that there is.
std::string journal_file();

/// A pod whose net1 is on the first of two rails.
struct PodWithNic : OnePod {
  explicit PodWithNic(const json& patch = json::object());
};

}  // namespace mvr::test
