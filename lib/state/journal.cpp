// SPDX-License-Identifier: Apache-2.0
#include "mvr/state/journal.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <set>
#include <string_view>

#include "mvr/state/lock.hpp"

namespace mvr::state {
namespace {

constexpr std::size_t kMaxSize = 1024UL * 1024;
constexpr const char* kSuffix = ".json";
constexpr std::string_view kNewSuffix = ".new";  // of a journal that is being written
constexpr const char* kBusy = "another call for this attachment is at work";

/// True when the path still leads to the file that was opened and locked: its last owner may have
/// removed or replaced it while we waited.
Result<bool> is_current(int directory, const std::string& name, int fd) {
  struct stat here {};
  struct stat there {};
  if (::fstat(fd, &here) == 0 &&
      ::fstatat(directory, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
    return here.st_ino == there.st_ino && here.st_dev == there.st_dev;
  }
  return errno == ENOENT ? Result<bool>(false) : fail(sys_error(Code::io, errno, "stat"));
}

/// Locks the file; false when it has been removed or replaced since it was opened.
Result<bool> lock_current(int directory, const std::string& name, int fd, const Budget& budget) {
  Result<void> locked = lock_file(fd, budget);
  if (!locked) {
    const bool is_busy = locked.error().code == Code::interrupted;
    return fail(is_busy ? std::move(locked).error().in(kBusy) : std::move(locked).error());
  }
  return is_current(directory, name, fd);
}

/// No file that we have written answers so when it is opened or read.
bool is_foreign(int error) {
  switch (error) {
    case ENOENT:
    case ELOOP:   // a link
    case EISDIR:  // a directory
    case ENXIO:   // a socket
    case ENODEV:  // a device
    case EAGAIN:  // a fifo
    case EFBIG:   // more than any record
      return true;
    default:
      return false;
  }
}

/// Nothing for a file that says nothing; one that cannot be read may say a lot.
Result<std::optional<Record>> read_record(const Fd& fd) {
  const Result<std::string> text = read_all(fd.get(), kMaxSize);
  if (!text && !is_foreign(text.error().sys_errno)) {
    return fail(text.error());
  }
  return text ? parse_record(*text) : std::nullopt;
}

/// The record of a file in the list; nothing if it is none, or has gone since.
Result<std::optional<Record>> read_listed(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && is_foreign(errno)) {
    return std::nullopt;
  }
  auto record = fd ? read_record(fd) : fail(sys_error(Code::io, errno, "open"));
  return record ? record : fail(std::move(record).error().in("journal " + path));
}

/// "0123…cdef.json" or the same with ".new".
bool is_named_like_ours(std::string_view name) {
  constexpr std::size_t kDigits = 32;
  const std::size_t digits = name.find_first_not_of("0123456789abcdef");
  const std::string_view suffix = name.substr(std::min(digits, name.size()));
  return digits == kDigits && (suffix == kSuffix || suffix == ".json.new");
}

/// A directory whose content can be believed.
Result<Fd> open_checked(const std::string& directory) {
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    return fail(sys_error(Code::io, errno, "open stateDir " + directory));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return fail(sys_error(Code::io, errno, "stat stateDir " + directory));
  }
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(Code::io, "stateDir " + directory + ": must belong to user " +
                              std::to_string(::geteuid()) + " and be writable by nobody else");
  }
  return fd;
}

/// True for what no living call has locked or is about to lock, and that says nothing.
bool is_debris(int directory, const std::string& name, int fd) {
  constexpr std::chrono::minutes kOld{1};
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return false;
  }
  const auto age = std::chrono::system_clock::now() -
                   std::chrono::system_clock::from_time_t(status.st_mtim.tv_sec);
  const bool says_nothing = status.st_size == 0 || name.ends_with(kNewSuffix);
  return says_nothing && age > kOld &&
         lock_current(directory, name, fd, Budget::grace({})).value_or(false);
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
  directory_fd_ = MVR_TRY(open_checked(directory_));
  return {};
}

