// SPDX-License-Identifier: Apache-2.0
#include "webhook/review.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "webhook/annotations.hpp"

namespace mvr::webhook {
namespace {

/// More than the longest uid, which is a UUID, and names of Kubernetes have.
constexpr std::size_t kLongestUid = 128;

/// A member that is kept: all of it, or some of its own members. Those of a list are the same for
/// each of its elements.
struct Wanted {
  std::string_view name;
  std::span<const Wanted> members = {};  ///< empty = all
};

constexpr std::array<Wanted, 2> kResources{{{"limits"}, {"requests"}}};
constexpr std::array<Wanted, 2> kContainers{{{"name"}, {"resources", kResources}}};
constexpr std::array<Wanted, 2> kSpec{{{"hostNetwork"}, {"containers", kContainers}}};
constexpr std::array<Wanted, 3> kMetadata{{{"name"}, {"generateName"}, {"annotations"}}};
constexpr std::array<Wanted, 2> kObject{{{"metadata", kMetadata}, {"spec", kSpec}}};
constexpr std::array<Wanted, 7> kRequest{{{"uid"},
                                          {"resource"},
                                          {"subResource"},
                                          {"name"},
                                          {"namespace"},
                                          {"operation"},
                                          {"object", kObject}}};
constexpr std::array<Wanted, 3> kReview{{{"apiVersion"}, {"kind"}, {"request", kRequest}}};

/// Tells the parser what to keep. A pod has environments, volumes, probes and managed fields, ten
/// times of what matters here; and of three megabytes that somebody sends little is to become
/// memory.
class Sieve {
 public:
  /// \param depth of an object the number of those around it; of a key one more
  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    const auto level = static_cast<std::size_t>(depth);
    switch (event) {
      case Json::parse_event_t::object_start:
        levels_.at(level) = next_;
        return true;
      case Json::parse_event_t::object_end:  // not told of what is not kept
        next_ = levels_.at(level);
        return true;
      case Json::parse_event_t::key:
        next_ = find(levels_.at(level - 1), value.get_ref<const std::string&>());
        return next_.is_kept;
      default:
        return true;
    }
  }

 private:
  /// What is kept of an object; and of the value that the parser comes to next.
  struct Level {
    bool is_kept = false;
    std::span<const Wanted> members = {};
  };

  static Level find(const Level& level, std::string_view key) {
    if (level.members.empty()) {
      return level;
    }
    const auto found =
        std::ranges::find_if(level.members, [&](const Wanted& one) { return one.name == key; });
    return found == level.members.end() ? Level{} : Level{true, found->members};
  }

