// SPDX-License-Identifier: Apache-2.0
// Several requests at once.
#include "mvr/net/rtnl.hpp"
#include "net/codec.hpp"

namespace mvr::net {
namespace {

Result<MessagePtr> make_one(bool is_removal, const IfAddress& address) {
  return is_removal ? make_del_address(address) : make_new_address(address);
}
Result<MessagePtr> make_one(bool is_removal, const Route& route) {
  return is_removal ? make_del_route(route) : make_new_route(route);
}
Result<MessagePtr> make_one(bool is_removal, const Rule& rule) {
  return is_removal ? make_del_rule(rule) : make_new_rule(rule);
}

}  // namespace

std::vector<Result<void>> change_all(Socket& socket, const std::vector<Change>& changes) {
  std::vector<MessagePtr> requests;
  for (const Change& change : changes) {
    Result<MessagePtr> request = std::visit(
        [&](const auto& object) { return make_one(change.is_removal, object); }, change.object);
    if (!request) {  // no memory; then nothing is sent
      return {changes.size(), fail(std::move(request).error())};
    }
    requests.push_back(*std::move(request));
  }
  return socket.change_all(requests);
}

}  // namespace mvr::net
