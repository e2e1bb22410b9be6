// SPDX-License-Identifier: Apache-2.0
#include "ops/installation.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "mvr/cni/version.hpp"

namespace mvr::ops {
namespace {

constexpr const char* kName = "macvlan-rdma";
constexpr const char* kTemporary = ".macvlan-rdma.new";
constexpr std::size_t kLargestProgram = 256U << 20U;
constexpr mode_t kMode = 0755;

/// How every build carries its version, to be found in the file.
constexpr std::string_view kMark = "macvlan-rdma-version=" MVR_VERSION ";";
constexpr std::size_t kMarkName = kMark.find('=') + 1;

std::string path_in(const std::string& directory, const char* name) {
  return printable(directory + (directory.ends_with('/') ? "" : "/") + name);
}

/// What to do about it, as far as it is known.
std::string_view find_remedy(int error) {
  switch (error) {
    case EROFS:
      return "; mount it writable, or choose the directory that the runtime is configured with";
    case ENOSPC:
    case EDQUOT:
      return "; make room on that file system: nothing was changed";
    case EACCES:
    case EPERM:
      return "; run it as root";
    case ENOENT:
    case ENOTDIR:
      return "; it must be the directory where the runtime looks for CNI plugins";
    default:
      return "";
  }
}

Error with_remedy(Error error) {
  error.msg += find_remedy(error.sys_errno);
  return error;
}

tl::unexpected<Error> fail_at(const std::string& what) {
  return fail(with_remedy(sys_error(Code::io, errno, what)));
}

/// An open directory that nobody else installs into meanwhile.
Result<Fd> lock_directory(const std::string& directory) {
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return fail_at("open directory " + printable(directory));
  }
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) {
      return fail_at("lock directory " + printable(directory));
    }
  }
  return fd;
}

/// True if there was one.
Result<bool> remove_file(const Fd& directory, const std::string& path, const char* name) {
  if (::unlinkat(directory.get(), name, 0) == 0) {
    return true;
  }
  return errno == ENOENT ? Result<bool>(false) : fail_at("remove " + path);
}

Result<void> sync(int fd, const std::string& path) {
  return ::fsync(fd) == 0 ? Result<void>() : fail_at("write " + path + " to disk");
}

/// The whole temporary file, on disk.
Result<void> write_temporary(const Fd& directory, const std::string& path,
                             std::string_view program) {
  const Fd file(::openat(directory.get(), kTemporary,
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode));
  if (!file) {
    return fail_at("make " + path);
  }
  if (auto written = write_all(file.get(), program); !written) {
    return fail(with_remedy(std::move(written).error().in("write " + path)));
  }
  if (::fchmod(file.get(), kMode) != 0) {  // whatever the umask
    return fail_at("make " + path + " executable");
  }
  return sync(file.get(), path);
}

/// Empty if there is none, or something else than a file, which rename then replaces or refuses.
std::string read_present(const std::string& path) {
  const auto present = read_file(path, kLargestProgram);
  return present ? *present : "";
}

bool is_executable(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         (status.st_mode & 07777U) == kMode;
}

bool is_newer(const std::string& one, const std::string& other) {
  const auto first = cni::Version::parse(one);
  const auto second = cni::Version::parse(other);
  return first && second && *first > *second;
}

Result<void> replace(const Fd& directory, const std::string& name, const std::string& temporary,
                     std::string_view program) {
  MVR_TRY(write_temporary(directory, temporary, program));
  if (::renameat(directory.get(), kTemporary, directory.get(), kName) != 0) {
    return fail_at("replace " + name);
  }
  return {};
}

}  // namespace

std::optional<std::string> find_version(std::string_view program) {
  constexpr std::size_t kLongest = 32;
  const std::string_view name = kMark.substr(0, kMarkName);
  const void* const found = ::memmem(program.data(), program.size(), name.data(), name.size());
  if (found == nullptr) {
    return std::nullopt;
  }
  const auto start = static_cast<std::size_t>(static_cast<const char*>(found) - program.data());
  const std::string_view rest = program.substr(start + name.size(), kLongest);
  const std::string version(rest.substr(0, rest.find(';')));
  return version.empty() || !cni::Version::parse(version) ? std::nullopt : std::optional(version);
}

Result<Installation> install_program(std::string_view program, const std::string& directory,
                                     bool force) {
  const Fd locked = MVR_TRY(lock_directory(directory));
  const std::string name = path_in(directory, kName);
  const std::string temporary = path_in(directory, kTemporary);
  MVR_TRY(remove_file(locked, temporary, kTemporary));
  const std::string present = read_present(directory + '/' + kName);
  Installation done{present.empty() ? Installed::anew : Installed::replaced,
                    find_version(program).value_or(MVR_VERSION),
                    find_version(present).value_or("")};
  if (present == program && is_executable(directory + '/' + kName)) {
    done.what = Installed::present;
    return done;
  }
  if (!force && is_newer(done.before, done.version)) {
    return fail(Code::io, name + " is version " + done.before + ", newer than this one, " +
                              done.version + "; --force replaces it");
  }
  if (auto copied = replace(locked, name, temporary, program); !copied) {
    static_cast<void>(::unlinkat(locked.get(), kTemporary, 0));
    return fail(std::move(copied).error());
  }
  MVR_TRY(sync(locked.get(), printable(directory)));
  return done;
}

Result<bool> remove_program(const std::string& directory) {
  const Fd locked = MVR_TRY(lock_directory(directory));
  MVR_TRY(remove_file(locked, path_in(directory, kTemporary), kTemporary));
  const bool was_there = MVR_TRY(remove_file(locked, path_in(directory, kName), kName));
  MVR_TRY(sync(locked.get(), printable(directory)));
  return was_there;
}

}  // namespace mvr::ops
