// SPDX-License-Identifier: Apache-2.0
// Policy routing rules: RTM_NEWRULE, RTM_GETRULE, RTM_DELRULE.
#include <linux/fib_rules.h>

#include <array>

#include <netlink/attr.h>

#include "mvr/net/rtnl.hpp"
#include "net/codec.hpp"
#include "net/message.hpp"

namespace mvr::net {
namespace {

/// Attributes that narrow a rule down and that we never set.
constexpr std::array kOtherSelectors = {
    FRA_DST,         FRA_IIFNAME,     FRA_FWMARK, FRA_FWMASK, FRA_IP_PROTO, FRA_UID_RANGE,
    FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_TUN_ID, FRA_L3MDEV, FRA_GOTO};

/// Room for the attributes of kernels to come.
constexpr std::size_t kMaxAttribute = 63;
using Attributes = std::array<nlattr*, kMaxAttribute + 1>;

/// One that our headers do not know narrows a rule down as well, as far as we can tell.
bool has_other_selectors(const Attributes& attributes) {
  const auto is_there = [&](std::size_t type) { return attributes.at(type) != nullptr; };
  for (const int selector : kOtherSelectors) {
    const bool is_empty = selector == FRA_L3MDEV && read_u32(attributes[FRA_L3MDEV]) == 0;
    if (is_there(static_cast<std::size_t>(selector)) && !is_empty) {
      return true;
    }
  }
  for (std::size_t type = FRA_DPORT_RANGE + 1; type <= kMaxAttribute; ++type) {
    if (is_there(type)) {
      return true;
    }
  }
  return false;
}

Result<RulePtr> make_rule(const Rule& rule) {
  RulePtr object(rtnl_rule_alloc());
  if (!object) {
    return fail(build_error("rule"));
  }
  rtnl_rule_set_family(object.get(), to_af(rule.family));
  rtnl_rule_set_action(object.get(), FR_ACT_TO_TBL);
  rtnl_rule_set_table(object.get(), rule.table);
  rtnl_rule_set_prio(object.get(), rule.priority);
  rtnl_rule_set_protocol(object.get(), rule.protocol);
  if (rule.from) {
    const AddressPtr from = make_nl_address(*rule.from);
    rtnl_rule_set_src(object.get(), from.get());
  }
  if (!rule.oif.empty()) {
    rtnl_rule_set_oif(object.get(), rule.oif.c_str());
  }
  return object;
}

}  // namespace

/// By hand: libnl-route drops the attributes that it does not know, and a rule with fewer selectors
/// is another rule.
std::optional<Rule> parse_rule(nlmsghdr* message) {
  Attributes attributes{};
  if (message->nlmsg_type != RTM_NEWRULE || !is_ip(message) ||
      nlmsg_parse(message, sizeof(fib_rule_hdr), attributes.data(), kMaxAttribute, nullptr) != 0) {
    return std::nullopt;
  }
  const auto* header = static_cast<const fib_rule_hdr*>(nlmsg_data(message));
  Rule rule;
  rule.family = family_of(header->family);
  if (const auto from = ip::Address::from_bytes(payload(attributes[FRA_SRC]))) {
    rule.from = ip::Prefix{*from, header->src_len};
  }
  rule.oif = read_string(attributes[FRA_OIFNAME]);
  rule.table = attributes[FRA_TABLE] != nullptr ? read_u32(attributes[FRA_TABLE]) : header->table;
  rule.priority = read_u32(attributes[FRA_PRIORITY]);
  const auto protocol = payload(attributes[FRA_PROTOCOL]);
  rule.protocol = protocol.empty() ? std::uint8_t{0} : protocol.front();
  rule.has_other_selectors =
      header->tos != 0 || (header->flags & FIB_RULE_INVERT) != 0 || has_other_selectors(attributes);
  return rule;
}

Result<std::vector<Rule>> read_rules(Socket& socket) {
  return dump(socket, "RTM_GETRULE", make_request(RTM_GETRULE, fib_rule_hdr{}), parse_rule);
}

Result<MessagePtr> make_new_rule(const Rule& rule) {
  const RulePtr object = MVR_TRY(make_rule(rule));
  return build_request("RTM_NEWRULE", [&](nl_msg** message) {
    return rtnl_rule_build_add_request(object.get(), NLM_F_CREATE | NLM_F_EXCL, message);
  });
}

Result<MessagePtr> make_del_rule(const Rule& rule) {
  const RulePtr object = MVR_TRY(make_rule(rule));
  return build_request("RTM_DELRULE", [&](nl_msg** message) {
    return rtnl_rule_build_delete_request(object.get(), 0, message);
  });
}

}  // namespace mvr::net
