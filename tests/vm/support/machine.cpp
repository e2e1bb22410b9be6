// SPDX-License-Identifier: Apache-2.0
#include "vm/support/machine.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

namespace mvr::test {

namespace {

/// The end of a namespace takes milliseconds, but on an emulated machine others may go first.
constexpr std::chrono::seconds kPatience{30};

constexpr std::array kComplaints{"WARNING:",  "BUG:",
                                 "Oops",      "unregister_netdevice",
                                 "refcount",  "protection fault",
                                 "stalls on", "blocked for more"};

struct Message {
  unsigned long long number = 0;
  std::string text = {};
};

/// All that the kernel still remembers. A record is "6,NUMBER,TIME,-;TEXT" and further lines.
std::vector<Message> read_messages() {
  const Fd fd(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(fd);
  std::vector<Message> result;
  std::array<char, 8192> buffer;
  for (;;) {
    const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EPIPE) {
      continue;  // overtaken by newer messages: the next read gives the oldest that is left
    }
    if (count <= 0) {
      return result;
    }
    const std::string record(buffer.data(), static_cast<std::size_t>(count));
    const auto number = record.find(',') + 1;
    const auto text = record.find(';') + 1;
    result.push_back({std::stoull(record.substr(number)), record.substr(text)});
  }
}

bool is_complaint(const std::string& text) {
  return std::any_of(kComplaints.begin(), kComplaints.end(), [&text](const char* complaint) {
    return text.find(complaint) != std::string::npos;
  });
}

/// Whatever a case may have put into a namespace's place goes too.
void remove_all_netns() {
  for (const auto& entry : std::filesystem::directory_iterator("/run/netns")) {
    umount2(entry.path().c_str(), MNT_DETACH);
    std::filesystem::remove_all(entry.path());
  }
}

/// The ends of a veth pair vanish together, so that a link may be gone when its turn comes.
void remove_links() {
  for (const json& link : ip_json("", {"link", "show"})) {
    const std::string name = link.at("ifname");
    if (name != "lo") {
      run({.argv = {"ip", "link", "del", name}});
    }
  }
  ip({"address", "flush", "dev", "lo", "scope", "global"});
}

/// The kernel's own rules look up local, main and default at these priorities.
void remove_rules() {
  for (const char* family : {"-4", "-6"}) {
    for (const json& rule : ip_json("", {family, "rule", "show"})) {
      const int priority = rule.at("priority");
      if (priority != 0 && priority < 32766) {
        ip({family, "rule", "del", "priority", std::to_string(priority)});
      }
    }
  }
}

bool has_rdma_devices() {
  return !std::filesystem::is_empty("/sys/class/infiniband");
}

}  // namespace

bool is_in_vm() {
  const char* mark = std::getenv("MVR_VM");
  const auto text = read_file("/run/mvr-vm", 64);
  return mark != nullptr && text && *text == std::string(mark) + "\n";
}

void require_vm() {
  static const bool is_there = is_in_vm();
  if (!is_there) {
    skip("runs in the virtual machine of scripts/vm");
  }
}

std::string name_of(RdmaMode mode) {
  return mode == RdmaMode::shared ? "shared" : "exclusive";
}

RdmaMode read_rdma_mode() {
  const Output output = run({.argv = {"rdma", "system", "show"}});
  REQUIRE(output.status == 0);
  const bool is_shared = output.out.starts_with("netns shared");
  REQUIRE((is_shared || output.out.starts_with("netns exclusive")));
  return is_shared ? RdmaMode::shared : RdmaMode::exclusive;
}

void set_rdma_mode(RdmaMode mode) {
  const Command command{.argv = {"rdma", "system", "set", "netns", name_of(mode)}};
  Output output;
  const bool is_set = eventually(
      [&] {
        output = run(command);
        return output.status == 0;
      },
      kPatience);
  if (!is_set) {
    FAIL(join(command.argv, " ") << ": " << output.err);
  }
}

void clear_machine() {
  remove_all_netns();
  remove_links();
  remove_rules();
  // A change of the mode succeeds when the last of the other namespaces has ended.
  set_rdma_mode(RdmaMode::exclusive);
  set_rdma_mode(RdmaMode::shared);
  if (!eventually([] { return !has_rdma_devices(); }, kPatience)) {
    FAIL("RDMA devices are left: " << run({.argv = {"rdma", "dev"}}).out);
  }
}

KernelLog::KernelLog() {
  const auto messages = read_messages();
  first_ = messages.empty() ? 0 : messages.back().number + 1;
}

std::string KernelLog::complaints() const {
  std::vector<std::string> lines;
  for (const Message& message : read_messages()) {
    if (message.number >= first_ && is_complaint(message.text)) {
      lines.push_back(message.text);
    }
  }
  return join(lines, "\n");
}

}  // namespace mvr::test
