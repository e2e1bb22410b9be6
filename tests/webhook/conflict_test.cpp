// SPDX-License-Identifier: Apache-2.0
/// \file
/// Pods that list networks of their own, and webhooks that are called twice.
#include "fixture.hpp"
#include "support/catch.hpp"

using namespace mvr::test;
using mvr::webhook::OnConflict;

namespace {

json pod_with(const std::string& networks) {
  return plain_pod({{kRdma, "gpu-rails"}, {kNetworksKey, networks}});
}

struct TwoRails : Rig {
  TwoRails() { add_rails(2); }
};

}  // namespace

TEST_CASE("lists are merged: theirs first, ours behind, nothing twice", "[conflict]") {
  TwoRails rig;
  CHECK(rig.ask(pod_with("a")).networks() == "a, default/gpu1-macvlan, default/gpu2-macvlan");
  CHECK(rig.ask(pod_with("a,default/gpu2-macvlan@rdma0")).networks() ==
        "a,default/gpu2-macvlan@rdma0,default/gpu1-macvlan");
  CHECK(rig.ask(pod_with(R"([{"name":"gpu1-macvlan","namespace":"default","mac":"02::01"}])"))
            .networks() == R"([{"name":"gpu1-macvlan","namespace":"default","mac":"02::01"},)"
                           R"({"name":"gpu2-macvlan","namespace":"default"}])");
  CHECK(rig.ask(pod_with(" ")).networks() == "default/gpu1-macvlan, default/gpu2-macvlan");
  // Of the pod's own namespace, so these are other networks.
  CHECK(rig.ask(pod_with("gpu1-macvlan")).networks() ==
        "gpu1-macvlan, default/gpu1-macvlan, default/gpu2-macvlan");
}

TEST_CASE("a list that has all of ours stays as it is, and resources come along", "[conflict]") {
  TwoRails rig;
  const std::string list = "default/gpu2-macvlan, default/gpu1-macvlan, own";
  for (const auto choice : {OnConflict::merge, OnConflict::refuse, OnConflict::keep}) {
    rig.settings.on_conflict = choice;
    const Verdict verdict = rig.ask(pod_with(list));
    CHECK(verdict.networks() == list);
    CHECK(verdict.amount(0, "spidernet.io/shared_cx5_gpu1") == "1/1");
    CHECK(verdict.patch.size() == 2);
    CHECK(verdict.warnings().empty());
  }
}

TEST_CASE("a pod with a list of its own is refused, if that is wanted", "[conflict]") {
  TwoRails rig;
  rig.settings.on_conflict = OnConflict::refuse;
  const Verdict verdict = rig.ask(pod_with("a, default/gpu1-macvlan"));
  CHECK_FALSE(verdict.allowed());
  CHECK(verdict.answer.outcome == "conflict");
  CHECK_THAT(verdict.answer.message, Catch::Contains("which lacks default/gpu2-macvlan of") &&
                                         Catch::Contains("--on-conflict=refuse"));
  CHECK(rig.ask(pod_with("")).networks() == "default/gpu1-macvlan, default/gpu2-macvlan");
  CHECK(rig.ask(plain_pod({{kRdma, "gpu-rails"}})).allowed());
}

TEST_CASE("a pod keeps its list, if that is wanted, and gets what its networks need",
          "[conflict]") {
  TwoRails rig;
  rig.settings.on_conflict = OnConflict::keep;
  const Verdict verdict = rig.ask(pod_with("a, default/gpu2-macvlan"));
  CHECK(verdict.networks() == "a, default/gpu2-macvlan");
  CHECK(verdict.amount(0, "spidernet.io/shared_cx5_gpu1") == "-/-");
  CHECK(verdict.amount(0, "spidernet.io/shared_cx5_gpu2") == "1/1");
  REQUIRE(verdict.warnings().size() == 1);
  CHECK_THAT(verdict.warnings()[0], Catch::Contains("with 1 of 2 of"));
  const Verdict none = rig.ask(pod_with("a"));
  CHECK(none.allowed());
  CHECK(none.answer.outcome == "untouched");
}

TEST_CASE("a list that nobody can read is refused whatever is chosen", "[conflict]") {
  TwoRails rig;
  for (const auto choice : {OnConflict::merge, OnConflict::refuse, OnConflict::keep}) {
    rig.settings.on_conflict = choice;
    const Verdict verdict = rig.ask(pod_with("[{]"));
    CHECK_FALSE(verdict.allowed());
    CHECK(verdict.answer.outcome == "bad-networks");
    CHECK_THAT(verdict.answer.message, Catch::Contains(kNetworksKey + " cannot be read"));
  }
  // Who asks for nothing is not judged.
  CHECK(rig.ask(plain_pod({{kNetworksKey, "[{]"}})).allowed());
}

TEST_CASE("a second call changes nothing", "[conflict]") {
  TwoRails rig;
  for (const auto choice : {OnConflict::merge, OnConflict::refuse, OnConflict::keep}) {
    rig.settings.on_conflict = choice;
    const Verdict first = rig.ask(plain_pod({{kRdma, "gpu-rails"}}));
    CHECK(first.answer.outcome == "patched");
    const Verdict second = rig.ask(first.pod);
    CHECK(second.answer.outcome == "untouched");
    CHECK(second.pod == first.pod);
  }
}

TEST_CASE("a container that somebody puts in front between two calls changes nothing",
          "[conflict]") {
  TwoRails rig;
  json pod = rig.ask(plain_pod({{kRdma, "gpu-rails"}})).pod;
  json& containers = pod["spec"]["containers"];
  containers.insert(containers.begin(), container("proxy"));
  CHECK(rig.ask(pod).answer.outcome == "untouched");
}
