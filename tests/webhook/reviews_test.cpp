// SPDX-License-Identifier: Apache-2.0
/// \file
/// Reviews as API servers of several versions send them, and their patches as an implementation
/// that is not ours applies them.
#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "fixture.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/shell.hpp"
#include "support/unit_dir.hpp"

using namespace mvr::test;

namespace {

const std::string kReviews = MVR_SOURCE_DIR "/tests/webhook/reviews/";

json read_review(const std::string& name) {
  return json::parse(read_text(kReviews + name + ".json"));
}

/// Two rails, a network without RDMA, and a namespace that asks for the rails.
struct Site : Rig {
  Site() {
    add_rails(2);
    put(Kind::network,
        network_object("default", "storage-net", {{kNetwork, "storage"}}, {{"master", "bond0"}}));
    put(Kind::space, space_object("gpu-team", {{kRdma, "gpu-rails"}}));
  }
};

/// What python3-jsonpatch makes of the verdicts that have a patch, in their order.
std::vector<json> apply_elsewhere(const std::vector<std::pair<json, Verdict>>& verdicts) {
  json work = json::array();
  for (const auto& [pod, verdict] : verdicts) {
    work.push_back({{"object", pod}, {"patch", verdict.response.at("patch")}});
  }
  const Output output =
      run({.argv = {"/usr/bin/python3", MVR_SOURCE_DIR "/tests/webhook/tools/apply_patches.py"},
           .input = work.dump()});
  INFO(output.err);
  REQUIRE(output.status == 0);
  return json::parse(output.out);
}

/// One line a container: its name and its resources in limits and requests.
std::string describe(const Verdict& verdict) {
  std::string text = verdict.networks() + '\n';
  for (std::size_t i = 0; i < verdict.pod.at("spec").at("containers").size(); ++i) {
    text += verdict.pod["spec"]["containers"][i].at("name").get<std::string>();
    for (const char* n : {"1", "2"}) {
      text += ' ' + verdict.amount(i, std::string("spidernet.io/shared_cx5_gpu") + n);
    }
    text += '\n';
  }
  return text;
}

struct Case {
  std::string name;
  std::string pod;  ///< describe() of it
};

const std::vector<Case> kPatched{
    {"1.28-replicaset", "default/gpu1-macvlan, default/gpu2-macvlan\ntrainer 1/1 1/1\n"},
    {"1.29-job-with-sidecar",
     "storage-net@data0, default/gpu1-macvlan, default/gpu2-macvlan\ntrainer 1/1 1/1\n"},
    {"1.30-statefulset-with-networks",
     "[\n  {\"name\": \"gpu2-macvlan\", \"namespace\": \"default\", \"mac\": "
     "\"02:00:00:00:00:02\"},{\"name\":\"gpu1-macvlan\",\"namespace\":\"default\"}]\n"
     "trainer 1/1 1/1\n"},
    {"1.31-two-gpu-containers-and-claims",
     "default/gpu1-macvlan, default/gpu2-macvlan\nleft 1/1 1/1\nright 1/1 1/1\nwatcher -/- -/-\n"},
    {"1.32-dry-run-with-a-named-container",
     "default/gpu1-macvlan, default/gpu2-macvlan\ntrainer -/- -/-\nnccl-proxy 1/1 1/1\n"},
    {"1.33-by-its-namespace", "default/gpu1-macvlan, default/gpu2-macvlan\ntrainer 1/1 1/1\n"},
    {"1.34-a-resource-that-is-there",
     "default/gpu1-macvlan, default/gpu2-macvlan\ntrainer 2/2 1/1\n"},
    {"1.35-network-key", "default/storage-net\ntrainer -/- -/-\n"},
};

const std::vector<std::string> kUntouched{"1.30-daemonset-on-the-host-network", "1.33-binding",
                                          "1.33-update", "1.36-called-again"};

const std::vector<std::string> kRefused{"1.36-no-such-value"};

/// A pod without what the webhook may add to one.
json strip(json pod) {
  json& metadata = pod["metadata"];
  if (metadata.contains("annotations")) {
    metadata["annotations"].erase(kNetworksKey);
    if (metadata["annotations"].empty()) {
      metadata.erase("annotations");
    }
  }
  for (json& one : pod["spec"]["containers"]) {
    for (const char* kind : {"limits", "requests"}) {
      json amounts = one["resources"].value(kind, json::object());
      amounts.erase("spidernet.io/shared_cx5_gpu1");
      amounts.erase("spidernet.io/shared_cx5_gpu2");
      one["resources"][kind] = amounts;
    }
  }
  return pod;
}

}  // namespace

TEST_CASE("every document is one of the cases", "[reviews]") {
  std::set<std::string> names(kUntouched.begin(), kUntouched.end());
  names.insert(kRefused.begin(), kRefused.end());
  for (const Case& one : kPatched) {
    names.insert(one.name);
  }
  std::set<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(kReviews)) {
    files.insert(file.path().stem());
  }
  CHECK(files == names);
}

