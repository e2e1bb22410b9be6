// SPDX-License-Identifier: Apache-2.0
/// \file
/// An attachment, the unit that ADD makes and DEL removes, and the names derived from it.
#pragma once

#include <compare>
#include <string>

namespace mvr::state {

struct Attachment {
  std::string network;
  std::string container_id;
  std::string ifname;

  auto operator<=>(const Attachment&) const = default;

  /// "rail1/0123abcd/net1"
  [[nodiscard]] std::string to_string() const;
};

/// 32 hexadecimal digits; names the journal.
std::string digest(const Attachment& attachment);

/// What the link is called until it has all it needs: 15 characters, "mvr" and part of the digest.
/// Before Linux 6.15 a macvlan is made in the master's netns for an instant, where a final name
/// like net1 may be taken.
std::string temporary_name(const Attachment& attachment);

/// The link's alias: says whose it is, to people and to DEL. "macvlan-rdma:rail1/0123abcd/net1", or
/// with the digest where that is longer than the 255 bytes that the kernel takes.
std::string alias(const Attachment& attachment);

}  // namespace mvr::state
