// SPDX-License-Identifier: Apache-2.0
/// \file
/// Texts for people, of bounded length whatever is in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mvr::webhook {

/// `cni.spidernet.io/rdma-resource-inject: "gpu-rails"`
std::string show_annotation(std::string_view key, std::string_view value);

/// A value in quotes.
std::string show_value(std::string_view value);

/// At most `limit` bytes, and no half of a character at the end.
std::string shorten(std::string text, std::size_t limit);

/// "a, b, c and 4 more"
std::string list_some(std::vector<std::string> names, std::size_t most);

/// "1 network", "8 networks"
std::string count_networks(std::size_t count);

}  // namespace mvr::webhook
