// SPDX-License-Identifier: Apache-2.0
/// \file
/// Answers of HTTP/1.1 as text.
#pragma once

#include <string>
#include <string_view>

#include "webhook/server.hpp"

namespace mvr::webhook {

/// "Not Found"; "Unknown" for a status that we never give.
std::string_view reason_phrase(int status);

/// A Status of Kubernetes that says why something failed.
std::string status_text(int status, std::string_view message);

/// The whole answer.
/// \param is_kept the connection is, for a next request
/// \param is_head the request was HEAD: all but the body
std::string to_http(const Response& response, bool is_kept, bool is_head);

}  // namespace mvr::webhook