/// False when there is no file.
Result<bool> Journal::open_file(const Budget& budget, IfMissing if_missing) {
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const int directory = directory_fd_.get();
  for (;;) {
    Fd fd(::openat(directory, file_.c_str(), kFlags));
    const bool is_missing = !fd && errno == ENOENT;
    if (is_missing && if_missing == IfMissing::claim) {
      fd = Fd(::openat(directory, file_.c_str(), kFlags | O_CREAT, S_IRUSR | S_IWUSR));
    }
    if (is_missing && !fd) {
      return false;
    }
    if (!fd) {
      return fail(sys_error(Code::io, errno, "open " + name()));
    }
    const Result<bool> locked = lock_current(directory, file_, fd.get(), budget);
    if (!locked) {
      return fail(Error(locked.error()).in(name()));
    }
    if (*locked) {
      fd_ = std::move(fd);
      return true;
    }
  }
}

Journal Journal::none(const Attachment& attachment) {
  return {"", attachment};
}

Result<Journal> Journal::open(const std::string& directory, const Attachment& attachment,
                              const Budget& budget, IfMissing if_missing) {
  Journal journal(directory, attachment);
  Result<void> opened = journal.open_directory(false);
  if (!opened && opened.error().sys_errno != ENOENT) {
    return fail(std::move(opened).error());
  }
  const bool may_make = if_missing == IfMissing::claim;
  if (!opened && !(may_make && journal.open_directory(true))) {
    return journal;
  }
  if (MVR_TRY(journal.open_file(budget, if_missing))) {
    auto record = read_record(journal.fd_);
    if (!record) {
      return fail(std::move(record).error().in(journal.name()));
    }
    journal.record_ = *std::move(record);
    if (journal.record_ && journal.record_->attachment != attachment) {
      journal.record_.reset();
    }
  }
  return journal;
}

std::string journal_path(const std::string& directory, const Attachment& attachment) {
  return directory + '/' + digest(attachment) + kSuffix;
}

std::string Journal::name() const {
  return "journal " + journal_path(directory_, attachment_);
}

