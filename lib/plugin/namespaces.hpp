// SPDX-License-Identifier: Apache-2.0
/// \file
/// The two network namespaces of a call.
#pragma once

#include <optional>

#include "mvr/net/netns.hpp"
#include "mvr/state/journal.hpp"
#include "plugin/call.hpp"

namespace mvr::plugin {

struct Namespaces {
  net::Netns host;
  std::optional<net::Netns> pod;  ///< nothing: gone; only DEL and GC see that
};

/// Opens both. Fails with Code::bad_netns: no namespace at CNI_NETNS, or it is our own (unless
/// CNI_NETNS_OVERRIDE allows that). Checked before anything is touched, unlike in the Go plugins.
Result<Namespaces> open_namespaces(const Call& call);

/// The same for a verb that may come after the namespace's end: what is missing, or is a file that
/// stayed behind, is nothing. An own namespace is still refused.
Result<Namespaces> open_namespaces_if_alive(const Call& call);

/// The namespace at this path if it is still the one with this id. Fails where that cannot be seen:
/// who asks whether a pod lives must not take it for no.
Result<std::optional<net::Netns>> reopen(const std::string& path, const net::NetnsId& id);

/// The namespace with this id by a process in it. A path like /proc/123/ns/net.
Result<std::optional<net::Netns>> reopen_by_process(const net::NetnsId& id);

/// Whether a link is the attachment's NIC, finished or not, whatever the pod has done to its name
/// or its alias; not if it has done so to both.
bool is_nic_of(const state::Attachment& attachment, const net::Link& link);

/// True when such a link is in the namespace.
Result<bool> has_nic(const net::Netns& host, const net::Netns& pod,
                     const state::Attachment& attachment);

/// The namespace of a record if it lives: at its path, or without one as long as a process is in
/// it. The kernel uses the numbers of namespaces again: without its path one is believed only if
/// the attachment's NIC is in it.
Result<std::optional<net::Netns>> reopen_pod(const net::Netns& host, const state::Record& record);

}  // namespace mvr::plugin
