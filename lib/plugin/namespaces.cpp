// SPDX-License-Identifier: Apache-2.0
#include "plugin/namespaces.hpp"

#include <errno.h>

#include <algorithm>

#include "mvr/plan/kernel.hpp"

namespace mvr::plugin {
namespace {

Result<void> refuse_own(const Call& call, const Namespaces& both) {
  if (both.pod && both.pod->id == both.host.id && !call.env.allows_own_netns) {
    return fail(Code::bad_netns, "plugin's netns and netns from CNI_NETNS " + call.env.netns +
                                     " should not be the same");
  }
  return {};
}

/// Errors of a path where no network namespace is: nothing at all, or something that is none.
bool says_no_namespace(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case EINVAL:        // another file
    case ENXIO:         // a socket
    case ELOOP:         // a link to itself
    case ENAMETOOLONG:  // no file has such a name
      return true;
    default:
      return false;
  }
}

}  // namespace

bool is_nic_of(const state::Attachment& attachment, const net::Link& link) {
  return link.alias == state::alias(attachment) ||
         (net::is_ours(link) && (link.name == state::temporary_name(attachment) ||
                                 (link.alias.empty() && link.name == attachment.ifname)));
}

Result<bool> has_nic(const net::Netns& host, const net::Netns& pod,
                     const state::Attachment& attachment) {
  const auto kernel = MVR_TRY(plan::open_linux_kernel(host, pod));
  return std::ranges::any_of(MVR_TRY(kernel->read_pod_links()),
                             [&](const net::Link& link) { return is_nic_of(attachment, link); });
}

Result<Namespaces> open_namespaces(const Call& call) {
  Namespaces both{MVR_TRY(net::open_own_netns()), MVR_TRY(net::open_netns(call.env.netns))};
  MVR_TRY(refuse_own(call, both));
  return both;
}

Result<Namespaces> open_namespaces_if_alive(const Call& call) {
  Namespaces both{MVR_TRY(net::open_own_netns()), std::nullopt};
  if (call.env.netns.empty()) {
    return both;
  }
  Result<net::Netns> pod = net::open_netns(call.env.netns);
  const int error = pod ? 0 : pod.error().sys_errno;
  if (error != 0 && !says_no_namespace(error)) {
    return fail(std::move(pod).error());
  }
  if (error != 0 && error != ENOENT) {
    call.log.line(LogLevel::warn, pod.error().msg + "; taken as gone");
  }
  if (pod) {
    both.pod = *std::move(pod);
  }
  MVR_TRY(refuse_own(call, both));
  return both;
}

Result<std::optional<net::Netns>> reopen(const std::string& path, const net::NetnsId& id) {
  Result<net::Netns> netns = net::open_netns(path);
  if (!netns && !says_no_namespace(netns.error().sys_errno)) {
    return fail(std::move(netns).error());
  }
  return netns && netns->id == id ? std::optional(*std::move(netns)) : std::nullopt;
}

Result<std::optional<net::Netns>> reopen_by_process(const net::NetnsId& id) {
  const auto pid = MVR_TRY(net::find_process(id));
  return pid ? reopen("/proc/" + std::to_string(*pid) + "/ns/net", id) : std::nullopt;
}

Result<std::optional<net::Netns>> reopen_pod(const net::Netns& host, const state::Record& record) {
  if (auto netns = MVR_TRY(reopen(record.netns_path, record.netns))) {
    return netns;
  }
  auto netns = MVR_TRY(reopen_by_process(record.netns));
  const bool is_it = netns && MVR_TRY(has_nic(host, *netns, record.attachment));
  return is_it ? std::move(netns) : std::nullopt;
}

}  // namespace mvr::plugin