/// The temporary file, locked: no other call can be writing it. One that has been removed while we
/// waited was debris.
Result<Fd> Journal::lock_temporary() const {
  constexpr std::chrono::milliseconds kPatience{20};
  for (;;) {
    Fd fd(::openat(directory_fd_.get(), temporary().c_str(),
                   O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!fd) {
      return fail(sys_error(Code::io, errno, "open"));
    }
    const Result<bool> locked =
        lock_current(directory_fd_.get(), temporary(), fd.get(), Budget::grace(kPatience));
    if (!locked) {
      const bool is_busy = locked.error().code == Code::interrupted;
      return is_busy ? fail(Code::try_again, kBusy) : fail(locked.error());
    }
    if (*locked) {
      return fd;
    }
  }
}

/// The same, and empty. Busy is busy; all else leaves no file.
Result<Fd> Journal::open_temporary() const {
  Result<Fd> fd = lock_temporary();
  if (fd && ::ftruncate(fd->get(), 0) != 0) {
    fd = fail(sys_error(Code::io, errno, "ftruncate"));
  }
  if (fd || fd.error().code == Code::try_again) {
    return fd;
  }
  ::unlinkat(directory_fd_.get(), temporary().c_str(), 0);
  return fail(std::move(fd).error().in("write " + name()));
}

/// Puts the written file in its place. Only who holds the lock of the old one may replace it.
Result<void> Journal::replace_file() {
  const int directory = directory_fd_.get();
  const unsigned flags = fd_ ? 0 : RENAME_NOREPLACE;
  if (::renameat2(directory, temporary().c_str(), directory, file_.c_str(), flags) == 0) {
    return {};
  }
  return errno == EEXIST ? fail(Code::try_again, kBusy)
                         : fail(sys_error(Code::io, errno, "write " + name()));
}

Result<void> Journal::write(const Record& record) {
  const std::string text = format_record(record);
  if (text.size() > kMaxSize) {
    return fail(Code::io, name() + " would have " + std::to_string(text.size()) +
                              " bytes, of which only " + std::to_string(kMaxSize) + " are read");
  }
  MVR_TRY(open_directory(true));
  Fd fd = MVR_TRY(open_temporary());
  Result<void> done = write_all(fd.get(), text);
  if (!done) {
    done = fail(std::move(done).error().in(name()));
  } else {
    done = replace_file();
  }
  if (!done) {
    ::unlinkat(directory_fd_.get(), temporary().c_str(), 0);
    return done;
  }
  fd_ = std::move(fd);
  record_ = record;
  return {};
}

Result<void> Journal::remove() {
  if (!fd_) {
    return {};
  }
  ::unlinkat(directory_fd_.get(), temporary().c_str(), 0);  // of a writer that was killed
  if (::unlinkat(directory_fd_.get(), file_.c_str(), 0) != 0 && errno != ENOENT) {
    return fail(sys_error(Code::io, errno, "remove " + name()));
  }
  fd_ = Fd();
  record_.reset();
  return {};
}

Result<void> check_writable(const std::string& directory) {
  const Result<Fd> opened = open_checked(directory);
  const bool is_missing = !opened && opened.error().sys_errno == ENOENT;
  if (!opened && !is_missing) {
    return fail(opened.error());
  }
  const std::string parent =
      directory.substr(0, directory.rfind('/', directory.find_last_not_of('/'))) + '/';
  const std::string& place = is_missing ? parent : directory;
  if (::faccessat(AT_FDCWD, place.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    const char* what = is_missing ? "create stateDir " : "write to stateDir ";
    return fail(sys_error(Code::io, errno, what + directory));
  }
  return {};
}

Result<int> remove_debris(const std::string& directory) {
  const Result<Fd> opened = open_checked(directory);
  if (!opened) {
    return opened.error().sys_errno == ENOENT ? Result<int>(0) : fail(opened.error());
  }
  int count = 0;
  for (const std::string& name : MVR_TRY(read_directory(directory))) {
    if (!is_named_like_ours(name)) {
      continue;
    }
    const Fd fd(
        ::openat(opened->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd && is_debris(opened->get(), name, fd.get()) &&
        ::unlinkat(opened->get(), name.c_str(), 0) == 0) {
      ++count;
    }
  }
  return count;
}

Result<std::vector<std::string>> find_unreadable(const std::string& directory) {
  std::vector<std::string> files;
  const auto names = read_directory(directory);
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    std::string path = directory;
    path.append("/").append(name);
    struct stat status {};
    const bool is_ours = is_named_like_ours(name) && name.ends_with(kSuffix) &&
                         ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
                         status.st_size > 0;
    if (is_ours && !MVR_TRY(read_listed(path))) {
      files.push_back(path);
    }
  }
  return files;
}

bool may_be_there(const Error& error) {
  return error.sys_errno != 0 && !is_foreign(error.sys_errno) && error.sys_errno != ENOTDIR &&
         error.sys_errno != ENAMETOOLONG;
}

Result<std::vector<Record>> read_records(const std::string& directory) {
  auto names = read_directory(directory);
  if (!names && names.error().sys_errno != ENOENT && names.error().sys_errno != ENOTDIR) {
    return fail(std::move(names).error());
  }
  std::set<std::string> files;
  for (std::string& name : names.value_or(std::vector<std::string>())) {
    // A long list is read in pieces: a journal that is replaced meanwhile may show up under its
    // temporary name only.
    if (name.ends_with(kNewSuffix)) {
      name.resize(name.size() - kNewSuffix.size());
    }
    if (name.ends_with(kSuffix)) {
      files.insert(std::move(name));
    }
  }
  std::vector<Record> records;
  for (const std::string& name : files) {
    std::string path = directory + '/';
    path += name;
    if (auto record = MVR_TRY(read_listed(path))) {
      records.push_back(*std::move(record));
    }
  }
  return records;
}

}  // namespace mvr::state
