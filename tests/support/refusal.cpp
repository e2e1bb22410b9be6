// SPDX-License-Identifier: Apache-2.0
#include "support/refusal.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "support/world.hpp"

namespace mvr::test {

namespace {

const char* const kPod = "pod";

bool is_utf8(const std::string& text) {
  const auto dump = [&text](json::error_handler_t handler) {
    return json(text).dump(-1, ' ', false, handler);
  };
  return dump(json::error_handler_t::ignore) == dump(json::error_handler_t::replace);
}

}  // namespace

Refusals::Refusals() : scenario_({.rails = 1}), pod_(scenario_.add_pod(kPod)) {
  look_again();
}

Call Refusals::call(const json& patch) const {
  json config = rail_config(1);
  config.merge_patch(patch);
  return Runtime(pod_).call("ADD", "net1", config);
}

Answer Refusals::expect_call(const Call& call, int code,
                             const std::vector<std::string>& words) const {
  const Answer answer = run_plugin(call);
  INFO(answer);
  expect_error(answer, code);
  expect_words(answer.message(), words);
  expect_unchanged();
  return answer;
}

Answer Refusals::expect(const json& patch, int code, const std::vector<std::string>& words) const {
  return expect_call(call(patch), code, words);
}

void Refusals::expect_unchanged() const {
  CHECK(difference(before_, snapshot_world({kPod})) == "");
}

void Refusals::look_again() {
  before_ = snapshot_world({kPod});
}

void expect_error(const Answer& answer, int code) {
  CHECK(answer.status == 1);
  CHECK(answer.body.is_object());
  CHECK(answer.code() == code);
  CHECK_FALSE(answer.message().empty());
  CHECK(std::count(answer.out.begin(), answer.out.end(), '\n') == 1);
  CHECK(answer.out.ends_with('\n'));
}

void expect_words(const std::string& text, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    INFO("wanted: " << word << "\nin: " << text.substr(0, 4096));
    CHECK(text.find(word) != std::string::npos);
  }
}

bool has_raw_control(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f ||
        (byte == 0xc2 && next >= 0x80 && next < 0xa0)) {
      return true;
    }
  }
  return !is_utf8(text);
}

}  // namespace mvr::test
