// SPDX-License-Identifier: Apache-2.0
/// \file
/// Undoing attachments by their journals, when no runtime does.
#pragma once

#include <functional>

#include "mvr/state/journal.hpp"
#include "plugin/call.hpp"
#include "plugin/namespaces.hpp"

namespace mvr::plugin {

/// Decides about a journal that is locked: nobody else is at work for its attachment.
using IsToGo = std::function<Result<bool>(const state::Record&)>;

/// Undoes what the journal tells of, as its ADD was called, in the pod's namespace if there is one.
Result<void> undo_as_recorded(const Call& call, const net::Netns& host, state::Journal& journal);

/// The same for an attachment, if it is to go. Waits for its journal's lock as long as `patience`
/// lets it. \return false if there is no journal, or if it is not to go
Result<bool> collect(const Call& call, const net::Netns& host, const state::Attachment& attachment,
                     const Budget& patience, const IsToGo& is_to_go);

/// True for a record whose ADD has ended well and whose NIC is in its pod.
Result<bool> is_alive(const net::Netns& host, const std::optional<net::Netns>& pod,
                      const state::Record& record);

/// True when the master still takes frames for the NIC: it lives in a namespace that we do not see,
/// because we are not in the node's own namespaces, or because its path has been moved.
Result<bool> is_heard_of(const net::Netns& host, const state::Record& record);

}  // namespace mvr::plugin
