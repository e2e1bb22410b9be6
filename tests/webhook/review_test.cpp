// SPDX-License-Identifier: Apache-2.0
/// \file
/// What API servers ask, and what is no question.
#include "webhook/review.hpp"

#include "fixture.hpp"
#include "support/catch.hpp"

using namespace mvr::test;
using mvr::webhook::parse_review;

namespace {

/// The answer to bytes that are no review: its message.
std::string refusal(const std::string& body) {
  Rig rig;
  const auto answer = mvr::webhook::answer(rig.settings, rig.cluster, body);
  const json status = json::parse(answer.body);
  CHECK(answer.status == 400);
  CHECK(answer.outcome == "malformed");
  CHECK(status.at("kind") == "Status");
  CHECK(status.at("apiVersion") == "v1");
  CHECK(status.at("status") == "Failure");
  CHECK(status.at("code") == 400);
  CHECK(status.at("message") == answer.message);
  CHECK(answer.message.size() < 600);
  return answer.message;
}

std::string refusal_without(const std::string& place) {
  json review = review_of(plain_pod());
  const json::json_pointer pointer(place);
  review.at(pointer.parent_pointer()).erase(pointer.back());
  return refusal(review.dump());
}

std::string refusal_with(const std::string& place, const json& value) {
  json review = review_of(plain_pod());
  review[json::json_pointer(place)] = value;
  return refusal(review.dump());
}

}  // namespace

TEST_CASE("little of a review is kept", "[review]") {
  json pod = plain_pod({{"a", "b"}});
  pod["metadata"]["managedFields"] = {{{"manager", "kubectl"}, {"name", "not this"}}};
  pod["metadata"]["annotations"]["x"] = {{"deep", 1}};
  pod["spec"]["volumes"] = {{{"name", "v"}, {"metadata", {{"name", "nor this"}}}}};
  pod["spec"]["containers"] = {
      {{"name", "a"}, {"env", {{{"name", "X"}, {"value", "Y"}}}}, {"resources", {{"claims", {1}}}}},
      {{"ports", {{{"name", "p"}}}}, {"name", "b"}, {"resources", {{"limits", {{"x/y", "1"}}}}}}};
  const auto review = parse_review(review_of(pod).dump());
  REQUIRE(review);
  CHECK(review->uid == "705ab4f5-6393-11e8-b7cc-42010a800002");
  CHECK(review->is_pod_creation);
  CHECK(review->space == "training");
  CHECK(review->name == "pod");
  CHECK(review->pod ==
        json{{"metadata", {{"name", "pod"}, {"annotations", {{"a", "b"}, {"x", {{"deep", 1}}}}}}},
             {"spec",
              {{"containers",
                {{{"name", "a"}, {"resources", json::object()}},
                 {{"name", "b"}, {"resources", {{"limits", {{"x/y", "1"}}}}}}}}}}});
}

TEST_CASE("the log names a pod that has no name yet", "[review]") {
  json pod = plain_pod();
  pod["metadata"].erase("name");
  pod["metadata"]["generateName"] = "training-7f9c-";
  json review = review_of(pod);
  review["request"].erase("name");
  CHECK(parse_review(review.dump())->name == "training-7f9c-*");
}

TEST_CASE("what creates no pod is not looked into", "[review]") {
  json review = review_of(plain_pod());
  const auto is_creation = [&] { return parse_review(review.dump()).value().is_pod_creation; };
  CHECK(is_creation());
  json& request = review["request"];
  SECTION("another operation") {
    for (const char* operation : {"UPDATE", "DELETE", "CONNECT"}) {
      request["operation"] = operation;
      CHECK_FALSE(is_creation());
    }
  }
  SECTION("a part of a pod") {
    request["subResource"] = "binding";
    request["object"] = {{"kind", "Binding"}};
    CHECK_FALSE(is_creation());
  }
  SECTION("another kind") {
    request["resource"] = {{"group", "apps"}, {"version", "v1"}, {"resource", "deployments"}};
    CHECK_FALSE(is_creation());
    request["resource"] = {{"group", "metrics.k8s.io"}, {"version", "v1"}, {"resource", "pods"}};
    CHECK_FALSE(is_creation());
  }
  const Verdict verdict = Rig().ask_review(review);
  if (!is_creation()) {
    CHECK(verdict.allowed());
    CHECK(verdict.answer.outcome == "untouched");
    CHECK(verdict.patch.is_null());
  }
}

