// SPDX-License-Identifier: Apache-2.0
/// \file
/// Standard input: what is no configuration, and what is one although it looks odd.
#include <cctype>
#include <string_view>

#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kSkel = "libcni practice (skel)";
constexpr auto kErrors = "CNI SPEC 1.1.0, section 5, Error";

/// ADD and DEL of a changed configuration, which is to make no difference.
void expect_accepted(Trial& trial, const std::string& input) {
  const json result = trial.add(trial.call("ADD").with_input(input));
  expect(!trial.link(trial.pod()).is_null(), "the interface " + trial.subject().ifname, "none");
  trial.silent(trial.call("DEL").with_input(input));
  expect(trial.link(trial.pod()).is_null(), "no interface after DEL", trial.subject().ifname);
}

void expect_accepted(Trial& trial, const json& patch) {
  json config = trial.config();
  config.update(patch);
  expect_accepted(trial, config.dump());
}

constexpr std::string_view kHexDigits = "0123456789abcdef";

/// A string in JSON with each character below 0x80 as an escape.
std::string escaped(const std::string& text) {
  std::string result = "\"";
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (code < 0x80) {
      result += "\\u00";
      result += kHexDigits[code >> 4U];
      result += kHexDigits[code & 0xFU];
    } else {
      result += letter;
    }
  }
  return result + "\"";
}

/// A value with its strings and keys escaped and its keys in the reverse order.
std::string odd_json(const json& value) {
  if (value.is_string()) {
    return escaped(value.get<std::string>());
  }
  if (!value.is_structured()) {
    return value.dump();
  }
  std::string text;
  for (const auto& [key, item] : value.items()) {
    if (value.is_object()) {
      text.insert(0, text.empty() ? "" : " ,\n");
      text.insert(0, escaped(key) + " : " + odd_json(item));
    } else {
      text += (text.empty() ? "" : "\t,") + odd_json(item);
    }
  }
  return value.is_object() ? "{\r\n" + text + "}" : "[ " + text + "]";
}

void stdin_empty(Trial& trial) {
  trial.refused(trial.call("ADD").with_input(""), {6});
}

void stdin_not_json(Trial& trial) {
  for (const char* input : {"rubbish", "{", "{\"cniVersion\": }"}) {
    trial.refused(trial.call("ADD").with_input(input), {6});
  }
}

void stdin_no_object(Trial& trial) {
  for (const char* input : {"[]", "\"text\"", "1"}) {
    trial.refused(trial.call("ADD").with_input(input), {6});
  }
}

void stdin_trailing(Trial& trial) {
  const std::string config = trial.config().dump();
  for (const std::string& input : {config + "}", config + config, config + " x"}) {
    trial.refused(trial.call("ADD").with_input(input), {6});
  }
}

void stdin_bom(Trial& trial) {
  trial.refused(trial.call("ADD").with_input("\xef\xbb\xbf" + trial.config().dump()), {6});
}

void stdin_doubled_keys(Trial& trial) {
  std::string config = trial.config().dump();
  expect_accepted(trial, config.replace(0, 1, R"({"name":"../other","cniVersion":"9",)"));
}

void stdin_white_space(Trial& trial) {
  expect_accepted(trial, "\n\t " + trial.config().dump(8) + "\r\n\n");
}

void stdin_escapes(Trial& trial) {
  expect_accepted(trial, odd_json(trial.config()));
}

void stdin_huge(Trial& trial) {
  expect_accepted(trial, json{{"args", {{"cni", {{"labels", std::string(1U << 20U, 'x')}}}}}});
}

/// The configuration with the first letter of each key in upper case.
void key_case(Trial& trial) {
  const json usual = trial.config();
  json config = json::object();
  for (const auto& [key, value] : usual.items()) {
    std::string other = key;
    other[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(other[0])));
    config[other] = value;
  }
  expect_accepted(trial, config.dump());
}

void key_unknown(Trial& trial) {
  expect_accepted(trial, json{{"conformanceUnknown", {{"a", {1, 2.5, nullptr}}}}});
}

void key_capabilities(Trial& trial) {
  expect_accepted(trial, json{{"capabilities", {{"portMappings", true}, {"conformance", true}}}});
}

void key_runtime_config(Trial& trial) {
  expect_accepted(trial, json{{"capabilities", {{"conformance", true}}},
                              {"runtimeConfig", {{"conformance", {{"a", "b"}}}}}});
}

void key_args(Trial& trial) {
  expect_accepted(trial, json{{"args", {{"cni", {{"conformance", 1}}}, {"other", "x"}}}});
}

