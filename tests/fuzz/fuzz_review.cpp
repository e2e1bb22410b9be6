// SPDX-License-Identifier: Apache-2.0
// Reviews of whoever reaches the webhook's port, and the objects that a cluster's users write.
#include <string>

#include <nlohmann/json.hpp>

#include "fuzz.hpp"
#include "webhook/annotations.hpp"
#include "webhook/answer.hpp"
#include "webhook/cluster.hpp"
#include "webhook/networks.hpp"
#include "webhook/settings.hpp"

using mvr::fuzz::require;
using nlohmann::json;
namespace webhook = mvr::webhook;

namespace {

json definition(const std::string& name, const std::string& master) {
  return {{"metadata",
           {{"namespace", "default"},
            {"name", name},
            {"annotations",
             {{std::string(webhook::kRdmaKey), "a"},
              {std::string(webhook::kNetworkKey), "b"},
              {std::string(webhook::kResourceName), "x/" + name}}}}},
          {"spec", {{"config", json{{"master", master}}.dump()}}}};
}

void fill(webhook::Cluster& cluster) {
  for (const auto kind : {webhook::Kind::network, webhook::Kind::space, webhook::Kind::spider}) {
    cluster.begin_list(kind);
    cluster.end_list(kind);
  }
  cluster.put(webhook::Kind::network, definition("r1", "e2"));
  cluster.put(webhook::Kind::network, definition("r2", "e10"));
  cluster.put(
      webhook::Kind::space,
      {{"metadata", {{"name", "s"}, {"annotations", {{std::string(webhook::kRdmaKey), "a"}}}}}});
}

std::string decode(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned buffer = 0;
  unsigned bits = 0;
  for (const char c : text.substr(0, text.find('='))) {
    require(digits.find(c) != std::string::npos);
    buffer = buffer << 6U | static_cast<unsigned>(digits.find(c));
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits & 0xffU);
    }
  }
  return bytes;
}

/// The patch can be applied, and after it there is nothing left to do.
void check_patch(const webhook::Settings& settings, const webhook::Cluster& cluster, json review,
                 const json& response) {
  const json patch = json::parse(decode(response.at("patch")));
  json& pod = review["request"]["object"];
  pod = pod.patch(patch);
  const webhook::Answer again = answer(settings, cluster, review.dump());
  require(again.status == 200 && again.outcome == "untouched");
}

void check_answer(const webhook::Settings& settings, const webhook::Cluster& cluster,
                  std::string_view text) {
  const webhook::Answer one = answer(settings, cluster, text);
  const json body = json::parse(one.body);
  require(!one.outcome.empty() && one.message.find('\n') == std::string::npos);
  require(one.message.size() <= 2048);
  if (one.status != 200) {
    require(one.status == 400 && body.at("kind") == "Status");
    return;
  }
  const json& response = body.at("response");
  const json review = json::parse(text);
  require(response.at("uid") == review.at("request").at("uid"));
  require(response.at("allowed").get<bool>() != response.contains("status"));
  if (response.contains("patch")) {
    check_patch(settings, cluster, review, response);
  }
}

/// The input as an object of each collection.
void check_events(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (object.is_discarded()) {
    return;
  }
  webhook::Cluster cluster;
  for (const auto kind : {webhook::Kind::network, webhook::Kind::space, webhook::Kind::spider}) {
    cluster.put(kind, object);
    cluster.put(kind, object);
    cluster.remove(kind, object);
  }
}

/// The input as an annotation: what is appended is read again as what it was.
void check_networks(std::string_view text) {
  const auto list = webhook::parse_networks(text, "s");
  if (!list) {
    return;
  }
  const auto longer = webhook::parse_networks(
      webhook::append_networks(*list, {{"default", "r.1"}, {"default", "r2"}}), "s");
  require(longer && longer->entries.size() == list->entries.size() + 2);
  require(longer->has("default/r.1") && longer->has("default/r2"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = mvr::fuzz::text_of(data, size);
  webhook::Settings settings;
  settings.on_conflict = static_cast<webhook::OnConflict>(size % 3);
  webhook::Cluster cluster;
  fill(cluster);
  check_answer(settings, cluster, text);
  check_events(text);
  check_networks(text);
  return 0;
}
