// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cni/netconf_readers.hpp"

namespace mvr::cni {
namespace {

constexpr std::array kPolicies = {
    Choice<ProbePolicy>{"fail", ProbePolicy::fail},
    Choice<ProbePolicy>{"warn", ProbePolicy::warn},
    Choice<ProbePolicy>{"off", ProbePolicy::off},
};

constexpr std::array kRdmaModes = {
    Choice<RdmaMode>{"auto", RdmaMode::automatic},
    Choice<RdmaMode>{"off", RdmaMode::off},
};

/// Modes of the RDMA subsystem that are named in a configuration only to insist on them.
bool is_later_rdma_mode(const Field& field) {
  const std::string* text = field.text();
  return text != nullptr && (*text == "shared" || *text == "exclusive");
}

void read_rdma_mode(const Field& field) {
  if (is_later_rdma_mode(field)) {
    field.refuse_for_now("must be \"auto\" or \"off\"");
  } else if (const auto mode = read_choice(field, kRdmaModes)) {
    field.conf().rdma = *mode;
  }
}

/// The fields of a probe's object over what `conf` holds.
ProbeConf read_probe_members(const Field& field, ProbeConf conf) {
  using namespace std::chrono_literals;
  constexpr std::int64_t kMaxAttempts = 1000;
  if (const Member policy = find_member(field.value, "policy"); policy.value != nullptr) {
    conf.policy =
        read_choice(field.member("policy", *policy.value), kPolicies).value_or(conf.policy);
  }
  if (const Member attempts = find_member(field.value, "attempts"); attempts.value != nullptr) {
    const auto number = read_integer(field.member("attempts", *attempts.value), 1, kMaxAttempts);
    conf.attempts = static_cast<int>(number.value_or(conf.attempts));
  }
  if (const Member interval = find_member(field.value, "interval"); interval.value != nullptr) {
    const Field member = field.member("interval", *interval.value);
    conf.interval = read_duration(member, 1ms, 10s).value_or(conf.interval);
  }
  return conf;
}

}  // namespace

void read_rdma(const Field& field) {
  constexpr std::array<std::string_view, 3> kKnown = {"mode", "device", "gidTimeout"};
  if (!field.value.is_object()) {
    if (!field.value.is_string()) {
      field.refuse("must be \"auto\", \"off\" or an object with mode");
      return;
    }
    read_rdma_mode(field);
    return;
  }
  report_keys(field, kKnown);
  if (const Member mode = find_member(field.value, "mode"); mode.value != nullptr) {
    read_rdma_mode(field.member("mode", *mode.value));
  }
  for (const std::string_view key : {"device", "gidTimeout"}) {
    if (const Member later = find_member(field.value, key); later.value != nullptr) {
      field.member(key, *later.value).refuse_for_now("leave the key out");
    }
  }
}

void read_gateway_probe(const Field& field) {
  constexpr std::array<std::string_view, 3> kKnown = {"policy", "attempts", "interval"};
  ProbeConf& probe = field.conf().gateway_probe;
  if (field.value.is_boolean()) {
    probe.policy = field.value.get<bool>() ? ProbePolicy::fail : ProbePolicy::off;
  } else if (field.value.is_object()) {
    report_keys(field, kKnown);
    probe = read_probe_members(field, probe);
  } else {
    field.refuse("must be true, false or an object with policy, attempts and interval");
  }
}

void read_conflict_probe(const Field& field) {
  const std::string* policy = as_string(find_value(field.value, "policy"));
  const bool is_off = field.value == Json(false) || (policy != nullptr && *policy == "off");
  if (!is_off) {
    field.refuse_for_now("must be false or {\"policy\":\"off\"}");
  }
}

}  // namespace mvr::cni
