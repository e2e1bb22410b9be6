// SPDX-License-Identifier: Apache-2.0
#include "mvr/state/journal.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mvr/state/lock.hpp"

namespace mvr::state {
namespace {

constexpr std::size_t kMaxSize = 1024UL * 1024;
constexpr const char* kSuffix = ".json";

/// True when the path still leads to the file that was opened and locked: its last owner may have
/// removed or replaced it while we waited.
bool is_current(int directory, const std::string& name, int fd) {
  struct stat here {};
  struct stat there {};
  return ::fstat(fd, &here) == 0 &&
         ::fstatat(directory, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

std::optional<Record> read_record(const Fd& fd) {
  const Result<std::string> text = read_all(fd.get(), kMaxSize);
  return text ? parse_record(*text) : std::nullopt;
}

}  // namespace

Journal::Journal(std::string directory, const Attachment& attachment)
    : directory_(std::move(directory)),
      attachment_(attachment),
      file_(digest(attachment) + kSuffix) {
}

Result<void> Journal::open_directory(bool create) {
  if (directory_fd_) {
    return {};
  }
  if (create && ::mkdir(directory_.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return fail(sys_error(Code::io, errno, "create stateDir " + directory_));
  }
  Fd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    return fail(sys_error(Code::io, errno, "open stateDir " + directory_));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || status.st_uid != ::geteuid() ||
      (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(Code::io, "stateDir " + directory_ + ": must belong to user " +
                              std::to_string(::geteuid()) + " and be writable by nobody else");
  }
  directory_fd_ = std::move(fd);
  return {};
}

/// False when there is no file.
Result<bool> Journal::open_file(const Budget& budget) {
  for (;;) {
    Fd fd(
        ::openat(directory_fd_.get(), file_.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd && errno == ENOENT) {
      return false;
    }
    if (!fd) {
      return fail(sys_error(Code::io, errno, "open journal " + directory_ + '/' + file_));
    }
    Result<void> locked = lock_file(fd.get(), budget);
    if (!locked) {
      return fail(std::move(locked).error().in("another call for this attachment is at work"));
    }
    if (is_current(directory_fd_.get(), file_, fd.get())) {
      fd_ = std::move(fd);
      return true;
    }
  }
}

Result<Journal> Journal::open(const std::string& directory, const Attachment& attachment,
                              const Budget& budget) {
  Journal journal(directory, attachment);
  Result<void> opened = journal.open_directory(false);
  if (!opened) {
    if (opened.error().sys_errno == ENOENT) {
      return journal;
    }
    return fail(std::move(opened).error());
  }
  if (MVR_TRY(journal.open_file(budget))) {
    journal.record_ = read_record(journal.fd_);
    if (journal.record_ && journal.record_->attachment != attachment) {
      journal.record_.reset();
    }
  }
  return journal;
}

Result<void> Journal::write(const Record& record) {
  MVR_TRY(open_directory(true));
  const int directory = directory_fd_.get();
  const auto failed = [&](const char* what) {
    return fail(
        sys_error(Code::io, errno,
                  std::string(what).append(" ").append(directory_).append("/").append(file_)));
  };
  Fd fd(::openat(directory, temporary().c_str(),
                 O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!fd) {
    return failed("write journal");
  }
  if (!lock_file(fd.get(), Budget::grace(std::chrono::milliseconds(0))) ||
      !is_current(directory, temporary(), fd.get())) {
    return fail(Code::try_again, "another call for this attachment is at work");
  }
  if (::ftruncate(fd.get(), 0) != 0) {
    return failed("write journal");
  }
  Result<void> written = write_all(fd.get(), format_record(record));
  if (!written) {
    ::unlinkat(directory, temporary().c_str(), 0);
    return fail(std::move(written).error().in("journal " + directory_ + '/' + file_));
  }
  // Only who holds the lock of a file may replace it.
  const unsigned flags = fd_ ? 0 : RENAME_NOREPLACE;
  if (::renameat2(directory, temporary().c_str(), directory, file_.c_str(), flags) != 0) {
    const int error = errno;
    ::unlinkat(directory, temporary().c_str(), 0);
    errno = error;
    return error == EEXIST ? fail(Code::try_again, "another call for this attachment is at work")
                           : failed("write journal");
  }
  fd_ = std::move(fd);
  record_ = record;
  return {};
}

Result<void> Journal::remove() {
  if (!directory_fd_) {
    return {};
  }
  ::unlinkat(directory_fd_.get(), temporary().c_str(), 0);  // of a writer that was killed
  if (fd_ && ::unlinkat(directory_fd_.get(), file_.c_str(), 0) != 0 && errno != ENOENT) {
    return fail(sys_error(Code::io, errno, "remove journal " + directory_ + '/' + file_));
  }
  fd_ = Fd();
  record_.reset();
  return {};
}

std::vector<Record> read_records(const std::string& directory) {
  std::vector<Record> records;
  for (const std::string& name : list_directory(directory)) {
    if (!name.ends_with(kSuffix)) {
      continue;
    }
    const std::string path = directory + '/' + name;
    const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (auto record = fd ? read_record(fd) : std::nullopt) {
      records.push_back(*std::move(record));
    }
  }
  return records;
}

}  // namespace mvr::state
