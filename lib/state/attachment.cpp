// SPDX-License-Identifier: Apache-2.0
#include "mvr/state/attachment.hpp"

#include <sha256.h>

#include <array>

#include "mvr/base/text.hpp"
#include "mvr/net/types.hpp"

namespace mvr::state {
namespace {

constexpr std::size_t kDigestBytes = 16;
constexpr std::size_t kNameDigits = 12;
constexpr std::size_t kMaxAlias = 255;  // IFALIASZ - 1

/// The zero byte cannot be part of a name, so no two attachments give the same text.
void feed(SHA2_CTX& context, const std::string& text) {
  SHA256Update(&context, reinterpret_cast<const std::uint8_t*>(text.c_str()), text.size() + 1);
}

}  // namespace

std::string Attachment::to_string() const {
  return network + '/' + container_id + '/' + ifname;
}

std::string digest(const Attachment& attachment) {
  SHA2_CTX context;
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> bytes{};
  SHA256Init(&context);
  feed(context, attachment.network);
  feed(context, attachment.container_id);
  feed(context, attachment.ifname);
  SHA256Final(bytes.data(), &context);
  return to_hex(bytes.data(), kDigestBytes);
}

std::string temporary_name(const Attachment& attachment) {
  return "mvr" + digest(attachment).substr(0, kNameDigits);
}

std::string alias(const Attachment& attachment) {
  const std::string prefix = net::kAliasPrefix;
  const std::string text = attachment.to_string();
  return prefix + (prefix.size() + text.size() <= kMaxAlias ? text : digest(attachment));
}

}  // namespace mvr::state
