// SPDX-License-Identifier: Apache-2.0
#include "mvr/cni/environment.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "cni/args.hpp"
#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

constexpr std::array<std::pair<std::string_view, Verb>, 6> kVerbs = {{
    {"ADD", Verb::add},
    {"DEL", Verb::del},
    {"CHECK", Verb::check},
    {"GC", Verb::gc},
    {"STATUS", Verb::status},
    {"VERSION", Verb::version},
}};

constexpr std::size_t kMaxIdLength = 255;
constexpr std::size_t kMaxIfnameLength = 15;

/// White space beyond ASCII that Go's unicode.IsSpace knows, in UTF-8. The kernel refuses every
/// byte 0xa0, which it takes for Latin-1's no-break space (`dev_valid_name`).
constexpr std::array<std::string_view, 19> kWideSpaces = {
    "\xa0",         "\xc2\x85",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

bool is_ifname_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != 0x7f && c != '/' && c != ':' && c != '%';
}

/// Looks variables up and remembers which required ones are missing.
struct Variables {
  const GetEnv& get_env;
  std::vector<std::string> missing = {};

  [[nodiscard]] std::string optional(const char* name) const {
    const char* value = get_env(name);
    return value == nullptr ? "" : value;
  }

  std::string required(const char* name) {
    std::string value = optional(name);
    if (value.empty()) {
      missing.emplace_back(name);
    }
    return value;
  }

  [[nodiscard]] Result<void> check_missing() const {
    if (missing.empty()) {
      return {};
    }
    return fail(Code::bad_environment,
                "required env variables [" + join(missing, ",") + "] missing");
  }
};

Result<Verb> parse_verb(std::string_view text) {
  const auto* const found = std::ranges::find(kVerbs, text, &decltype(kVerbs)::value_type::first);
  if (found == kVerbs.end()) {
    return fail(Code::bad_environment, "unknown CNI_COMMAND: " + printable(text));
  }
  return found->second;
}

/// A missing value is not refused here but in the list of all that are missing.
Result<void> check_value(std::string_view name, std::string_view value, bool is_valid,
                         std::string_view allowed) {
  if (value.empty() || is_valid) {
    return {};
  }
  std::string msg(name);
  msg.append(" \"").append(printable(value, 64)).append("\": ").append(allowed);
  return fail(Code::bad_environment, std::move(msg));
}

Result<Args> read_cni_args(Verb verb, std::string_view text) {
  if (verb == Verb::add) {
    return parse_args(text);
  }
  return read_args(text).args;
}

/// The variables that name an attachment, in the order of the CNI library's table.
Result<void> read_attachment(Variables& variables, Environment& env) {
  env.container_id = variables.required("CNI_CONTAINERID");
  MVR_TRY(check_value("CNI_CONTAINERID", env.container_id, is_valid_id(env.container_id),
                      "must be at most 255 letters, digits, '_', '.' and '-', the first one a "
                      "letter or digit"));
  env.netns = env.verb == Verb::del ? variables.optional("CNI_NETNS")  // may be gone long since
                                    : variables.required("CNI_NETNS");
  env.ifname = variables.required("CNI_IFNAME");
  MVR_TRY(check_value("CNI_IFNAME", env.ifname, is_valid_ifname(env.ifname),
                      "must be 1 to 15 bytes, not \".\" or \"..\", without '/', ':', '%', white "
                      "space and control characters"));
  env.raw_args = variables.optional("CNI_ARGS");
  env.args = MVR_TRY(read_cni_args(env.verb, env.raw_args));
  return {};
}

bool is_for_attachment(Verb verb) {
  return verb == Verb::add || verb == Verb::del || verb == Verb::check;
}

bool is_on(std::string_view text) {
  return text == "1" || to_lower(text) == "true";
}

}  // namespace

std::string_view to_string(Verb verb) {
  return std::ranges::find(kVerbs, verb, &decltype(kVerbs)::value_type::second)->first;
}

Result<Environment> read_environment(const GetEnv& get_env) {
  Variables variables{get_env};
  Environment env;
  const std::string command = variables.required("CNI_COMMAND");
  MVR_TRY(variables.check_missing());
  env.verb = MVR_TRY(parse_verb(command));
  if (env.verb == Verb::version) {
    return env;
  }
  if (is_for_attachment(env.verb)) {
    MVR_TRY(read_attachment(variables, env));
  }
  env.path = variables.required("CNI_PATH");
  MVR_TRY(variables.check_missing());
  env.allows_own_netns = is_on(variables.optional("CNI_NETNS_OVERRIDE"));
  env.trace_parent = variables.optional("TRACEPARENT");
  return env;
}

bool is_valid_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxIdLength &&
         std::ranges::all_of(text, is_id_character) && text.find_first_of("_.-") != 0;
}

bool is_valid_ifname(std::string_view text) {
  const auto is_inside = [text](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kMaxIfnameLength && text != "." && text != ".." &&
         std::ranges::all_of(text, is_ifname_character) &&
         std::ranges::none_of(kWideSpaces, is_inside);
}

}  // namespace mvr::cni