  std::array<Level, cni::kMaxDepth> levels_ = {};
  Level next_ = {true, kReview};
};

tl::unexpected<Error> malformed(const std::string& text) {
  return fail(Code::decode, text);
}

/// A member that must be a string or absent.
Result<std::string> read_text(const Json& object, std::string_view name, const std::string& where) {
  const Json* value = find_member(&object, name);
  if (value == nullptr) {
    return std::string();
  }
  const std::string* text = cni::as_string(value);
  return text != nullptr
             ? Result<std::string>(*text)
             : malformed(where + std::string(name) + ": " + cni::show(*value) + " is no string");
}

Result<std::string> read_uid(const Json& request) {
  std::string uid = MVR_TRY(read_text(request, "uid", "request."));
  const bool is_plain = std::ranges::all_of(uid, [](char c) { return c > ' ' && c < 0x7f; });
  if (uid.empty() || uid.size() > kLongestUid || !is_plain) {
    return malformed(uid.empty() ? "request.uid is missing" : "request.uid is none");
  }
  return uid;
}

/// Whether the request creates a pod.
Result<bool> read_purpose(const Json& request) {
  const Json* resource = find_member(&request, "resource");
  if (resource == nullptr || !resource->is_object()) {
    return malformed("request.resource is missing");
  }
  const std::string operation = MVR_TRY(read_text(request, "operation", "request."));
  if (operation.empty()) {
    return malformed("request.operation is missing");
  }
  const std::string part = MVR_TRY(read_text(request, "subResource", "request."));
  const bool is_pod = MVR_TRY(read_text(*resource, "group", "request.resource.")).empty() &&
                      MVR_TRY(read_text(*resource, "version", "request.resource.")) == "v1" &&
                      MVR_TRY(read_text(*resource, "resource", "request.resource.")) == "pods";
  return is_pod && part.empty() && operation == "CREATE";
}

Result<void> check_annotations(const Json& pod) {
  const Json* annotations = find_member(find_member(&pod, "metadata"), "annotations");
  if (annotations == nullptr) {
    return {};
  }
  if (!annotations->is_object()) {
    return malformed("request.object.metadata.annotations is no object");
  }
  for (const std::string_view key : {kRdmaKey, kNetworkKey, kNetworks, kContainer}) {
    MVR_TRY(read_text(*annotations, key, "request.object.metadata.annotations."));
  }
  return {};
}

Result<void> check_resources(const Json& container, const std::string& where) {
  const Json* resources = find_member(&container, "resources");
  for (const char* kind : {"limits", "requests"}) {
    const Json* amounts = find_member(resources, kind);
    if ((resources != nullptr && !resources->is_object()) ||
        (amounts != nullptr && !amounts->is_object())) {
      return malformed(where + "resources is malformed");
    }
  }
  return {};
}

Result<void> check_containers(const Json& pod) {
  const Json* containers = find_member(find_member(&pod, "spec"), "containers");
  if (containers == nullptr || !containers->is_array() || containers->empty()) {
    return malformed("request.object.spec.containers is missing or empty");
  }
  for (std::size_t i = 0; i < containers->size(); ++i) {
    const Json& container = (*containers)[i];
    const std::string where = "request.object.spec.containers[" + std::to_string(i) + ']';
    if (!container.is_object()) {
      return malformed(where + " is no object");
    }
    MVR_TRY(read_text(container, "name", where + '.'));
    MVR_TRY(check_resources(container, where + '.'));
  }
  return {};
}

Result<std::string> read_name(const Json& request, const Json& metadata) {
  std::string name = MVR_TRY(read_text(request, "name", "request."));
  if (name.empty()) {
    name = MVR_TRY(read_text(metadata, "name", "request.object.metadata."));
  }
  if (name.empty()) {
    name = MVR_TRY(read_text(metadata, "generateName", "request.object.metadata.")) + '*';
  }
  return name;
}

Result<void> read_pod(Json& request, Review& review) {
  review.space = MVR_TRY(read_text(request, "namespace", "request."));
  if (review.space.empty()) {
    return malformed("request.namespace is missing");
  }
  if (find_member(&request, "object") == nullptr || !request["object"].is_object()) {
    return malformed("request.object is missing");
  }
  review.pod = std::move(request["object"]);
  const Json* metadata = find_member(&review.pod, "metadata");
  if (metadata == nullptr || !metadata->is_object()) {
    return malformed("request.object.metadata is missing");
  }
  review.name = MVR_TRY(read_name(request, *metadata));
  MVR_TRY(check_annotations(review.pod));
  return check_containers(review.pod);
}

/// Version and uid, without which nobody can be answered.
Result<Review> read_head(const Json& document) {
  const std::string kind = MVR_TRY(read_text(document, "kind", ""));
  std::string version = MVR_TRY(read_text(document, "apiVersion", ""));
  if (kind != "AdmissionReview" || !version.starts_with("admission.k8s.io/")) {
    return malformed("this is no AdmissionReview of admission.k8s.io, but apiVersion \"" +
                     printable(version, 80) + "\", kind \"" + printable(kind, 80) + '"');
  }
  const Json* request = find_member(&document, "request");
  if (request == nullptr || !request->is_object()) {
    return malformed("request is missing");
  }
  std::string uid = MVR_TRY(read_uid(*request));
  return Review{.version = std::move(version), .uid = std::move(uid)};
}

}  // namespace

Result<Review> parse_review(std::string_view body) {
  MVR_TRY(cni::check_text(body));
  Json document = Json::parse(body, Sieve(), /*allow_exceptions=*/false);
  if (document.is_discarded()) {
    return fail(cni::syntax_error(body));
  }
  if (!document.is_object()) {
    return malformed("this is no JSON object");
  }
  Review review = MVR_TRY(read_head(document));
  if (review.version != kReviewVersion) {
    return review;
  }
  Json& request = document["request"];
  review.is_pod_creation = MVR_TRY(read_purpose(request));
  if (review.is_pod_creation) {
    MVR_TRY(read_pod(request, review));
  }
  return review;
}

}  // namespace mvr::webhook
