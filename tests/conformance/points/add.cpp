// SPDX-License-Identifier: Apache-2.0
/// \file
/// ADD that succeeds: the interface, and what is around it.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "kernel.hpp"
#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kAdd = "CNI SPEC 1.1.0, section 2, ADD";

std::string mac_of(const json& link) {
  return link.is_object() ? link.value("address", "") : "";
}

void expect_interface(Trial& trial, const Pod& pod) {
  expect(!trial.link(pod).is_null(), trial.subject().ifname + " in " + pod.name, "no such link");
}

void add_interface(Trial& trial) {
  trial.add();
  expect_interface(trial, trial.pod());
}

void add_up(Trial& trial) {
  trial.add();
  const json link = trial.link(trial.pod());
  const json flags = link.is_object() ? link.value("flags", json::array()) : json::array();
  expect(std::ranges::find(flags, json("UP")) != flags.end(), "the flag UP", flags.dump());
}

void add_only_there(Trial& trial) {
  trial.primed_view();
  const Pod other = trial.pod(2);
  const View before = look_around(other.name);
  trial.add();
  expect_same(before, look_around(other.name), "in a pod that was not added");
  expect(find_link("", trial.subject().ifname).is_null(), "nothing of that name on the host",
         trial.subject().ifname);
}

/// A process in the pod, as the namespace's other name.
class Sleeper {
 public:
  explicit Sleeper(const Pod& pod) : pid_(fork()) {
    if (pid_ == 0) {
      execlp("ip", "ip", "netns", "exec", pod.name.c_str(), "sleep", "60", nullptr);
      _exit(127);
    }
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper(Sleeper&&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  Sleeper& operator=(Sleeper&&) = delete;
  ~Sleeper() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] std::string netns() const { return "/proc/" + std::to_string(pid_) + "/ns/net"; }

  /// Whether it is in its pod by now.
  [[nodiscard]] bool has_arrived() const {
    std::error_code error;
    const std::filesystem::path theirs = std::filesystem::read_symlink(netns(), error);
    return !error && theirs != std::filesystem::read_symlink("/proc/self/ns/net");
  }

 private:
  pid_t pid_;
};

void add_netns_of_process(Trial& trial) {
  const Pod& pod = trial.pod();
  const Sleeper sleeper(pod);
  for (int i = 0; i < 1000 && !sleeper.has_arrived(); ++i) {
    usleep(2000);
  }
  const json result = trial.add(trial.call("ADD").with_env("CNI_NETNS", sleeper.netns()));
  expect_interface(trial, pod);
  trial.silent(trial.call("DEL", pod, result).with_env("CNI_NETNS", sleeper.netns()));
  expect(trial.link(pod).is_null(), "no interface after DEL", trial.subject().ifname);
}

void expect_two(Trial& trial) {
  const json first = trial.link(trial.pod(1));
  const json second = trial.link(trial.pod(2));
  expect(!first.is_null() && !second.is_null(), "an interface in each pod",
         first.dump() + " and " + second.dump());
  expect(addresses_of(first).empty() || addresses_of(first) != addresses_of(second),
         "different addresses", first.dump() + " and " + second.dump());
}

void add_two_pods(Trial& trial) {
  trial.add(trial.call("ADD", trial.pod(1)));
  const std::string mac = mac_of(trial.link(trial.pod(1)));
  const json second = trial.add(trial.call("ADD", trial.pod(2)));
  expect_two(trial);
  expect(mac_of(trial.link(trial.pod(1))) == mac, "the first pod's interface as it was",
         trial.link(trial.pod(1)).dump());
  const View before = look_around(trial.pod(1).name);
  trial.silent(trial.call("DEL", trial.pod(2), second));
  expect_same(before, look_around(trial.pod(1).name), "in the first pod after DEL of the second");
}

void add_at_once(Trial& trial) {
  trial.primed_view();
  const auto [first, second] =
      trial.run_both(trial.call("ADD", trial.pod(1)), trial.call("ADD", trial.pod(2)));
  expect(first.ok() && second.ok(), "success of both", first.out + " and " + second.out);
  expect_two(trial);
}

void add_two_interfaces(Trial& trial) {
  const json result = trial.add();
  const json first = trial.link(trial.pod());
  const std::string name = "other0";
  const Call call = trial.call("ADD").with_env("CNI_IFNAME", name);
  const json second = trial.add(call);
  expect(!find_link(trial.pod().name, name).is_null(), name, "no such link");
  trial.silent(trial.call("DEL", trial.pod(), second).with_env("CNI_IFNAME", name));
  expect(find_link(trial.pod().name, name).is_null(), "no " + name + " after its DEL", name);
  const json left = trial.link(trial.pod());
  expect(mac_of(left) == mac_of(first) && addresses_of(left) == addresses_of(first),
         "the first interface as it was", left.dump());
  trial.silent(trial.call("DEL", trial.pod(), result));
}

void add_again(Trial& trial) {
  trial.silent(trial.call("DEL", trial.pod(), trial.add()));
  trial.add();
  expect_interface(trial, trial.pod());
}

/// As the plugin before this one in a list left it.
json earlier_result(Trial& trial) {
  const Pod& pod = trial.pod();
  ip(pod.name, {"link", "add", "before", "type", "veth", "peer", "name", "before-peer"});
  ip(pod.name, {"address", "add", "192.0.2.5/24", "dev", "before"});
  json address{{"address", "192.0.2.5/24"}, {"interface", 0}};
  if (trial.version() < Version::v1_0_0) {
    address["version"] = "4";
  }
  const std::string mac = mac_of(find_link(pod.name, "before"));
  return {{"cniVersion", to_text(trial.version())},
          {"interfaces", {{{"name", "before"}, {"mac", mac}, {"sandbox", pod.netns}}}},
          {"ips", json::array({address})}};
}

/// Name of the interface that an entry of `ips` belongs to; "" if it does not say.
std::string owner_of(const json& address, const json& interfaces) {
  const std::size_t index = address.value("interface", interfaces.size());
  return index < interfaces.size() ? interfaces.at(index).value("name", "") : "";
}

void add_prev_result(Trial& trial) {
  const json earlier = earlier_result(trial);
  const json result = trial.add(trial.call("ADD").with({{"prevResult", earlier}}));
  const json interfaces = result.value("interfaces", json::array());
  std::set<std::string> names;
  for (const json& interface : interfaces) {
    names.insert(interface.value("name", ""));
  }
  expect(names.contains("before") && names.contains(trial.subject().ifname),
         "the earlier interface and ours", interfaces.dump());
  bool is_there = false;
  for (const json& address : result.value("ips", json::array())) {
    const bool is_earlier = address.value("address", "") == "192.0.2.5/24";
    const std::string wanted = is_earlier ? "before" : trial.subject().ifname;
    expect(owner_of(address, interfaces) == wanted, "addresses with their interfaces",
           result.dump());
    is_there = is_there || is_earlier;
  }
  expect(is_there, "the earlier address 192.0.2.5/24", result.dump());
}

}  // namespace

