// SPDX-License-Identifier: Apache-2.0
#include "webhook/watch_stream.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"

namespace mvr::webhook {
namespace {

using nlohmann::json;
using Type = WatchEvent::Type;

std::optional<Type> parse_type(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Type>, 5> kTypes = {{
      {"ADDED", Type::added},
      {"MODIFIED", Type::modified},
      {"DELETED", Type::deleted},
      {"BOOKMARK", Type::bookmark},
      {"ERROR", Type::error},
  }};
  const auto* const found =
      std::ranges::find(kTypes, text, &std::pair<std::string_view, Type>::first);
  return found != kTypes.end() ? std::optional(found->second) : std::nullopt;
}

tl::unexpected<Error> refuse(std::string_view why, std::string_view line) {
  return fail(Code::decode, "watch event " + std::string(why) + ": " + printable(line, 80));
}

/// Nothing for an event of a type that is not known: a later API server may have one.
Result<std::optional<WatchEvent>> parse_event(std::string_view line) {
  auto document = cni::parse_object(line);
  if (!document) {
    return refuse("is no JSON object", line);
  }
  const auto type = document->find("type");
  const auto object = document->find("object");
  if (type == document->end() || !type->is_string() || object == document->end() ||
      !object->is_object()) {
    return refuse("has no type or no object", line);
  }
  const std::optional<Type> known = parse_type(type->get_ref<const std::string&>());
  if (!known) {
    return std::optional<WatchEvent>();
  }
  WatchEvent event{*known, std::move(*object), {}};
  if (event.type != Type::error) {
    event.version = version_of(event.object);
    if (event.version.empty()) {
      return refuse("has no resourceVersion", line);
    }
  }
  return std::optional(std::move(event));
}

}  // namespace

std::string version_of(const json& object) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) {
    return {};
  }
  const auto version = metadata->find("resourceVersion");
  return version != metadata->end() && version->is_string() ? version->get<std::string>()
                                                            : std::string();
}

std::optional<std::string_view> WatchStream::take_line() {
  const std::size_t end = text_.find('\n', std::max(begin_, scanned_));
  if (end == std::string::npos) {
    // What has been returned goes now, once for all that came together.
    text_.erase(0, begin_);
    begin_ = 0;
    scanned_ = text_.size();
    return std::nullopt;
  }
  const std::string_view line = std::string_view(text_).substr(begin_, end - begin_);
  begin_ = end + 1;
  return line;
}

Result<std::optional<WatchEvent>> WatchStream::next() {
  while (const auto line = take_line()) {
    if (line->size() > limit_) {
      return refuse("is longer than " + std::to_string(limit_) + " bytes", *line);
    }
    if (line->find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    std::optional<WatchEvent> event = MVR_TRY(parse_event(*line));
    if (event) {
      return event;
    }
  }
  if (pending() > limit_) {
    return refuse("is longer than " + std::to_string(limit_) + " bytes", text_);
  }
  return std::optional<WatchEvent>();
}

}  // namespace mvr::webhook
