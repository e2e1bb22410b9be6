// SPDX-License-Identifier: Apache-2.0
#include "recorder.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "world.hpp"

namespace conformance {

namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// As the plugin finds it: the first file of that name.
fs::path find_program(const std::string& name, const std::string& path) {
  std::istringstream directories(path);
  for (std::string directory; std::getline(directories, directory, ':');) {
    if (!directory.empty() && fs::is_regular_file(fs::path(directory) / name)) {
      return fs::path(directory) / name;
    }
  }
  throw std::runtime_error("the IPAM plugin '" + name + "' is in no directory of " + path);
}

/// What runs in the IPAM plugin's place. mkdir is what makes the numbers of two calls at the same
/// time differ.
constexpr auto kScript = R"(
PATH=${PATH:-/usr/bin:/bin}
n=1
until mkdir "$calls/$n" 2>/dev/null; do n=$((n + 1)); done
cat /proc/$$/environ >"$calls/$n/env"
cat >"$calls/$n/input"
if [ -e "$answers/$CNI_COMMAND.status" ]; then
  cat "$answers/$CNI_COMMAND.output" >"$calls/$n/output"
  status=$(cat "$answers/$CNI_COMMAND.status")
else
  "$plugin" <"$calls/$n/input" >"$calls/$n/output"
  status=$?
fi
echo "$status" >"$calls/$n/status"
cat "$calls/$n/output"
echo "$words" >&2
exit "$status"
)";

std::string script(const fs::path& program, const std::string& calls, const std::string& answers) {
  return "#!/bin/sh\ncalls=" + calls + " answers=" + answers + " plugin='" + program.string() +
         "' words='" + kRecorderWords + "'" + kScript;
}

Environment parse_environment(const std::string& text) {
  Environment env;
  std::istringstream pairs(text);
  for (std::string pair; std::getline(pairs, pair, '\0');) {
    const std::size_t equals = pair.find('=');
    env[pair.substr(0, equals)] = equals == std::string::npos ? "" : pair.substr(equals + 1);
  }
  return env;
}

std::string attachment_of(const IpamCall& call) {
  const auto value = [&](const char* name) {
    const auto found = call.env.find(name);
    return found == call.env.end() ? std::string() : found->second;
  };
  return value("CNI_CONTAINERID") + "/" + value("CNI_IFNAME");
}

/// The attachments that a GC call leaves alone.
std::set<std::string> valid_attachments(const IpamCall& call) {
  std::set<std::string> valid;
  const json config = json::parse(call.input, nullptr, false);
  for (const json& attachment : config.value("cni.dev/valid-attachments", json::array())) {
    valid.insert(attachment.value("containerID", "") + "/" + attachment.value("ifname", ""));
  }
  return valid;
}

}  // namespace

std::string IpamCall::verb() const {
  const auto found = env.find("CNI_COMMAND");
  return found == env.end() ? "" : found->second;
}

Recorder::Recorder(const std::string& type, const std::string& path)
    : calls_(std::string(kOwnDir) + "/calls"),
      answers_(std::string(kOwnDir) + "/answers"),
      path_(std::string(kOwnDir) + "/ipam:" + path) {
  const fs::path directory = fs::path(kOwnDir) / "ipam";
  for (const fs::path& made : {directory, fs::path(calls_), fs::path(answers_)}) {
    fs::create_directories(made);
  }
  if (!type.empty()) {
    write_text(directory / type, script(find_program(type, path), calls_, answers_));
    fs::permissions(directory / type, fs::perms(0755));
  }
}

std::vector<IpamCall> Recorder::calls() const {
  std::vector<IpamCall> result;
  for (int n = 1; fs::exists(fs::path(calls_) / std::to_string(n)); ++n) {
    const fs::path call = fs::path(calls_) / std::to_string(n);
    result.push_back(
        {.env = parse_environment(read_text(call / "env")),
         .input = read_text(call / "input"),
         .output = read_text(call / "output"),
         .status = static_cast<int>(std::strtol(read_text(call / "status").c_str(), nullptr, 10))});
  }
  return result;
}

std::vector<IpamCall> Recorder::calls(const std::string& verb) const {
  std::vector<IpamCall> result = calls();
  std::erase_if(result, [&](const IpamCall& call) { return call.verb() != verb; });
  return result;
}

void Recorder::answer(const std::string& verb, int status, const json& document) const {
  write_text(answers_ + "/" + verb + ".output", document.dump() + "\n");
  write_text(answers_ + "/" + verb + ".status", std::to_string(status));
}

void Recorder::answer_itself(const std::string& verb) const {
  fs::remove(answers_ + "/" + verb + ".status");
}

std::set<std::string> Recorder::leases() const {
  std::set<std::string> leases;
  for (const IpamCall& call : calls()) {
    if (call.status != 0) {
      continue;
    }
    if (call.verb() == "ADD") {
      leases.insert(attachment_of(call));
    } else if (call.verb() == "DEL") {
      leases.erase(attachment_of(call));
    } else if (call.verb() == "GC") {
      const std::set<std::string> valid = valid_attachments(call);
      std::erase_if(leases, [&](const std::string& lease) { return !valid.contains(lease); });
    }
  }
  return leases;
}

}  // namespace conformance
