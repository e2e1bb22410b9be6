// SPDX-License-Identifier: Apache-2.0
/// \file
/// Runs a program and writes the most memory that it or a program that it started had in RAM at
/// once, in KiB, to a file. The kernel counts what the starting process had as well, and this one
/// has next to nothing.
/// Usage: bench-peak FILE PROGRAM [ARGUMENT]…
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc < 3) {
    return 2;
  }
  const pid_t pid = fork();
  if (pid == 0) {
    execv(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  rusage used{};
  if (pid < 0 || wait4(pid, &status, 0, &used) != pid) {
    return 1;
  }
  const int file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const bool is_written = dprintf(file, "%ld\n", used.ru_maxrss) > 0;
  return WIFEXITED(status) && is_written ? WEXITSTATUS(status) : 1;
}
