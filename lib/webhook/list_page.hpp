// SPDX-License-Identifier: Apache-2.0
/// \file
/// One page of a list, as the API server answers it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "mvr/base/error.hpp"

namespace mvr::webhook {

struct ListPage {
  std::string version;       ///< of the list; a watch goes on from here
  std::string continuation;  ///< asks for the next page; empty = this is the last
  std::size_t count = 0;     ///< of objects
};

/// Hands over each object as soon as it is read and forgets it: of a page there is never more than
/// one object in memory beside the text. Fails with Code::decode; objects may have been handed
/// over.
Result<ListPage> read_page(std::string_view text,
                           const std::function<void(const nlohmann::json&)>& put);

/// For the query of a URL.
std::string percent_encode(std::string_view text);

/// What an answer that is no success says: the message of its Status, else its beginning.
std::string read_status(std::string_view text);

}  // namespace mvr::webhook
