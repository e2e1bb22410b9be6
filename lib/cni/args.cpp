// SPDX-License-Identifier: Apache-2.0
#include "cni/args.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

using Pairs = std::map<std::string_view, std::string_view>;

/// Keys that runtimes send and that somebody reads: we, or IPAM (IP, GATEWAY).
constexpr std::array<std::string_view, 8> kKnownKeys = {
    "IgnoreUnknown",
    "MAC",
    "IP",
    "GATEWAY",
    "K8S_POD_NAMESPACE",
    "K8S_POD_NAME",
    "K8S_POD_INFRA_CONTAINER_ID",
    "K8S_POD_UID",
};

/// Keeps the first problem; the others are usually its consequences.
void note(ArgsReading& reading, std::string_view what, std::string_view value,
          std::string_view allowed) {
  if (reading.problem) {
    return;
  }
  std::string msg(what);
  msg.append(" \"").append(printable(value, 64)).append("\": ").append(allowed);
  reading.problem = Error{Code::bad_environment, 0, std::move(msg)};
}

/// Multus sends every key twice, so the last one of a name stands.
Pairs read_pairs(std::string_view text, ArgsReading& reading) {
  Pairs pairs;
  for (const std::string_view piece : split(text, ';')) {
    const std::size_t sign = piece.find('=');
    if (piece.empty()) {
      continue;
    }
    if (sign == std::string_view::npos || piece.find('=', sign + 1) != std::string_view::npos) {
      note(reading, "CNI_ARGS", piece, "must be KEY=VALUE, pairs separated by ';'");
      continue;
    }
    pairs[piece.substr(0, sign)] = piece.substr(sign + 1);
  }
  return pairs;
}

std::string_view value_of(const Pairs& pairs, std::string_view key) {
  const auto found = pairs.find(key);
  return found == pairs.end() ? std::string_view{} : found->second;
}

bool read_ignore_unknown(const Pairs& pairs, ArgsReading& reading) {
  const std::string_view value = value_of(pairs, "IgnoreUnknown");
  const std::string lower = to_lower(value);
  if (lower == "1" || lower == "true") {
    return true;
  }
  if (!lower.empty() && lower != "0" && lower != "false") {
    note(reading, "CNI_ARGS IgnoreUnknown", value, "must be 1, true, 0 or false");
  }
  return false;
}

void read_mac(const Pairs& pairs, ArgsReading& reading) {
  const std::string_view value = value_of(pairs, "MAC");
  reading.args.mac = parse_nic_mac(value);
  if (!value.empty() && !reading.args.mac) {
    note(reading, "CNI_ARGS MAC", value, kMacRule);
  }
}

void refuse_unknown(const Pairs& pairs, ArgsReading& reading) {
  for (const auto& [key, value] : pairs) {
    if (std::ranges::find(kKnownKeys, key) == kKnownKeys.end()) {
      note(reading, "CNI_ARGS unknown key " + printable(key, 64), value,
           "allowed only with IgnoreUnknown=1");
    }
  }
}

}  // namespace

ArgsReading read_args(std::string_view text) {
  ArgsReading reading;
  const Pairs pairs = read_pairs(text, reading);
  read_mac(pairs, reading);
  reading.args.pod_namespace = value_of(pairs, "K8S_POD_NAMESPACE");
  reading.args.pod_name = value_of(pairs, "K8S_POD_NAME");
  if (!read_ignore_unknown(pairs, reading)) {
    refuse_unknown(pairs, reading);
  }
  return reading;
}

Result<Args> parse_args(std::string_view text) {
  ArgsReading reading = read_args(text);
  if (reading.problem) {
    return fail(*std::move(reading.problem));
  }
  return std::move(reading.args);
}

std::optional<ip::Mac> parse_nic_mac(std::string_view text) {
  const auto mac = ip::Mac::parse(text);
  return mac && !mac->is_multicast() && !mac->is_zero() ? mac : std::nullopt;
}

}  // namespace mvr::cni
