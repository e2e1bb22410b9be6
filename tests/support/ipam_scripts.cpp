// SPDX-License-Identifier: Apache-2.0
#include "support/ipam_scripts.hpp"

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

constexpr std::size_t kNoteLimit = std::size_t{32} << 20;

/// A line of shell that prints the text and nothing else.
std::string print(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return "printf '%s\\n' '" + quoted + "'";
}

}  // namespace

FakeIpam::FakeIpam(std::string name)
    : name_(std::move(name)), dir_(std::string(kScratchDir) + "/cni-" + name_) {
  script("ADD", ":");
}

void FakeIpam::script(const std::string& verb, const std::string& lines) const {
  const std::string program = dir_ + "/" + name_;
  put_file(program,
           "#!/bin/sh\n"
           "echo \"$CNI_COMMAND\" >> '" +
               program +
               ".calls'\n"
               "cat > '" +
               program +
               ".input'\n"
               "if [ \"$CNI_COMMAND\" = '" +
               verb + "' ]; then\n" + lines + "\nfi\n",
           0755);
}

void FakeIpam::answer(const nlohmann::json& result) const {
  script("ADD", print(result.dump()));
}

void FakeIpam::answer_address(const std::string& address_with_length,
                              const std::string& gateway) const {
  nlohmann::json ip{{"address", address_with_length}};
  if (!gateway.empty()) {
    ip["gateway"] = gateway;
  }
  answer({{"cniVersion", "1.0.0"}, {"ips", nlohmann::json::array({ip})}});
}

void FakeIpam::fail(const std::string& verb, int code, const std::string& message) const {
  const nlohmann::json error{{"cniVersion", "1.0.0"}, {"code", code}, {"msg", message}};
  script(verb, print(error.dump()) + "\nexit 1");
}

void FakeIpam::answer_slowly(double seconds, const nlohmann::json& result) const {
  script("ADD", "sleep " + std::to_string(seconds) + "\n" + print(result.dump()));
}

std::vector<std::string> FakeIpam::calls() const {
  const std::string text = read_file(dir_ + "/" + name_ + ".calls", kNoteLimit).value_or("");
  std::vector<std::string> result;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) {
      result.emplace_back(line);
    }
  }
  return result;
}

std::string FakeIpam::last_input() const {
  return read_file(dir_ + "/" + name_ + ".input", kNoteLimit).value_or("");
}

}  // namespace mvr::test
