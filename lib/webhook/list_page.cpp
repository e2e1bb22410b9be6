// SPDX-License-Identifier: Apache-2.0
#include "webhook/list_page.hpp"

#include <nlohmann/json.hpp>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "webhook/watch_stream.hpp"

namespace mvr::webhook {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxMessage = 500;

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

Result<ListPage> read_page(std::string_view text, const std::function<void(const json&)>& put) {
  ListPage page;
  bool is_in_items = false;
  const auto visit = [&](int depth, json::parse_event_t event, json& value) {
    if (depth == 1 && event == json::parse_event_t::key) {
      is_in_items = value == "items";
    }
    if (!is_in_items || depth != 2 || event != json::parse_event_t::object_end) {
      return true;
    }
    put(value);
    ++page.count;
    return false;
  };
  const json document = json::parse(text, visit, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return fail(Code::decode, "list is no JSON object: " + printable(text, 80));
  }
  page.version = version_of(document);
  if (page.version.empty()) {
    return fail(Code::decode, "list has no resourceVersion: " + printable(text, 80));
  }
  const auto& metadata = document["metadata"];
  const auto next = metadata.find("continue");
  if (next != metadata.end() && next->is_string()) {
    page.continuation = next->get<std::string>();
  }
  return page;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    encoded += is_unreserved(c) ? std::string(1, c) : '%' + to_hex(&byte, 1);
  }
  return encoded;
}

std::string read_status(std::string_view text) {
  const auto document = cni::parse_object(text);
  if (document) {
    const std::string* const message = cni::as_string(cni::find_value(*document, "message"));
    if (message != nullptr) {
      return message->substr(0, kMaxMessage);
    }
  }
  return printable(text, kMaxMessage);
}

}  // namespace mvr::webhook
