// SPDX-License-Identifier: Apache-2.0
#include "webhook/http_text.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <utility>

#include "mvr/base/text.hpp"

namespace mvr::webhook {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 13> kPhrases = {{
    {200, "OK"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
}};

/// \source RFC 9110, section 5.6.7. strftime(3) would take the names from the locale, which is C.
std::string date() {
  const time_t now = ::time(nullptr);
  tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  return {text.data(), ::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace

std::string_view reason_phrase(int status) {
  const auto* const found =
      std::ranges::find(kPhrases, status, &std::pair<int, std::string_view>::first);
  return found != kPhrases.end() ? found->second : "Unknown";
}

std::string status_text(int status, std::string_view message) {
  return R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":)" +
         json_string(message, 4096) + R"(,"code":)" + std::to_string(status) + "}\n";
}

std::string to_http(const Response& response, bool is_kept, bool is_head) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  text.append(reason_phrase(response.status)).append("\r\nDate: ").append(date());
  text.append("\r\nContent-Type: ").append(response.content_type);
  text.append("\r\nContent-Length: ").append(std::to_string(response.body.size()));
  text += response.allow.empty() ? "" : "\r\nAllow: " + std::string(response.allow);
  text += response.status == 503 ? "\r\nRetry-After: 1" : "";
  // Of HTTP/1.0, where it is not understood otherwise; of 1.1 it is no news.
  text += is_kept ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  text += is_head ? "" : response.body;
  return text;
}

}  // namespace mvr::webhook
