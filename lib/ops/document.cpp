// SPDX-License-Identifier: Apache-2.0
#include "ops/document.hpp"

#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "mvr/base/text.hpp"
#include "ops/values.hpp"

namespace mvr::ops {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 64;

Place to_place(const yaml_mark_t& mark) {
  return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
}

Error at(const Place& place, const std::string& text) {
  return {Code::decode, 0, "line " + std::to_string(place.line) + ": " + text};
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  text.remove_prefix(text.starts_with('+') ? 1 : 0);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                  : std::nullopt;
}

/// A scalar without quotes. \source YAML 1.2.2, section 10.3.2
Json read_plain(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return nullptr;
  }
  if (text == "true" || text == "True" || text == "TRUE") {
    return true;
  }
  if (text == "false" || text == "False" || text == "FALSE") {
    return false;
  }
  if (const auto number = parse_number<std::int64_t>(text)) {
    return *number;
  }
  const bool may_be_float = text.find_first_not_of("0123456789+-.eE") == std::string::npos &&
                            text.find_first_of("0123456789") != std::string::npos;
  const auto number = may_be_float ? parse_number<double>(text) : std::nullopt;
  return number ? Json(*number) : Json(text);
}

/// What is between the quotes, with a byte for each escape that matters to JSON. Line ends stay.
std::string unquote(std::string_view text, char quote) {
  std::string plain;
  text = text.size() >= 2 ? text.substr(1, text.size() - 2) : std::string_view();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_pair = text[i] == (quote == '"' ? '\\' : '\'') && i + 1 < text.size();
    i += is_pair ? 1U : 0U;
    plain += is_pair && (text[i] == 'n' || text[i] == 't' || text[i] == 'r') ? ' ' : text[i];
  }
  return plain;
}

/// The lines below the indicator.
std::string_view skip_line(std::string_view text) {
  return text.substr(std::min(text.find('\n'), text.size() - 1) + 1);
}

/// libyaml's parser, event by event.
class Events {
 public:
  explicit Events(std::string_view text) : text_(text) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Events(const Events&) = delete;
  Events(Events&&) = delete;
  Events& operator=(const Events&) = delete;
  Events& operator=(Events&&) = delete;
  ~Events() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }

  Result<yaml_event_type_t> next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) == 0) {
      const std::string problem = parser_.problem != nullptr ? parser_.problem : "no YAML";
      return fail(at(to_place(parser_.problem_mark), problem));
    }
    return event_.type;
  }

  [[nodiscard]] const yaml_event_t& event() const { return event_; }
  [[nodiscard]] Place place() const { return to_place(event_.start_mark); }

  /// Of a scalar event.
  [[nodiscard]] std::string text() const {
    const auto& scalar = event_.data.scalar;
    return {reinterpret_cast<const char*>(scalar.value), scalar.length};
  }

  /// Of a scalar event; nothing for a plain scalar.
  [[nodiscard]] std::optional<Source> source() {
    const int line = place().line;
    const std::string_view text = slice(event_.start_mark.index, event_.end_mark.index);
    const bool has_lines = event_.end_mark.line > event_.start_mark.line && !text.empty();
    switch (event_.data.scalar.style) {
      case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return Source{line, has_lines ? unquote(text, '\'') : ""};
      case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return Source{line, has_lines ? unquote(text, '"') : ""};
      case YAML_LITERAL_SCALAR_STYLE:
      case YAML_FOLDED_SCALAR_STYLE:
        return Source{line + 1, std::string(has_lines ? skip_line(text) : "")};
      default:
        return std::nullopt;
    }
  }

 private:
  /// The text between two marks, which count characters. Marks only grow.
  std::string_view slice(std::size_t begin, std::size_t end) {
    const std::size_t first = find_byte(begin);
    return text_.substr(first, find_byte(end) - first);
  }

  std::size_t find_byte(std::size_t character) {
    const auto is_rest = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; };
    while (byte_ < text_.size() && character_ < character) {
      do {
        ++byte_;
      } while (byte_ < text_.size() && is_rest(text_[byte_]));
      ++character_;
    }
    return byte_;
  }

  std::string_view text_;
  std::size_t byte_ = 0;       ///< of text_, where the last mark was
  std::size_t character_ = 0;  ///< its number
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

