// SPDX-License-Identifier: Apache-2.0
#include "plugin.hpp"

#include <algorithm>
#include <string_view>

namespace conformance {

namespace {

/// Longer input and output is cut when it is shown.
constexpr std::size_t kShown = 2000;

std::string shorten(const std::string& text) {
  if (text.size() <= kShown) {
    return text;
  }
  return text.substr(0, kShown) + "... (" + std::to_string(text.size()) + " bytes)";
}

/// For a shell, in quotes only where it needs them.
std::string quote(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) {
    return text;
  }
  std::string result = "'";
  for (const char letter : text) {
    result += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  }
  return result + "'";
}

/// The last line without its end, since a heading or a blank line follows.
std::string trimmed(std::string text) {
  while (text.ends_with('\n')) {
    text.pop_back();
  }
  return text;
}

std::string line(const std::string& name, const std::string& text) {
  return text.empty() ? "" : name + ": " + shorten(trimmed(text)) + "\n";
}

}  // namespace

Call Call::with_env(const std::string& name, const std::string& value) const {
  Call changed = *this;
  changed.env[name] = value;
  return changed;
}

Call Call::without_env(const std::string& name) const {
  Call changed = *this;
  changed.env.erase(name);
  return changed;
}

Call Call::with_input(const std::string& text) const {
  return {.env = env, .input = text};
}

Call Call::with(const json& patch) const {
  json changed = config();
  changed.update(patch);
  return with_input(changed.dump());
}

int Answer::code() const {
  const json code = document.is_object() ? document.value("code", json(0)) : json(0);
  return code.is_number_integer() ? code.get<int>() : 0;
}

std::string Answer::message() const {
  const json message = document.is_object() ? document.value("msg", json("")) : json("");
  return message.is_string() ? message.get<std::string>() : "";
}

Answer make_call(const std::string& plugin, const Call& call, int timeout_s) {
  Command command{.argv = {plugin},
                  .input = call.input,
                  .env = call.env,
                  .timeout = std::chrono::seconds(timeout_s)};
  command.env.emplace("PATH", kSearchPath);
  const Output output = run(command);
  return {.status = output.status,
          .out = output.out,
          .err = output.err,
          .document = json::parse(output.out, nullptr, false)};
}

std::string describe(const std::string& plugin, const Call& call, const Answer& answer) {
  std::string text = "$";
  for (const auto& [name, value] : call.env) {
    text += " " + name + "=" + quote(value);
  }
  text += " " + quote(plugin) + " <<< " + quote(shorten(call.input)) + "\n";
  return text + "exit status: " + std::to_string(answer.status) + "\n" +
         line("stdout", answer.out) + line("stderr", answer.err);
}

}  // namespace conformance
