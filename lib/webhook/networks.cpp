// SPDX-License-Identifier: Apache-2.0
#include "webhook/networks.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"

namespace mvr::webhook {
namespace {

using cni::Json;
using Ordered = nlohmann::ordered_json;

constexpr std::size_t kShown = 80;

/// What Go's strings.TrimSpace takes away of ASCII.
std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

tl::unexpected<Error> bad_item(std::string_view item, const std::string& why) {
  return fail(Code::decode, '"' + printable(item, kShown) + "\" " + why);
}

/// "namespace/name@interface", of which only the name must be there.
Result<Selection> parse_item(std::string_view item, std::string_view space) {
  std::vector<std::string_view> parts = split(item, '/');
  if (parts.size() > 2) {
    return bad_item(item, "has more than one \"/\"");
  }
  const std::vector<std::string_view> ends = split(parts.back(), '@');
  if (ends.size() > 2) {
    return bad_item(item, "has more than one \"@\"");
  }
  const std::string_view own_space = parts.size() == 2 ? trim(parts.front()) : "";
  Selection selection{std::string(own_space.empty() ? space : own_space),
                      std::string(trim(ends.front())),
                      std::string(ends.size() == 2 ? trim(ends.back()) : "")};
  if (selection.name.empty()) {
    return bad_item(item, "names no network");
  }
  return selection;
}

Result<std::vector<Selection>> parse_items(std::string_view text, std::string_view space) {
  std::vector<Selection> entries;
  for (const std::string_view item : split(text, ',')) {
    entries.push_back(MVR_TRY(parse_item(trim(item), space)));
  }
  return entries;
}

/// Multus decodes these by Go, to which the case of a key is all the same.
std::string member_of(const Json& object, std::string_view key) {
  const std::string* text = cni::as_string(cni::find_value(object, key));
  return text == nullptr ? "" : *text;
}

Result<std::vector<Selection>> parse_objects(std::string_view text, std::string_view space) {
  const Json list = MVR_TRY(cni::parse_json(text));
  if (!list.is_array()) {
    return fail(Code::decode, cni::show(list) + " is no list");
  }
  std::vector<Selection> entries;
  for (const Json& object : list) {
    Selection selection{member_of(object, "namespace"), member_of(object, "name"),
                        member_of(object, "interface")};
    if (selection.name.empty()) {
      return fail(Code::decode, cni::show(object) + " names no network");
    }
    selection.space = selection.space.empty() ? space : selection.space;
    entries.push_back(std::move(selection));
  }
  return entries;
}

/// Multus takes labels of DNS alone between commas, without the dots that names may have.
bool fits_between_commas(std::string_view name) {
  const auto is_inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && std::ranges::all_of(name, is_inner) && name.front() != '-' &&
         name.back() != '-';
}

bool fit_between_commas(const std::vector<Selection>& entries) {
  return std::ranges::all_of(entries, [](const Selection& one) {
    return fits_between_commas(one.name) && fits_between_commas(one.space);
  });
}

std::string to_objects(const std::vector<Selection>& entries) {
  std::string text;
  for (const Selection& one : entries) {
    Ordered object{{"name", one.name}, {"namespace", one.space}};
    if (!one.interface.empty()) {
      object["interface"] = one.interface;
    }
    text +=
        (text.empty() ? "" : ",") + object.dump(-1, ' ', false, Ordered::error_handler_t::replace);
  }
  return text;
}

std::string append_objects(const NetworkList& list, const std::vector<Selection>& more) {
  std::string text = list.text;
  // A JSON list ends with its bracket.
  text.pop_back();
  text = trim(text);
  return text + (list.entries.empty() ? "" : ",") + to_objects(more) + ']';
}

std::string append_items(const NetworkList& list, const std::vector<Selection>& more) {
  const bool is_tight = list.text.find(',') != std::string::npos &&
                        list.text.find_first_of(" \n\t") == std::string::npos;
  std::string text = list.text;
  for (const Selection& one : more) {
    text += text.empty() ? "" : (is_tight ? "," : ", ");
    text += one.full_name();
  }
  return text;
}

}  // namespace

bool NetworkList::has(std::string_view full_name) const {
  return std::ranges::any_of(entries,
                             [&](const Selection& one) { return one.full_name() == full_name; });
}

Result<NetworkList> parse_networks(std::string_view text, std::string_view space) {
  NetworkList list{.text = std::string(trim(text))};
  if (list.text.empty()) {
    return list;
  }
  list.is_json = list.text.find_first_of("[{\"") != std::string::npos;
  list.entries =
      MVR_TRY(list.is_json ? parse_objects(list.text, space) : parse_items(list.text, space));
  return list;
}

std::string append_networks(const NetworkList& list, const std::vector<Selection>& more) {
  if (list.is_json) {
    return append_objects(list, more);
  }
  if (fit_between_commas(more)) {
    return append_items(list, more);
  }
  std::vector<Selection> all = list.entries;
  all.insert(all.end(), more.begin(), more.end());
  return '[' + to_objects(all) + ']';
}

}  // namespace mvr::webhook
