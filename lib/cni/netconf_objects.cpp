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
    Choice<RdmaMode>{"shared", RdmaMode::shared},
    Choice<RdmaMode>{"exclusive", RdmaMode::exclusive},
    Choice<RdmaMode>{"off", RdmaMode::off},
};

constexpr std::array kDadModes = {
    Choice<DadMode>{"probe", DadMode::probe},
    Choice<DadMode>{"kernel", DadMode::kernel},
    Choice<DadMode>{"off", DadMode::off},
};

/// A name that the kernel and its sysfs can give a device.
bool is_rdma_name(std::string_view text) {
  constexpr std::size_t kMaxLength = 63;  // IB_DEVICE_NAME_MAX without its zero
  return !text.empty() && text.size() <= kMaxLength && text != "." && text != ".." &&
         text.find_first_of("/% ") == std::string_view::npos && !has_control(text);
}

std::optional<std::string> read_rdma_device(const Field& field) {
  const std::string* name = field.text();
  if (name != nullptr && (name->empty() || is_rdma_name(*name))) {
    return *name;
  }
  field.refuse(
      "must be the name of an RDMA device such as \"mlx5_0\", at most 63 bytes without '/', '%', "
      "spaces and control characters, or \"\" for the master's");
  return std::nullopt;
}

/// The members of the object `rdma` over what `conf` holds.
RdmaConf read_rdma_members(const Field& field, RdmaConf conf) {
  using namespace std::chrono_literals;
  if (const Member mode = find_member(field.value, "mode"); mode.value != nullptr) {
    conf.mode = read_choice(field.member("mode", *mode.value), kRdmaModes).value_or(conf.mode);
  }
  if (const Member device = find_member(field.value, "device"); device.value != nullptr) {
    conf.device = read_rdma_device(field.member("device", *device.value)).value_or(conf.device);
  }
  if (const Member timeout = find_member(field.value, "gidTimeout"); timeout.value != nullptr) {
    const Field member = field.member("gidTimeout", *timeout.value);
    conf.gid_timeout = read_duration(member, 0s, 60s).value_or(conf.gid_timeout);
  }
  return conf;
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

/// The members of the object `ipv6` over what `conf` holds.
Ipv6Conf read_ipv6_members(const Field& field, Ipv6Conf conf) {
  if (const Member dad = find_member(field.value, "dad"); dad.value != nullptr) {
    conf.dad = read_choice(field.member("dad", *dad.value), kDadModes).value_or(conf.dad);
  }
  if (const Member accept = find_member(field.value, "acceptRA"); accept.value != nullptr) {
    conf.accept_ra = read_bool(field.member("acceptRA", *accept.value)).value_or(conf.accept_ra);
  }
  return conf;
}

}  // namespace

void read_rdma(const Field& field) {
  constexpr std::array<std::string_view, 3> kKnown = {"mode", "device", "gidTimeout"};
  RdmaConf& rdma = field.conf().rdma;
  if (field.value.is_string()) {
    rdma.mode = read_choice(field, kRdmaModes).value_or(rdma.mode);
  } else if (field.value.is_object()) {
    report_keys(field, kKnown);
    rdma = read_rdma_members(field, rdma);
  } else {
    field.refuse(
        "must be \"auto\", \"shared\", \"exclusive\", \"off\" or an object with mode, device and "
        "gidTimeout");
  }
}

void read_probe(const Field& field, ProbeConf& probe) {
  constexpr std::array<std::string_view, 3> kKnown = {"policy", "attempts", "interval"};
  if (field.value.is_boolean()) {
    probe.policy = field.value.get<bool>() ? ProbePolicy::fail : ProbePolicy::off;
  } else if (field.value.is_object()) {
    report_keys(field, kKnown);
    probe = read_probe_members(field, probe);
  } else {
    field.refuse("must be true, false or an object with policy, attempts and interval");
  }
}

void read_ipv6(const Field& field) {
  constexpr std::array<std::string_view, 2> kKnown = {"dad", "acceptRA"};
  if (!field.value.is_object()) {
    field.refuse("must be an object with dad and acceptRA");
    return;
  }
  report_keys(field, kKnown);
  field.conf().ipv6 = read_ipv6_members(field, field.conf().ipv6);
}

}  // namespace mvr::cni
