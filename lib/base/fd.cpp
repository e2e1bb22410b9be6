// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/fd.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace mvr {

Fd::~Fd() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Result<std::string> read_all(int fd, std::size_t limit,
                             const std::function<Result<void>()>& await) {
  constexpr std::size_t kLeast = 4096;
  std::string bytes;
  for (;;) {
    if (await) {
      MVR_TRY(await());
    }
    const std::size_t used = bytes.size();
    // One byte more than allowed, so that "exactly the limit" and "too much" differ.
    bytes.resize(used + std::min(std::max(used, kLeast), limit + 1 - used));
    const ssize_t n = ::read(fd, bytes.data() + used, bytes.size() - used);
    bytes.resize(used + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && errno != EINTR) {
      return fail(sys_error(Code::io, errno, "read"));
    }
    if (bytes.size() > limit) {
      return fail(sys_error(Code::io, EFBIG, "more than " + std::to_string(limit) + " bytes"));
    }
    if (n == 0) {
      return bytes;
    }
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  // O_NONBLOCK: nobody may ever write to a fifo.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    return fail(sys_error(Code::io, errno, "open " + path));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Error{Code::io, EINVAL, path + ": not a regular file"});
  }
  Result<std::string> bytes = read_all(fd.get(), limit);
  if (!bytes) {
    return fail(std::move(bytes).error().in(path));
  }
  return bytes;
}

Result<std::vector<std::string>> read_directory(const std::string& path) {
  struct Close {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  const std::unique_ptr<DIR, Close> directory(::opendir(path.c_str()));
  std::vector<std::string> names;
  errno = directory ? 0 : errno;
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
    errno = 0;
  }
  if (errno != 0) {  // null from readdir is the end as well
    return fail(sys_error(Code::io, errno, "read " + path));
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> list_directory(const std::string& path) {
  return read_directory(path).value_or(std::vector<std::string>());
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) {
      return fail(sys_error(Code::io, errno, "write"));
    }
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
  return {};
}

}  // namespace mvr
