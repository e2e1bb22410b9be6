// SPDX-License-Identifier: Apache-2.0
// What an API server, or who poses as one, sends to a watch and a list.
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "fuzz.hpp"
#include "webhook/list_page.hpp"
#include "webhook/watch_stream.hpp"

using mvr::fuzz::require;
namespace webhook = mvr::webhook;

namespace {

constexpr std::size_t kLimit = 2048;

struct Heard {
  std::vector<std::string> versions;
  bool is_bad = false;
  std::size_t pending = 0;

  bool operator==(const Heard&) const = default;
};

/// All that a stream says when it gets the text in pieces of this many bytes.
Heard hear(std::string_view text, std::size_t piece) {
  webhook::WatchStream stream(kLimit);
  Heard heard;
  for (std::size_t i = 0; i < text.size() && !heard.is_bad; i += piece) {
    stream.add(text.substr(i, piece));
    for (;;) {
      const auto event = stream.next();
      heard.is_bad = !event;
      if (!event || !*event) {
        break;
      }
      require((*event)->object.is_object());
      require((*event)->version.empty() == ((*event)->type == webhook::WatchEvent::Type::error));
      heard.versions.push_back((*event)->version);
    }
    require(heard.is_bad || stream.pending() <= kLimit);
  }
  heard.pending = heard.is_bad ? 0 : stream.pending();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = mvr::fuzz::text_of(data, size);
  const Heard whole = hear(text, text.size() + 1);
  require(hear(text, 1) == whole);
  require(hear(text, 7) == whole);
  std::size_t count = 0;
  const auto page = webhook::read_page(text, [&](const nlohmann::json& object) {
    require(object.is_object());
    ++count;
  });
  require(!page || (page->count == count && !page->version.empty()));
  static_cast<void>(webhook::read_status(text));
  const std::string encoded = webhook::percent_encode(text);
  require(encoded.find_first_of(" &?#+\n") == std::string::npos);
  return 0;
}
