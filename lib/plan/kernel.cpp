// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/kernel.hpp"

namespace mvr::plan {
namespace {

struct Changer {
  Kernel& kernel;
  const Change& change;

  Result<void> operator()(const net::IfAddress& address) const {
    return kernel.change(change.op, address);
  }
  template <typename Object>
  Result<void> operator()(const Object& object) const {
    return kernel.change(change.where, change.op, object);
  }
};

}  // namespace

std::vector<Result<void>> Kernel::change_all(const std::vector<Change>& changes) {
  std::vector<Result<void>> results;
  for (const Change& change : changes) {
    results.push_back(std::visit(Changer{*this, change}, change.object));
  }
  return results;
}

}  // namespace mvr::plan