TEST_CASE("pods of real API servers get what is theirs, and nothing else changes", "[reviews]") {
  Site site;
  std::vector<std::pair<json, Verdict>> verdicts;
  for (const Case& one : kPatched) {
    INFO(one.name);
    const json review = read_review(one.name);
    const Verdict verdict = site.ask_review(review);
    INFO(verdict.answer.message);
    REQUIRE(verdict.answer.outcome == "patched");
    CHECK(describe(verdict) == one.pod);
    CHECK(strip(verdict.pod) == strip(review.at("request").at("object")));
    verdicts.emplace_back(review.at("request").at("object"), verdict);
  }
  const std::vector<json> elsewhere = apply_elsewhere(verdicts);
  for (std::size_t i = 0; i < elsewhere.size(); ++i) {
    INFO(kPatched[i].name);
    CHECK(elsewhere[i] == verdicts[i].second.pod);
    // The API server calls again with what it has made of the answer.
    json again = read_review(kPatched[i].name);
    again["request"]["object"] = elsewhere[i];
    CHECK(site.ask_review(again).answer.outcome == "untouched");
  }
}

TEST_CASE("the patches are short and can be read", "[reviews]") {
  Site site;
  std::string text;
  for (const Case& one : kPatched) {
    text += one.name + '\n';
    for (const json& step : site.ask_review(read_review(one.name)).patch) {
      text += "  " + step.dump() + '\n';
    }
  }
  check_golden("webhook/patches", text);
}

TEST_CASE("other reviews of real API servers pass untouched, or are refused", "[reviews]") {
  Site site;
  for (const std::string& name : kUntouched) {
    INFO(name);
    const Verdict verdict = site.ask_review(read_review(name));
    CHECK(verdict.allowed());
    CHECK(verdict.answer.outcome == "untouched");
  }
  for (const std::string& name : kRefused) {
    INFO(name);
    const Verdict verdict = site.ask_review(read_review(name));
    CHECK_FALSE(verdict.allowed());
    check_golden("webhook/refusal.json", verdict.body.dump(2) + '\n');
  }
}

namespace {

/// A pod made by chance of everything that matters to the webhook.
class RandomPod {
 public:
  explicit RandomPod(unsigned seed) : random_(seed) {}

  json make() {
    json pod = plain_pod();
    json& metadata = pod["metadata"];
    maybe(metadata["annotations"], kRdma, {"gpu-rails", "", "none"});
    maybe(metadata["annotations"], kNetwork, {"storage", "", "gpu-rails"});
    maybe(metadata["annotations"], kNetworksKey,
          {"", "a", "a,b@eth1", "default/gpu2-macvlan", "[]", "[{\"name\":\"a\"}]",
           "default/storage-net"});
    maybe(metadata["annotations"], kContainerKey, {"c0", "c1", "c9"});
    if (chance(3) && metadata["annotations"].is_null()) {
      metadata.erase("annotations");
    }
    json containers = json::array();
    for (unsigned long i = 0; i <= random_() % 3; ++i) {
      containers.push_back(make_container("c" + std::to_string(i)));
    }
    pod["spec"]["containers"] = std::move(containers);
    return pod;
  }

 private:
  bool chance(unsigned long n) { return random_() % n == 0; }

  void maybe(json& object, const std::string& key, const std::vector<std::string>& values) {
    if (chance(2)) {
      object[key] = values[random_() % values.size()];
    }
  }

  json make_container(const std::string& name) {
    json one{{"name", name}, {"resources", json::object()}};
    for (const char* kind : {"limits", "requests"}) {
      json& amounts = one["resources"][kind];
      maybe(amounts, "nvidia.com/gpu", {"0", "8"});
      maybe(amounts, "spidernet.io/shared_cx5_gpu1", {"1", "7"});
      maybe(amounts, "cpu", {"1"});
      if (chance(2) && amounts.is_null()) {
        one["resources"].erase(kind);
      }
    }
    if (chance(4)) {
      one.erase("resources");
    }
    return one;
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("a second call on any pod changes nothing, and both libraries agree", "[reviews]") {
  Site site;
  RandomPod pods(20260211);
  std::vector<std::pair<json, Verdict>> verdicts;
  for (int i = 0; i < 3000; ++i) {
    site.settings.on_conflict = static_cast<mvr::webhook::OnConflict>(i % 3);
    site.settings.same_namespace = i % 17 == 0;
    const json pod = pods.make();
    INFO(pod.dump());
    const Verdict first = site.ask(pod);
    const Verdict second = site.ask(first.pod);
    CHECK(second.pod == first.pod);
    CHECK(second.answer.outcome ==
          (first.answer.outcome == "patched" ? "untouched" : first.answer.outcome));
    if (first.answer.outcome == "patched") {
      verdicts.emplace_back(pod, first);
    }
  }
  CHECK(verdicts.size() > 500);
  const std::vector<json> elsewhere = apply_elsewhere(verdicts);
  for (std::size_t i = 0; i < elsewhere.size(); ++i) {
    CHECK(elsewhere[i] == verdicts[i].second.pod);
  }
}
