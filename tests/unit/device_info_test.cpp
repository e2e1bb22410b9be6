// SPDX-License-Identifier: Apache-2.0
#include "plugin/device_info.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "mvr/base/fd.hpp"
#include "support/print.hpp"
#include "support/unit_dir.hpp"

using mvr::Code;
using mvr::plugin::DeviceInfo;
using mvr::plugin::DeviceInfoOutcome;
using mvr::plugin::remove_device_info;
using mvr::plugin::write_device_info;
using namespace mvr::test;

namespace {

const DeviceInfo kDevice = {"mlx5_2", "0000:0b:00.0"};
const DeviceInfo kSoftware = {"rxe0", std::nullopt};

DeviceInfoOutcome write(const std::string& path, const DeviceInfo& info = kDevice) {
  return unwrap(write_device_info(path, info));
}

void remove(const std::string& path, const DeviceInfo& info = kDevice) {
  unwrap(remove_device_info(path, info));
}

/// Not following a symbolic link.
bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

struct Other {
  const char* text;
  DeviceInfoOutcome outcome;
};

constexpr DeviceInfoOutcome kAgrees = DeviceInfoOutcome::there_already;
constexpr DeviceInfoOutcome kDiffers = DeviceInfoOutcome::differs;

/// The user that tests of permissions need: root may do everything.
int as_nobody(const std::function<int()>& work) {
  constexpr uid_t kNobody = 65534;
  Forked child([&work] {
    const bool is_nobody = ::geteuid() != 0 || (::setgid(kNobody) == 0 && ::setuid(kNobody) == 0);
    return is_nobody ? work() : 99;
  });
  return child.wait();
}

}  // namespace

TEST_CASE("the document is what network-status shows", "[device-info]") {
  const ScratchDir dir;
  CHECK(write(dir.file("a")) == DeviceInfoOutcome::written);
  CHECK(nlohmann::json::parse(read_text(dir.file("a"))) ==
        nlohmann::json::parse(R"({"type":"pci","version":"1.1.0",
            "pci":{"pci-address":"0000:0b:00.0","rdma-device":"mlx5_2"}})"));
  CHECK(mode_of(dir.file("a")) == 0444);
  CHECK(write(dir.file("b"), kSoftware) == DeviceInfoOutcome::written);
  CHECK(nlohmann::json::parse(read_text(dir.file("b"))) ==
        nlohmann::json::parse(R"({"type":"pci","version":"1.1.0","pci":{"rdma-device":"rxe0"}})"));
  CHECK(mvr::list_directory(dir.path()) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("whatever the umask, all can read the document", "[device-info]") {
  const ScratchDir dir;
  const mode_t before = ::umask(0777);
  const auto outcome = write_device_info(dir.file("a"), kDevice);
  ::umask(before);
  CHECK(unwrap(outcome) == DeviceInfoOutcome::written);
  CHECK(mode_of(dir.file("a")) == 0444);
}

TEST_CASE("missing directories are made, links to directories are followed", "[device-info]") {
  const ScratchDir dir;
  const std::string path = dir.file("devinfo/cni/a.json");
  const mode_t before = ::umask(022);
  CHECK(write(path) == DeviceInfoOutcome::written);
  ::umask(before);
  CHECK(mode_of(dir.file("devinfo")) == 0755);
  CHECK(mode_of(dir.file("devinfo/cni")) == 0755);
  std::filesystem::create_directory_symlink(dir.file("devinfo"), dir.file("run"));
  CHECK(write(dir.file("run/cni//a.json")) == kAgrees);
  remove(dir.file("run/cni/a.json"));
  CHECK_FALSE(is_there(path));
  CHECK(is_there(dir.file("devinfo/cni")));
}

TEST_CASE("writing twice is success, removing twice too", "[device-info]") {
  const ScratchDir dir;
  CHECK(write(dir.file("a")) == DeviceInfoOutcome::written);
  CHECK(write(dir.file("a")) == kAgrees);
  remove(dir.file("a"));
  CHECK_FALSE(is_there(dir.file("a")));
  remove(dir.file("a"));
  remove(dir.file("no/such/dir/a"));
  write_text(dir.file("file"), "");
  remove(dir.file("file/a"));
  CHECK(write(dir.file("a"), kSoftware) == DeviceInfoOutcome::written);
}

TEST_CASE("another's document stays and is judged by what it says", "[device-info]") {
  const ScratchDir dir;
  for (const Other& other : std::vector<Other>{
           {R"({"type":"pci","version":"1.0.0","pci":{"pci-address":"0000:0b:00.0"}})", kAgrees},
           {R"({"type":"pci","version":"1.1.0","pci":{"pci-address":"0000:0b:00.0",
               "rdma-device":"mlx5_2","pf-pci-address":"0000:0b:00.0"}})",
            kAgrees},
           {R"({"type":"pci","pci":{"rdma-device":"mlx5_2"}})", kAgrees},
           {R"({"type":"pci","pci":{"rdma-device":"","pci-address":null}})", kAgrees},
           {R"({"type":"pci"})", kAgrees},
           {R"({"type":"pci","pci":{"pci-address":"0000:0b:00.1"}})", kDiffers},
           {R"({"type":"pci","pci":{"pci-address":"0000:0b:00.0","rdma-device":"mlx5_3"}})",
            kDiffers},
           {R"({"type":"pci","pci":{"rdma-device":"MLX5_2"}})", kDiffers},
           {R"({"type":"pci","pci":{"rdma-device":5}})", kDiffers},
           {R"({"type":"pci","pci":["mlx5_2"]})", kDiffers},
           {R"({"type":"vdpa","vdpa":{"pci-address":"0000:0b:00.0"}})", kDiffers},
           {R"({"pci":{"rdma-device":"mlx5_2"}})", kDiffers},
           {R"({"type":7})", kDiffers},
           {"[]", kDiffers},
           {"{", kDiffers},
           {"", kDiffers},
           {"\xff\xfe{}", kDiffers}}) {
    INFO(other.text);
    write_text(dir.file("a"), other.text);
    CHECK(write(dir.file("a")) == other.outcome);
    CHECK(read_text(dir.file("a")) == other.text);
    remove(dir.file("a"));
    CHECK(read_text(dir.file("a")) == other.text);
  }
}

