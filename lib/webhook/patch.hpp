// SPDX-License-Identifier: Apache-2.0
/// \file
/// A JSON patch (RFC 6902), of which the webhook needs but the additions.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace mvr::webhook {

/// Puts a value at a place: a new member, or a new value of the member that is there.
struct Addition {
  std::string path;  ///< a JSON pointer (RFC 6901)
  nlohmann::ordered_json value;
};

using Patch = std::vector<Addition>;

/// "/metadata/annotations/k8s.v1.cni.cncf.io~1networks"
std::string make_pointer(std::initializer_list<std::string_view> members);

/// The patch as a JSON document.
std::string to_document(const Patch& patch);

/// With padding, in one line (RFC 4648, section 4).
std::string to_base64(std::string_view bytes);

}  // namespace mvr::webhook