TEST_CASE("what is no review is a bad request with a reason", "[review]") {
  CHECK_THAT(refusal(""), Catch::Contains("it is empty"));
  CHECK_THAT(refusal("{"), Catch::Contains("ends too early"));
  CHECK_THAT(refusal("[]"), Catch::Contains("no JSON object"));
  CHECK_THAT(refusal("null"), Catch::Contains("no JSON object"));
  CHECK_THAT(refusal("{}"), Catch::Contains("no AdmissionReview"));
  CHECK_THAT(refusal(std::string(100'000, '[')), Catch::Contains("nested deeper"));
  CHECK_THAT(refusal("\xff\xfe"), Catch::Contains("not JSON"));
  CHECK_THAT(refusal(R"({"kind":"AdmissionReview\u0000"})"), Catch::Contains("no AdmissionReview"));
  CHECK_THAT(refusal_with("/kind", "Pod"), Catch::Contains("kind \"Pod\""));
  CHECK_THAT(refusal_with("/apiVersion", "v1"), Catch::Contains("apiVersion \"v1\""));
  CHECK_THAT(refusal_with("/apiVersion", 7), Catch::Contains("apiVersion: 7 is no string"));
  CHECK_THAT(refusal_without("/request"), Catch::Contains("request is missing"));
  CHECK_THAT(refusal_with("/request", json::array()), Catch::Contains("request is missing"));
}

TEST_CASE("a request that cannot be is a bad request with a reason", "[review]") {
  CHECK_THAT(refusal_without("/request/uid"), Catch::Contains("request.uid is missing"));
  CHECK_THAT(refusal_with("/request/uid", ""), Catch::Contains("request.uid is missing"));
  CHECK_THAT(refusal_with("/request/uid", 1), Catch::Contains("request.uid: 1 is no string"));
  CHECK_THAT(refusal_with("/request/uid", "a\nb"), Catch::Contains("request.uid is none"));
  CHECK_THAT(refusal_with("/request/uid", std::string(500, 'x')),
             Catch::Contains("request.uid is none"));
  CHECK_THAT(refusal_without("/request/resource"), Catch::Contains("request.resource"));
  CHECK_THAT(refusal_without("/request/operation"), Catch::Contains("request.operation"));
  CHECK_THAT(refusal_without("/request/namespace"), Catch::Contains("request.namespace"));
  CHECK_THAT(refusal_without("/request/object"), Catch::Contains("request.object"));
  CHECK_THAT(refusal_with("/request/object", "pod"), Catch::Contains("request.object"));
  CHECK_THAT(refusal_without("/request/object/metadata"), Catch::Contains("metadata"));
  CHECK_THAT(refusal_without("/request/object/spec"), Catch::Contains("containers"));
  CHECK_THAT(refusal_with("/request/object/spec/containers", json::array()),
             Catch::Contains("containers"));
  CHECK_THAT(refusal_with("/request/object/spec/containers/0", 1),
             Catch::Contains("containers[0]"));
  CHECK_THAT(refusal_with("/request/object/spec/containers/0/name", 1),
             Catch::Contains("containers[0].name: 1"));
  CHECK_THAT(refusal_with("/request/object/spec/containers/0/resources", "all"),
             Catch::Contains("containers[0].resources"));
  CHECK_THAT(refusal_with("/request/object/spec/containers/0/resources/limits", json::array()),
             Catch::Contains("containers[0].resources"));
  CHECK_THAT(refusal_with("/request/object/metadata/annotations", json::array()),
             Catch::Contains("annotations is no object"));
  CHECK_THAT(refusal_with("/request/object/metadata/annotations", json{{kRdma, 1}}),
             Catch::Contains(kRdma + ": 1 is no string"));
}

TEST_CASE("a review of v1beta1 is refused in its own version", "[review]") {
  json review = review_of(plain_pod({{kRdma, "gpu-rails"}}));
  review["apiVersion"] = "admission.k8s.io/v1beta1";
  const Verdict verdict = Rig().ask_review(review);
  CHECK(verdict.body.at("apiVersion") == "admission.k8s.io/v1beta1");
  CHECK_FALSE(verdict.allowed());
  CHECK(verdict.answer.outcome == "version");
  CHECK_THAT(verdict.response.at("status").at("message").get<std::string>(),
             Catch::Contains("admissionReviewVersions must be [\"v1\"]"));
}

TEST_CASE("a member that occurs twice counts as the last one", "[review]") {
  std::string body = review_of(plain_pod()).dump();
  body.insert(body.find("\"operation\""), R"("operation":"UPDATE",)");
  CHECK(parse_review(body)->is_pod_creation);
}