/// Builds one document from the events behind its start.
class Reader {
 public:
  Reader(Events& events, Document& document) : events_(events), document_(document) {}

  /// The value that the last event begins.
  Result<Json> read(const std::string& pointer, int depth) {
    document_.places.try_emplace(pointer, events_.place());
    if (depth > kDeepest) {
      return fail(at(events_.place(), "more than " + std::to_string(kDeepest) + " levels"));
    }
    switch (events_.event().type) {
      case YAML_SCALAR_EVENT:
        if (auto source = events_.source()) {
          document_.sources[pointer] = *std::move(source);
          return Json(events_.text());
        }
        return read_plain(events_.text());
      case YAML_SEQUENCE_START_EVENT:
        return read_sequence(pointer, depth);
      case YAML_MAPPING_START_EVENT:
        return read_mapping(pointer, depth);
      case YAML_ALIAS_EVENT:
        return fail(at(events_.place(), "aliases (*name) are not taken here; write it out"));
      default:
        return fail(at(events_.place(), "a value is missing"));
    }
  }

 private:
  Result<Json> read_sequence(const std::string& pointer, int depth) {
    Json array = Json::array();
    while (MVR_TRY(events_.next()) != YAML_SEQUENCE_END_EVENT) {
      array.push_back(MVR_TRY(read(pointer + '/' + std::to_string(array.size()), depth + 1)));
    }
    return array;
  }

  Result<Json> read_mapping(const std::string& pointer, int depth) {
    Json object = Json::object();
    while (MVR_TRY(events_.next()) != YAML_MAPPING_END_EVENT) {
      if (events_.event().type != YAML_SCALAR_EVENT) {
        return fail(at(events_.place(), "a key must be a word"));
      }
      const std::string key = events_.text();
      const std::string place = pointer + '/' + escape_key(key);
      if (object.contains(key)) {
        document_.repeats.push_back(
            at(events_.place(), "the key \"" + printable(key) + "\" is there already, in line " +
                                    std::to_string(document_.places[place].line)));
        forget(place);
      }
      document_.places[place] = events_.place();
      MVR_TRY(events_.next());
      object[key] = MVR_TRY(read(place, depth + 1));
    }
    return object;
  }

  /// What stands below a key whose value another one replaces.
  void forget(const std::string& place) {
    const auto is_below = [&](const auto& entry) { return entry.first.starts_with(place + '/'); };
    std::erase_if(document_.places, is_below);
    std::erase_if(document_.sources,
                  [&](const auto& entry) { return entry.first == place || is_below(entry); });
  }

  Events& events_;
  Document& document_;
};

Result<void> read_all_into(std::vector<Document>& documents, std::string_view text) {
  Events events(text);
  while (MVR_TRY(events.next()) != YAML_STREAM_END_EVENT) {
    if (events.event().type != YAML_DOCUMENT_START_EVENT) {
      continue;  // the stream's start, a document's end
    }
    MVR_TRY(events.next());
    Document document;
    document.value = MVR_TRY(Reader(events, document).read("", 0));
    documents.push_back(std::move(document));
  }
  return {};
}

}  // namespace

Place Document::place_of(std::string pointer) const {
  while (!pointer.empty() && !places.contains(pointer)) {
    pointer.erase(pointer.rfind('/'));
  }
  const auto found = places.find(pointer);
  return found != places.end() ? found->second : Place{1, 1};
}

Stream read_documents(std::string_view text) {
  Stream stream;
  if (auto done = read_all_into(stream.documents, text); !done) {
    stream.error = std::move(done).error();
  }
  return stream;
}

Result<std::vector<Document>> parse_documents(std::string_view text) {
  Stream stream = read_documents(text);
  for (const Document& document : stream.documents) {
    if (!document.repeats.empty()) {
      return fail(document.repeats.front());
    }
  }
  return stream.error ? fail(*std::move(stream.error))
                      : Result<std::vector<Document>>(std::move(stream.documents));
}

}  // namespace mvr::ops
