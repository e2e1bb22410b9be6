// SPDX-License-Identifier: Apache-2.0
#include "plugin/device_info.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cni/json.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"

namespace mvr::plugin {
namespace {

using cni::Json;

constexpr std::string_view kType = "pci";  // the kind, and the member that describes it
constexpr const char* kRdmaDevice = "rdma-device";
constexpr const char* kPciAddress = "pci-address";
constexpr std::string_view kVersion = "1.1.0";
constexpr std::size_t kMaxSize = 64UL * 1024;
constexpr mode_t kFileMode = S_IRUSR | S_IRGRP | S_IROTH;
constexpr mode_t kDirectoryMode = S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH;

/// A path in two: what is above, and the name.
struct Place {
  std::string directory;
  std::string name;
};

Result<Place> parse_place(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? "" : path.substr(slash + 1);
  if (name.empty() || name == "." || name == ".." || path.front() != '/') {
    return fail(Error{Code::io, EINVAL, "device information " + path + ": not a file's path"});
  }
  return Place{path.substr(0, slash), std::move(name)};
}

Error make_error(int err, const char* what, const std::string& path) {
  return sys_error(Code::io, err, std::string(what) + " device information " + path);
}

Fd open_directory(int above, const std::string& name) {
  return Fd(::openat(above, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/// Empty with errno set when it is neither there nor can be made.
Fd open_or_make_directory(int above, const std::string& name) {
  Fd below = open_directory(above, name);
  const bool is_missing = !below && errno == ENOENT;
  if (is_missing && (::mkdirat(above, name.c_str(), kDirectoryMode) == 0 || errno == EEXIST)) {
    below = open_directory(above, name);
  }
  return below;
}

/// The directory of an absolute path with all that are missing on the way; empty with errno set.
Fd make_directories(const std::string& path) {
  Fd directory = open_directory(AT_FDCWD, "/");
  for (const std::string_view piece : split(path, '/')) {
    if (directory && !piece.empty()) {
      directory = open_or_make_directory(directory.get(), std::string(piece));
    }
  }
  return directory;
}

std::string make_document(const DeviceInfo& info) {
  Json pci = {{kRdmaDevice, info.rdma_device}};
  if (info.pci_address) {
    pci[kPciAddress] = *info.pci_address;
  }
  const Json document = {{"type", kType}, {"version", kVersion}, {kType, std::move(pci)}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

/// What is at a path: nothing, a regular file with this text, or anything else (no text).
struct Present {
  bool is_there = false;
  std::optional<std::string> text;
};

Present read_present(const Fd& directory, const std::string& name) {
  struct stat status {};
  // O_NONBLOCK: nobody may ever write to a fifo.
  const Fd fd(::openat(directory.get(), name.c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) {
    return {.is_there = errno != ENOENT, .text = {}};
  }
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return {.is_there = true, .text = {}};
  }
  Result<std::string> text = read_all(fd.get(), kMaxSize);
  return {.is_there = true, .text = text ? std::optional(*std::move(text)) : std::nullopt};
}

/// True unless the member says something else. An empty text says nothing.
bool agrees(const Json& object, std::string_view key, const std::optional<std::string>& ours) {
  const Json* value = cni::find_value(object, key);
  const std::string* text = cni::as_string(value);
  return value == nullptr || (text != nullptr && (text->empty() || !ours || *text == *ours));
}

/// True for a document about our device, as far as it goes into it.
bool is_about(const Json& document, const DeviceInfo& info) {
  const std::string* type = cni::as_string(cni::find_value(document, "type"));
  const Json* pci = cni::find_value(document, kType);
  return type != nullptr && *type == kType &&
         (pci == nullptr || (pci->is_object() && agrees(*pci, kRdmaDevice, info.rdma_device) &&
                             agrees(*pci, kPciAddress, info.pci_address)));
}

DeviceInfoOutcome compare(const Present& present, const DeviceInfo& info) {
  const Result<Json> document = cni::parse_object(present.text.value_or(""));
  return document && is_about(*document, info) ? DeviceInfoOutcome::there_already
                                               : DeviceInfoOutcome::differs;
}

/// A new file of a name that no other living process uses.
Fd open_temporary(const Fd& directory, const std::string& name) {
  // A process of the same number may have been killed half-way.
  ::unlinkat(directory.get(), name.c_str(), 0);
  return Fd(::openat(directory.get(), name.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
}

/// Gives the file its text and then its name. EEXIST: the name is taken.
Result<void> fill(const Fd& directory, const std::string& temporary, const Place& place,
                  const std::string& text) {
  const Fd fd = open_temporary(directory, temporary);
  if (!fd || ::fchmod(fd.get(), kFileMode) != 0) {
    return fail(sys_error(Code::io, errno, "create"));
  }
  MVR_TRY(write_all(fd.get(), text));
  if (::renameat2(directory.get(), temporary.c_str(), directory.get(), place.name.c_str(),
                  RENAME_NOREPLACE) != 0) {
    return fail(sys_error(Code::io, errno, "rename"));
  }
  return {};
}

Result<void> create(const Fd& directory, const Place& place, const std::string& text) {
  const std::string temporary = ".macvlan-rdma." + std::to_string(::getpid());
  Result<void> filled = fill(directory, temporary, place, text);
  if (!filled) {
    ::unlinkat(directory.get(), temporary.c_str(), 0);
  }
  return filled;
}

}  // namespace

Result<DeviceInfoOutcome> write_device_info(const std::string& path, const DeviceInfo& info) {
  const Place place = MVR_TRY(parse_place(path));
  const Fd directory = make_directories(place.directory);
  if (!directory) {
    return fail(make_error(errno, "make the directory of", path));
  }
  if (const Present present = read_present(directory, place.name); present.is_there) {
    return compare(present, info);
  }
  Result<void> created = create(directory, place, make_document(info));
  if (created) {
    return DeviceInfoOutcome::written;
  }
  if (created.error().sys_errno == EEXIST) {  // another one was faster
    return compare(read_present(directory, place.name), info);
  }
  return fail(std::move(created).error().in("device information " + path));
}

Result<void> remove_device_info(const std::string& path, const DeviceInfo& info) {
  const Place place = MVR_TRY(parse_place(path));
  const Fd directory = open_directory(AT_FDCWD, place.directory + '/');
  if (!directory) {
    return errno == ENOENT || errno == ENOTDIR ? Result<void>()
                                               : fail(make_error(errno, "find", path));
  }
  if (read_present(directory, place.name).text != make_document(info)) {
    return {};
  }
  if (::unlinkat(directory.get(), place.name.c_str(), 0) != 0 && errno != ENOENT) {
    return fail(make_error(errno, "remove", path));
  }
  return {};
}

}  // namespace mvr::plugin
