// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

#include <string_view>

#include "support/catch.hpp"

namespace mvr::test {

namespace {

constexpr const char* kUid = "705ab4f5-6393-11e8-b7cc-42010a800002";

json find(const json& object, const json::json_pointer& place) {
  return object.contains(place) ? object.at(place) : json();
}

json metadata(const std::string& space, const std::string& name, json annotations) {
  json object{{"name", name}, {"uid", "e911857d-c318-11e8-bbad-025000000001"}};
  if (!space.empty()) {
    object["namespace"] = space;
  }
  if (!annotations.is_null()) {
    object["annotations"] = std::move(annotations);
  }
  return object;
}

}  // namespace

json network_object(const std::string& space, const std::string& name, json annotations,
                    const json& config) {
  json object{{"apiVersion", "k8s.cni.cncf.io/v1"},
              {"kind", "NetworkAttachmentDefinition"},
              {"metadata", metadata(space, name, std::move(annotations))}};
  if (!config.is_null()) {
    object["spec"]["config"] = config.is_string() ? config.get<std::string>() : config.dump();
  }
  return object;
}

json rail_object(int n, const std::string& value) {
  const std::string number = std::to_string(n);
  return network_object(
      "default", "gpu" + number + "-macvlan",
      {{kRdma, value}, {kResource, "spidernet.io/shared_cx5_gpu" + number}},
      {{"cniVersion", "1.0.0"}, {"type", "macvlan-rdma"}, {"master", "enp" + number + "s0"}});
}

json spider_object(const std::string& space, const std::string& name, json annotations, json spec) {
  return {{"apiVersion", "spiderpool.spidernet.io/v2beta1"},
          {"kind", "SpiderMultusConfig"},
          {"metadata", metadata(space, name, std::move(annotations))},
          {"spec", std::move(spec)}};
}

json space_object(const std::string& name, json annotations) {
  return {{"apiVersion", "v1"},
          {"kind", "Namespace"},
          {"metadata", metadata("", name, std::move(annotations))}};
}

json container(const std::string& name, json limits) {
  json object{{"name", name}, {"image", "debian:12"}, {"resources", json::object()}};
  if (!limits.is_null()) {
    object["resources"] = {{"limits", limits}, {"requests", std::move(limits)}};
  }
  return object;
}

json plain_pod(json annotations) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", metadata("training", "pod", std::move(annotations))},
          {"spec", {{"containers", {container("main")}}}}};
}

json review_of(const json& pod) {
  const json kind{{"group", ""}, {"version", "v1"}, {"kind", "Pod"}};
  const json resource{{"group", ""}, {"version", "v1"}, {"resource", "pods"}};
  return {{"apiVersion", "admission.k8s.io/v1"},
          {"kind", "AdmissionReview"},
          {"request",
           {{"uid", kUid},
            {"kind", kind},
            {"resource", resource},
            {"requestKind", kind},
            {"requestResource", resource},
            {"name", "pod"},
            {"namespace", "training"},
            {"operation", "CREATE"},
            {"userInfo", {{"username", "system:serviceaccount:kube-system:replicaset-controller"}}},
            {"object", pod},
            {"oldObject", nullptr},
            {"dryRun", false},
            {"options", {{"kind", "CreateOptions"}, {"apiVersion", "meta.k8s.io/v1"}}}}}};
}

std::string from_base64(const std::string& text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned buffer = 0;
  int bits = 0;
  REQUIRE(text.size() % 4 == 0);
  for (const char c : text.substr(0, text.find('='))) {
    const std::size_t digit = kDigits.find(c);
    REQUIRE(digit != std::string_view::npos);
    buffer = buffer << 6U | static_cast<unsigned>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> static_cast<unsigned>(bits) & 0xffU);
    }
  }
  return bytes;
}

std::string Verdict::networks() const {
  const json value = find(pod, json::json_pointer("/metadata/annotations") / kNetworksKey);
  return value.is_null() ? "none" : value.get<std::string>();
}

std::string Verdict::amount(std::size_t container, const std::string& resource) const {
  const json& object = pod.at("spec").at("containers").at(container);
  const auto show = [&](const char* kind) {
    const json amounts = find(object, json::json_pointer("/resources") / kind);
    return amounts.is_object() && amounts.contains(resource)
               ? amounts.at(resource).get<std::string>()
               : std::string("-");
  };
  return show("limits") + "/" + show("requests");
}

std::vector<std::string> Verdict::warnings() const {
  return response.value("warnings", std::vector<std::string>());
}

Rig::Rig() {
  for (const Kind kind : {Kind::network, Kind::space, Kind::spider}) {
    cluster.begin_list(kind);
    if (kind == Kind::space) {
      cluster.put(kind, space_object("training"));
    }
    cluster.end_list(kind);
  }
}

void Rig::add_rails(int count, const std::string& value) {
  for (int n = count; n > 0; --n) {
    put(Kind::network, rail_object(n, value));
  }
}

Verdict Rig::ask(const json& pod) {
  return ask_review(review_of(pod));
}

Verdict Rig::ask_review(const json& review) {
  Verdict verdict{.answer = webhook::answer(settings, cluster, review.dump())};
  verdict.body = json::parse(verdict.answer.body);
  verdict.response = verdict.body.value("response", json());
  if (!verdict.response.is_object()) {
    return verdict;
  }
  CHECK(verdict.response.at("uid") == review.at("request").at("uid"));
  CHECK(verdict.response.contains("patch") == verdict.response.contains("patchType"));
  CHECK(verdict.response.contains("patch") == (verdict.answer.outcome == "patched"));
  verdict.pod = review.at("request").value("object", json());
  if (verdict.response.contains("patch")) {
    CHECK(verdict.response.at("patchType") == "JSONPatch");
    verdict.patch = json::parse(from_base64(verdict.response.at("patch")));
    verdict.pod = verdict.pod.patch(verdict.patch);
  }
  return verdict;
}

}  // namespace mvr::test
