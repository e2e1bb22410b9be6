// SPDX-License-Identifier: Apache-2.0
#include "recorder.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "world.hpp"

namespace conformance {

namespace {

namespace fs = std::filesystem;

const std::string kDir = std::string(kOwnDir) + "/ipam";
const std::string kCalls = std::string(kOwnDir) + "/calls";
const std::string kAnswers = std::string(kOwnDir) + "/answers";

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
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

std::string script(const fs::path& program) {
  return "#!/bin/sh\ncalls=" + kCalls + " answers=" + kAnswers + " plugin='" + program.string() +
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

Recorder::Recorder(const std::string& type, const std::string& path) : path_(kDir + ":" + path) {
  fs::create_directories(kDir);
  fs::create_directories(kCalls);
  fs::create_directories(kAnswers);
  if (!type.empty()) {
    write_text(fs::path(kDir) / type, script(find_program(type, path)));
    fs::permissions(fs::path(kDir) / type, fs::perms(0755));
  }
}

std::vector<IpamCall> Recorder::calls() const {
  std::vector<IpamCall> result;
  for (int n = 1; fs::exists(fs::path(kCalls) / std::to_string(n)); ++n) {
    const fs::path call = fs::path(kCalls) / std::to_string(n);
    result.push_back({.env = parse_environment(read_text(call / "env")),
                      .input = read_text(call / "input"),
                      .output = read_text(call / "output"),
                      .status = std::atoi(read_text(call / "status").c_str())});
  }
  return result;
}

std::vector<IpamCall> Recorder::calls(const std::string& verb) const {
  std::vector<IpamCall> result = calls();
  std::erase_if(result, [&](const IpamCall& call) { return call.verb() != verb; });
  return result;
}

void Recorder::answer(const std::string& verb, int status, const json& document) const {
  write_text(kAnswers + "/" + verb + ".output", document.dump() + "\n");
  write_text(kAnswers + "/" + verb + ".status", std::to_string(status));
}

void Recorder::answer_itself(const std::string& verb) const {
  fs::remove(kAnswers + "/" + verb + ".status");
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
