// SPDX-License-Identifier: Apache-2.0
#include "webhook/answer.hpp"

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"
#include "webhook/cluster.hpp"
#include "webhook/inject.hpp"
#include "webhook/patch.hpp"
#include "webhook/review.hpp"
#include "webhook/settings.hpp"
#include "webhook/view.hpp"

namespace mvr::webhook {
namespace {

using Ordered = nlohmann::ordered_json;

/// How long a client is to wait before it asks again: a list takes less.
constexpr int kRetryAfterSeconds = 1;

/// Texts may have bytes of the review in them that are no UTF-8.
std::string dump(const Ordered& document) {
  return document.dump(-1, ' ', /*ensure_ascii=*/false, Ordered::error_handler_t::replace);
}

Ordered make_status(int code, std::string_view reason, const std::string& message) {
  return {{"status", "Failure"}, {"message", message}, {"reason", reason}, {"code", code}};
}

Ordered status_of(const Decision& decision) {
  if (decision.refusal == Refusal::forbidden) {
    return make_status(403, "Forbidden", decision.message);
  }
  // A refusal, and no failed call: what a failed call leads to depends on the failurePolicy, and
  // the client would not be told to try again. The API server hands on code and Retry-After.
  Ordered status = make_status(503, "ServiceUnavailable", decision.message);
  status["details"] = {{"retryAfterSeconds", kRetryAfterSeconds}};
  return status;
}

std::string make_body(const Review& review, const Decision& decision) {
  Ordered response{{"uid", review.uid}, {"allowed", decision.refusal == Refusal::none}};
  if (decision.refusal != Refusal::none) {
    response["status"] = status_of(decision);
  } else if (!decision.patch.empty()) {
    response["patchType"] = "JSONPatch";
    response["patch"] = to_base64(to_document(decision.patch));
  }
  if (!decision.warnings.empty()) {
    response["warnings"] = decision.warnings;
  }
  return dump(
      {{"apiVersion", review.version}, {"kind", "AdmissionReview"}, {"response", response}});
}

Answer refuse_request(const std::string& message) {
  Ordered status{{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Ordered::object()}};
  status.update(make_status(400, "BadRequest", message));
  return {
      .status = 400, .body = dump(status), .outcome = "malformed", .pod = {}, .message = message};
}

/// An API server that asks by v1beta1 expects an answer by v1beta1.
Decision refuse_version(const std::string& version) {
  return {.refusal = Refusal::forbidden,
          .outcome = "version",
          .message = "macvlan-rdma-webhook answers " + std::string(kReviewVersion) + ", not " +
                     printable(version, 80) +
                     ": the webhook's admissionReviewVersions must be [\"v1\"]"};
}

Decision decide_review(const Settings& settings, const Cluster& cluster, const Review& review) {
  if (review.version != kReviewVersion) {
    return refuse_version(review.version);
  }
  if (!review.is_pod_creation) {
    return {.message = "this creates no pod"};
  }
  return decide(settings, *cluster.view(), review);
}

}  // namespace

Answer answer(const Settings& settings, const Cluster& cluster, std::string_view body) {
  const auto review = parse_review(body);
  if (!review) {
    return refuse_request(review.error().msg);
  }
  Decision decision = decide_review(settings, cluster, *review);
  return {
      .body = make_body(*review, decision),
      .outcome = decision.outcome,
      .pod = review->space.empty() ? "" : printable(review->space) + '/' + printable(review->name),
      .message = std::move(decision.message)};
}

}  // namespace mvr::webhook