TEST_CASE("a device of software has no PCI address to disagree with", "[device-info]") {
  const ScratchDir dir;
  write_text(dir.file("a"), R"({"type":"pci","pci":{"pci-address":"x","rdma-device":"rxe0"}})");
  CHECK(write(dir.file("a"), kSoftware) == kAgrees);
  CHECK(write(dir.file("a"), {"rxe1", std::nullopt}) == kDiffers);
}

TEST_CASE("hostile text is compared, not believed", "[device-info]") {
  const ScratchDir dir;
  for (const std::string& text :
       {std::string(200'000, '['), std::string(5'000'000, ' '), std::string(100, '\0')}) {
    write_text(dir.file("a"), text);
    CHECK(write(dir.file("a")) == kDiffers);
    remove(dir.file("a"));
    CHECK(read_text(dir.file("a")) == text);
  }
}

TEST_CASE("only our own document is removed", "[device-info]") {
  const ScratchDir dir;
  CHECK(write(dir.file("a")) == DeviceInfoOutcome::written);
  remove(dir.file("a"), kSoftware);
  remove(dir.file("a"), {"mlx5_2", std::nullopt});
  remove(dir.file("a"), {"mlx5_2", "0000:0b:00.1"});
  CHECK(is_there(dir.file("a")));
  remove(dir.file("a"));
  CHECK_FALSE(is_there(dir.file("a")));
}

TEST_CASE("a symbolic link at the path is not followed", "[device-info]") {
  const ScratchDir dir;
  CHECK(write(dir.file("target")) == DeviceInfoOutcome::written);
  for (const char* target : {"target", "nowhere", "/etc/passwd", "a"}) {
    INFO(target);
    std::filesystem::create_symlink(target, dir.file("a"));
    CHECK(write(dir.file("a")) == kDiffers);
    remove(dir.file("a"));
    CHECK(std::filesystem::read_symlink(dir.file("a")) == target);
    CHECK(is_there(dir.file("target")));
    CHECK_FALSE(is_there(dir.file("nowhere")));
    std::filesystem::remove(dir.file("a"));
  }
}

TEST_CASE("what is no regular file stays", "[device-info]") {
  const ScratchDir dir;
  REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);
  std::filesystem::create_directory(dir.file("directory"));
  for (const char* name : {"fifo", "directory"}) {
    CHECK(write(dir.file(name)) == kDiffers);
    remove(dir.file(name));
    CHECK(is_there(dir.file(name)));
  }
}

TEST_CASE("of many writers one writes, and nobody sees half a document", "[device-info]") {
  constexpr int kWriters = 8;
  constexpr int kRounds = 50;
  const ScratchDir dir;
  for (int round = 0; round < kRounds; ++round) {
    const std::string path = dir.file(std::to_string(round));
    std::vector<std::unique_ptr<Forked>> writers;
    for (int i = 0; i < kWriters; ++i) {
      writers.push_back(std::make_unique<Forked>([&path] {
        const auto outcome = write_device_info(path, kDevice);
        return outcome ? static_cast<int>(*outcome) : 99;
      }));
    }
    int written = 0;
    for (const auto& writer : writers) {
      const int outcome = writer->wait();
      written += outcome == static_cast<int>(DeviceInfoOutcome::written) ? 1 : 0;
      CHECK((outcome == static_cast<int>(DeviceInfoOutcome::written) ||
             outcome == static_cast<int>(kAgrees)));
    }
    CHECK(written == 1);
  }
  CHECK(mvr::list_directory(dir.path()).size() == kRounds);
}

TEST_CASE("a killed writer's leftover is no hindrance", "[device-info]") {
  const ScratchDir dir;
  const std::string leftover = dir.file(".macvlan-rdma." + std::to_string(::getpid()));
  SECTION("a file") {
    write_text(leftover, "half");
  }
  SECTION("a link that somebody laid") {
    write_text(dir.file("victim"), "precious");
    std::filesystem::create_symlink("victim", leftover);
  }
  CHECK(write(dir.file("a")) == DeviceInfoOutcome::written);
  CHECK_FALSE(is_there(leftover));
  if (is_there(dir.file("victim"))) {
    CHECK(read_text(dir.file("victim")) == "precious");
  }
}

TEST_CASE("a directory that cannot be written is an error that names the path", "[device-info]") {
  const ScratchDir dir;
  std::filesystem::permissions(dir.path(), std::filesystem::perms(0555));
  const std::string path = dir.file("a");
  CHECK(as_nobody([&path] {
          const auto outcome = write_device_info(path, kDevice);
          const bool is_named = !outcome && outcome.error().code == Code::io &&
                                outcome.error().msg.find(path) != std::string::npos;
          return is_named ? outcome.error().sys_errno : 0;
        }) == EACCES);
  CHECK(as_nobody([&path] {
          const auto outcome = write_device_info(path + "/b/c", kDevice);
          return outcome ? 0 : outcome.error().sys_errno;
        }) == EACCES);
  CHECK(mvr::list_directory(dir.path()).empty());
}

TEST_CASE("in a directory that cannot be written a document is found, not removed",
          "[device-info]") {
  const ScratchDir dir;
  const std::string path = dir.file("a");
  CHECK(write(path) == DeviceInfoOutcome::written);
  std::filesystem::permissions(dir.path(), std::filesystem::perms(0555));
  CHECK(as_nobody([&path] {
          const auto outcome = write_device_info(path, kDevice);
          return outcome ? static_cast<int>(*outcome) : 99;
        }) == static_cast<int>(kAgrees));
  CHECK(as_nobody([&path] {
          const auto removed = remove_device_info(path, kDevice);
          return removed ? 0 : removed.error().sys_errno;
        }) == EACCES);
  CHECK(is_there(path));
}

TEST_CASE("a path that names no file is an error", "[device-info]") {
  const ScratchDir dir;
  write_text(dir.file("file"), "");
  for (const std::string& path : {std::string(), std::string("/"), std::string("a"), dir.file("x/"),
                                  dir.file("."), dir.file("..")}) {
    INFO(path);
    const auto outcome = write_device_info(path, kDevice);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().sys_errno == EINVAL);
    CHECK_FALSE(remove_device_info(path, kDevice));
  }
  const auto below_file = write_device_info(dir.file("file/a"), kDevice);
  REQUIRE_FALSE(below_file);
  CHECK(below_file.error().sys_errno == ENOTDIR);
}