void key_reserved(Trial& trial) {
  expect_accepted(trial, json{{"cni.dev/conformance", {{"a", 1}}}});
}

void key_null(Trial& trial) {
  expect_accepted(trial, json{{"args", nullptr}, {"runtimeConfig", nullptr}});
}

/// CNI_ARGS that make no difference to a plugin that does not know their keys.
void expect_args(Trial& trial, const std::string& args) {
  trial.add(trial.call("ADD").with_env("CNI_ARGS", args));
  trial.silent(trial.call("DEL").with_env("CNI_ARGS", args));
}

void args_ignore_unknown(Trial& trial) {
  for (const char* word : {"1", "true", "True", "TRUE"}) {
    expect_args(trial, std::string("IgnoreUnknown=") + word + ";CONFORMANCE=x");
  }
}

void args_order(Trial& trial) {
  expect_args(trial, "CONFORMANCE=x;IgnoreUnknown=1");
}

void args_kubernetes(Trial& trial) {
  expect_args(trial,
              "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod-1;"
              "K8S_POD_INFRA_CONTAINER_ID=0123456789abcdef;"
              "K8S_POD_UID=5b0e6d1c-0f43-4b0a-9d57-3f6f0d1e2c3b");
}

void args_doubled(Trial& trial) {
  expect_args(trial,
              "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod-1;"
              "K8S_POD_INFRA_CONTAINER_ID=;K8S_POD_UID=;IgnoreUnknown=1;"
              "K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod-1");
}

}  // namespace

Points input_points() {
  return {
      {"stdin-empty", Level::must, kOnce, "ADD without a configuration is code 6", kErrors,
       stdin_empty},
      {"stdin-not-json", Level::must, kOnce, "Standard input that is no JSON is code 6", kErrors,
       stdin_not_json},
      {"stdin-no-object", Level::must, kOnce, "JSON that is no object is code 6", kErrors,
       stdin_no_object},
      {"stdin-trailing", Level::custom, kOnce, "Something after the JSON object is code 6", kSkel,
       stdin_trailing},
      {"stdin-bom", Level::custom, kOnce, "A byte order mark before the JSON object is code 6",
       kSkel, stdin_bom},
      {"stdin-doubled-keys", Level::custom, kOnce, "Of a key that comes twice the last one counts",
       kSkel, stdin_doubled_keys},
      {"stdin-white-space", Level::must, kOnce, "White space around and in the JSON is fine",
       "RFC 8259, section 2", stdin_white_space},
      {"stdin-escapes", Level::must, kOnce,
       "Any character can be a \\u escape, and the keys can stand in any order",
       "RFC 8259, section 7", stdin_escapes},
      {"stdin-huge", Level::custom, kOnce, "A megabyte of arguments for others is fine",
       "libcni practice (Multus)", stdin_huge},
      {"key-case", Level::custom, kOnce, "Keys can differ in upper and lower case", kSkel,
       key_case},
      {"key-unknown", Level::custom, kOnce, "Unknown keys are ignored", kSkel, key_unknown},
      {"key-capabilities", Level::custom, kOnce,
       "The key capabilities, which libcni leaves in, is ignored", "libcni practice",
       key_capabilities},
      {"key-runtime-config", Level::custom, kOnce, "Unknown keys in runtimeConfig are ignored",
       "CNI CONVENTIONS", key_runtime_config},
      {"key-args", Level::must, kOnce, "What is not known in args is ignored",
       "CNI SPEC 0.4.0, Network Configuration", key_args},
      {"key-reserved", Level::should, kOnce, "Keys that begin with cni.dev/ are ignored",
       "CNI SPEC 1.1.0, section 1, reserved keys", key_reserved},
      {"key-null", Level::custom, kOnce, "A null is taken for an absent key", kSkel, key_null},
      {"args-ignore-unknown", Level::custom, kOnce,
       "Unknown keys in CNI_ARGS are fine beside IgnoreUnknown=1 or =true",
       "libcni practice (types.LoadArgs)", args_ignore_unknown},
      {"args-order", Level::custom, kOnce, "IgnoreUnknown can stand behind the unknown keys",
       "libcni practice (types.LoadArgs)", args_order},
      {"args-kubernetes", Level::custom, kOnce, "CNI_ARGS as Kubernetes runtimes send them",
       "containerd, CRI-O", args_kubernetes},
      {"args-doubled", Level::custom, kOnce, "Keys in CNI_ARGS can come twice and be empty",
       "Multus", args_doubled},
  };
}

}  // namespace conformance