Points add_points() {
  return {
      {"add-interface", Level::must, kEach, "The interface is in the pod, under CNI_IFNAME", kAdd,
       add_interface},
      {"add-up", Level::custom, kOnce, "The interface is up", "containernetworking/plugins",
       add_up},
      {"add-only-there", Level::must, kOnce,
       "Other pods stay as they are, and no interface of that name is left on the host", kAdd,
       add_only_there},
      {"add-netns-of-process", Level::must, kOnce, "CNI_NETNS can be /proc/PID/ns/net",
       "CNI SPEC 0.4.0, Parameters", add_netns_of_process},
      {"add-two-pods", Level::must, kOnce,
       "Two pods are on one network, and the DEL of one does not touch the other", kAdd,
       add_two_pods},
      {"add-at-once", Level::must, kOnce, "Two pods are added at the same time",
       "CNI SPEC 1.1.0, section 3, Lifecycle & Ordering", add_at_once},
      {"add-two-interfaces", Level::should, kOnce,
       "A pod is on one network twice, by interfaces of different names", kAdd, add_two_interfaces},
      {"add-again", Level::must, kOnce, "ADD after DEL works like the first one", kAdd, add_again},
      {"add-prev-result", Level::must, kEach,
       "prevResult is passed through: its interfaces and addresses are in the result",
       "CNI SPEC 1.1.0, section 5, Success", add_prev_result},
  };
}

}  // namespace conformance
