// SPDX-License-Identifier: Apache-2.0
/// \file
/// How much of which resource, and in which containers.
#include "webhook/resources.hpp"

#include "fixture.hpp"
#include "support/catch.hpp"

using namespace mvr::test;

namespace {

const std::string kGpu1 = "spidernet.io/shared_cx5_gpu1";
const std::string kGpu2 = "spidernet.io/shared_cx5_gpu2";

struct TwoRails : Rig {
  TwoRails() { add_rails(2); }

  Verdict ask_with(json containers, json annotations = json::object()) {
    annotations[kRdma] = "gpu-rails";
    json pod = plain_pod(std::move(annotations));
    pod["spec"]["containers"] = std::move(containers);
    return ask(pod);
  }
};

/// Amounts of the first rail in each container.
std::string amounts(const Verdict& verdict, const std::string& resource = kGpu1) {
  std::string text;
  for (std::size_t i = 0; i < verdict.pod.at("spec").at("containers").size(); ++i) {
    text += (i == 0 ? "" : " ") + verdict.amount(i, resource);
  }
  return text;
}

}  // namespace

TEST_CASE("networks that share a resource add up", "[resources]") {
  Rig rig;
  for (const char* name : {"a", "b", "c"}) {
    rig.put(Kind::network,
            network_object("default", name, {{kRdma, "v"}, {kResource, "rdma/shared"}}));
  }
  rig.put(Kind::network, network_object("default", "d", {{kRdma, "v"}, {kResource, "rdma/own"}}));
  const Verdict verdict = rig.ask(plain_pod({{kRdma, "v"}}));
  CHECK(verdict.amount(0, "rdma/shared") == "3/3");
  CHECK(verdict.amount(0, "rdma/own") == "1/1");
}

TEST_CASE("without GPUs the first container gets them", "[resources]") {
  TwoRails rig;
  CHECK(amounts(rig.ask_with({container("a"), container("b")})) == "1/1 -/-");
}

TEST_CASE("every container that asks for a GPU gets them", "[resources]") {
  TwoRails rig;
  const json mixed{container("a"), container("b", {{"nvidia.com/gpu", "8"}}),
                   container("c", {{"amd.com/gpu", 1}}), container("d", {{"cpu", "1"}}),
                   container("e", {{"habana.ai/gaudi", "1"}})};
  CHECK(amounts(rig.ask_with(mixed)) == "-/- 1/1 1/1 -/- -/-");
  rig.settings.gpu_resources = {"habana.ai/gaudi"};
  CHECK(amounts(rig.ask_with(mixed)) == "-/- -/- -/- -/- 1/1");
}

TEST_CASE("no GPU is no GPU", "[resources]") {
  TwoRails rig;
  for (const json& none : {json("0"), json(0), json("0m"), json("0.00"), json("0e3"), json(0.0)}) {
    INFO(none);
    CHECK(amounts(rig.ask_with({container("a"), container("b", {{"nvidia.com/gpu", none}})})) ==
          "1/1 -/-");
  }
  for (const json& some : {json("1"), json(8), json("1k"), json("10"), json("0.1e1")}) {
    INFO(some);
    CHECK(amounts(rig.ask_with({container("a"), container("b", {{"nvidia.com/gpu", some}})})) ==
          "-/- 1/1");
  }
}

TEST_CASE("the container that is named gets them, GPU or not", "[resources]") {
  TwoRails rig;
  const json containers{container("a"), container("b", {{"nvidia.com/gpu", "8"}}), container("c")};
  CHECK(amounts(rig.ask_with(containers, {{kContainerKey, "c"}})) == "-/- -/- 1/1");
  const Verdict verdict = rig.ask_with(containers, {{kContainerKey, "d"}});
  CHECK_FALSE(verdict.allowed());
  CHECK(verdict.answer.outcome == "no-container");
  CHECK_THAT(verdict.answer.message, Catch::Contains("no container \"d\"") &&
                                         Catch::Contains(kContainerKey) &&
                                         Catch::Contains("it has a, b, c"));
}

TEST_CASE("what a container asks for already is left alone", "[resources]") {
  TwoRails rig;
  json one = container("a", {{kGpu1, "5"}});
  CHECK(amounts(rig.ask_with(json::array({one}))) == "5/5");
  CHECK(amounts(rig.ask_with(json::array({one})), kGpu2) == "1/1");
  one["resources"].erase("requests");
  CHECK(amounts(rig.ask_with(json::array({one}))) == "5/-");
  CHECK(amounts(rig.ask_with(json::array({one})), kGpu2) == "1/1");
  one["resources"] = {{"requests", {{kGpu1, "0"}}}};
  CHECK(amounts(rig.ask_with(json::array({one}))) == "-/0");
  CHECK(amounts(rig.ask_with(json::array({one})), kGpu2) == "1/1");
}

TEST_CASE("a resource that only another container asks for stays there", "[resources]") {
  TwoRails rig;
  const json gpu = container("gpu", {{"nvidia.com/gpu", "8"}});
  const json side = container("side", {{kGpu1, "1"}});
  CHECK(amounts(rig.ask_with({gpu, side})) == "-/- 1/1");
  CHECK(amounts(rig.ask_with({gpu, side}), kGpu2) == "1/1 -/-");
  // Of several chosen ones each gets its own.
  const json both = container("both", {{"nvidia.com/gpu", "8"}, {kGpu1, "2"}});
  CHECK(amounts(rig.ask_with({gpu, both, side})) == "1/1 2/2 1/1");
}

TEST_CASE("init containers are left alone", "[resources]") {
  TwoRails rig;
  json pod = plain_pod({{kRdma, "gpu-rails"}});
  pod["spec"]["initContainers"] = {container("init", {{"nvidia.com/gpu", "8"}, {kGpu1, "1"}})};
  const Verdict verdict = rig.ask(pod);
  CHECK(amounts(verdict) == "1/1");
  CHECK(verdict.pod.at("spec").at("initContainers") == pod.at("spec").at("initContainers"));
  pod["metadata"]["annotations"][kContainerKey] = "init";
  CHECK(rig.ask(pod).answer.outcome == "no-container");
}

TEST_CASE("the texts of a choice", "[resources]") {
  for (const auto choice : {mvr::webhook::OnConflict::merge, mvr::webhook::OnConflict::refuse,
                            mvr::webhook::OnConflict::keep}) {
    CHECK(mvr::webhook::parse_on_conflict(to_text(choice)) == choice);
  }
  CHECK(mvr::webhook::parse_on_conflict("Merge") == std::nullopt);
  CHECK(mvr::webhook::parse_on_conflict("") == std::nullopt);
}
