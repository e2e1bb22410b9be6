// SPDX-License-Identifier: Apache-2.0
#include "support/unit_dir.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "support/catch.hpp"

namespace mvr::test {

ScratchDir::ScratchDir() {
  std::string name = std::filesystem::temp_directory_path() / "mvr-unit-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  REQUIRE(file.flush());
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

Forked::Forked(const std::function<int()>& work) : pid_(::fork()) {
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::_exit(work());
  }
}

int Forked::wait() {
  int status = 0;
  const pid_t pid = std::exchange(pid_, -1);
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Forked::~Forked() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

}  // namespace mvr::test
