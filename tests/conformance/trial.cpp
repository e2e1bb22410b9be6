// SPDX-License-Identifier: Apache-2.0
#include "trial.hpp"

#include <algorithm>
#include <future>
#include <iterator>

#include "kernel.hpp"

namespace conformance {

namespace {

std::string summary(const Answer& answer) {
  std::string text = "exit status " + std::to_string(answer.status);
  if (answer.code() != 0) {
    text += ", code " + std::to_string(answer.code()) + " \"" + answer.message() + "\"";
  }
  return text;
}

std::string any_of(const std::set<int>& codes) {
  std::string text;
  for (const int code : codes) {
    text += (text.empty() ? "" : " or ") + std::to_string(code);
  }
  return text;
}

std::string only_in(const View& first, const View& second, const std::string& heading) {
  View lines;
  std::ranges::set_difference(first, second, std::inserter(lines, lines.end()));
  std::string text;
  for (const std::string& line : lines) {
    text += (text.empty() ? "" : "; ") + line;
  }
  return text.empty() ? "" : heading + text;
}

}  // namespace

std::string Subject::ipam_type() const {
  const json ipam = config.value("ipam", json());
  return ipam.is_object() ? ipam.value("type", "") : "";
}

void expect(bool holds, const std::string& expected, const std::string& found) {
  if (!holds) {
    throw Failed(expected, found);
  }
}

void expect_same(const View& before, const View& after, const std::string& when) {
  const std::string more = only_in(after, before, "new: ");
  const std::string less = only_in(before, after, "gone: ");
  expect(before == after, "all as before " + when,
         more + (more.empty() || less.empty() ? "" : "; ") + less);
}

Trial::Trial(const Subject& subject, Version version)
    : subject_(subject), version_(version), ipam_(subject.ipam_type(), subject.cni_path) {
}

json Trial::config() const {
  json config = subject_.config;
  config["cniVersion"] = to_text(version_);
  return config;
}

const Pod& Trial::pod(int n) {
  const auto found = pods_.find(n);
  if (found != pods_.end()) {
    return found->second;
  }
  const std::string name = "pod" + std::to_string(n);
  ip("", {"netns", "add", name});
  ip(name, {"link", "set", "lo", "up"});
  // 64 hexadecimal digits, as containerd and CRI-O have them.
  const std::string id = std::to_string(n) + std::string(63, 'c');
  return pods_[n] = {.name = name, .netns = "/var/run/netns/" + name, .container_id = id};
}

Call Trial::call(const std::string& verb, const Pod& pod) const {
  return {.env = {{"CNI_COMMAND", verb},
                  {"CNI_CONTAINERID", pod.container_id},
                  {"CNI_NETNS", pod.netns},
                  {"CNI_IFNAME", subject_.ifname},
                  {"CNI_ARGS", ""},
                  {"CNI_PATH", ipam_.path()}},
          .input = config().dump()};
}

Call Trial::call(const std::string& verb, const Pod& pod, const json& result) const {
  const Call bare = call(verb, pod);
  return version_ < Version::v0_4_0 ? bare : bare.with({{"prevResult", result}});
}

Call Trial::node_call(const std::string& verb) const {
  return call(verb, {}).with_env("CNI_IFNAME", "");
}

Call Trial::gc_call(const std::vector<Pod>& living) const {
  json attachments = json::array();
  for (const Pod& pod : living) {
    attachments.push_back({{"containerID", pod.container_id}, {"ifname", subject_.ifname}});
  }
  // libcni sends the list under the key of the tagged specification as well.
  return node_call("GC").with(
      {{"cni.dev/valid-attachments", attachments}, {"cni.dev/attachments", attachments}});
}

Answer Trial::run(const Call& call) {
  Answer answer = make_call(subject_.plugin, call, subject_.timeout_s);
  log_.push_back(describe(subject_.plugin, call, answer));
  return answer;
}

std::pair<Answer, Answer> Trial::run_both(const Call& first, const Call& second) {
  auto other =
      std::async(std::launch::async, make_call, subject_.plugin, second, subject_.timeout_s);
  Answer answer = run(first);
  Answer other_answer = other.get();
  log_.push_back(describe(subject_.plugin, second, other_answer));
  return {std::move(answer), std::move(other_answer)};
}

Answer Trial::ok(const Call& call) {
  Answer answer = run(call);
  expect(answer.ok(), "success", summary(answer));
  return answer;
}

Answer Trial::silent(const Call& call) {
  Answer answer = ok(call);
  expect(answer.out.empty(), "nothing on standard output", answer.out);
  return answer;
}

Answer Trial::refused(const Call& call, const std::set<int>& codes) {
  Answer answer = run(call);
  expect(!answer.ok(), "an error", summary(answer));
  expect(codes.empty() || codes.contains(answer.code()), "an error with code " + any_of(codes),
         summary(answer));
  return answer;
}

json Trial::add(const Call& call) {
  Answer answer = ok(call);
  expect(answer.document.is_object(), "one JSON object on standard output",
         answer.out.empty() ? "nothing" : answer.out);
  return answer.document;
}

json Trial::link(const Pod& pod) const {
  return find_link(pod.name, subject_.ifname);
}

View Trial::primed_view() {
  pod();
  const Pod& primer = pod(9);
  const json result = add(call("ADD", primer));
  ok(call("DEL", primer, result));
  return view();
}

View Trial::view() const {
  View view;
  const auto add = [&](const std::string& place, const std::set<std::string>& lines) {
    for (const std::string& line : lines) {
      view.insert(std::string(place).append(": ").append(line));
    }
  };
  add("host", look_around(""));
  for (const auto& [n, pod] : pods_) {
    add(pod.name, look_around(pod.name));
  }
  add("IPAM", ipam_.leases());
  return view;
}

void Trial::need_ipam() const {
  if (subject_.ipam_type().empty()) {
    throw NotApplicable("the configuration has no IPAM");
  }
}

void Trial::need_support(Version version) const {
  if (std::ranges::find(subject_.supported, version) == subject_.supported.end()) {
    throw NotApplicable("the plugin does not support " + std::string(to_text(version)));
  }
}

}  // namespace conformance
