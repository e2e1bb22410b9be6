// SPDX-License-Identifier: Apache-2.0
#include "support/fake_ipam.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "support/print.hpp"

namespace mvr::test {
namespace {

namespace fs = std::filesystem;

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace

PluginDir::PluginDir() : path_((fs::temp_directory_path() / "mvr-ipam-XXXXXX").string()) {
  REQUIRE(::mkdtemp(path_.data()) != nullptr);
}

PluginDir::~PluginDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string PluginDir::text_of(std::string_view name) const {
  return read_text(file(name));
}

pid_t PluginDir::pid_in(std::string_view name) const {
  REQUIRE(comes_true([&] { return text_of(name).ends_with('\n'); }));
  return std::stoi(text_of(name));
}

void PluginDir::put(std::string_view name, std::string_view text, unsigned mode) const {
  std::ofstream(file(name), std::ios::binary) << text;
  fs::permissions(file(name), static_cast<fs::perms>(mode));
}

ipam::Plugin PluginDir::plugin(std::string_view commands) const {
  put("fake", "#!/bin/sh\ncd " + path_ + "\n" + std::string(commands) + "\n");
  return unwrap(ipam::Plugin::find("fake", path_));
}

Budget make_budget(std::chrono::milliseconds limit) {
  return unwrap(Budget::start(limit));
}

bool dies(pid_t pid) {
  return comes_true([&] {
    const std::string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
    const std::size_t name_end = stat.rfind(") ");
    return name_end == std::string::npos || stat.at(name_end + 2) == 'Z';
  });
}

bool has_no_children() {
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

CapturedStderr::CapturedStderr(const std::string& path)
    : saved_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  REQUIRE(::dup2(file.get(), STDERR_FILENO) == STDERR_FILENO);
}

CapturedStderr::~CapturedStderr() {
  ::dup2(saved_.get(), STDERR_FILENO);
}

}  // namespace mvr::test
