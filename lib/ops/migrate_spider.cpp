// SPDX-License-Identifier: Apache-2.0
// What Spiderpool makes of a SpiderMultusConfig.
#include <algorithm>
#include <array>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "ops/migrate.hpp"
#include "ops/values.hpp"

namespace mvr::ops {
namespace {

using cni::find_value;
using Json = nlohmann::json;

constexpr const char* kNameAnnotation = "multus.spidernet.io/cr-name";
constexpr const char* kVersionAnnotation = "multus.spidernet.io/cni-version";
constexpr const char* kResourceAnnotation = "k8s.v1.cni.cncf.io/resourceName";

Json value_of(const Json& object, const char* key) {
  const Json* value = find_value(object, key);
  return value != nullptr ? *value : Json();
}

/// Moves an annotation out of the metadata.
std::string take_annotation(Json& metadata, const char* key) {
  std::string text;
  if (metadata.contains("annotations") && metadata["annotations"].is_object()) {
    text = text_of(find_value(metadata["annotations"], key));
    metadata["annotations"].erase(key);
    if (metadata["annotations"].empty()) {
      metadata.erase("annotations");
    }
  }
  return text;
}

class Spider {
 public:
  Result<Migrated> run(const Json& config) {
    const Json spec = value_of(config, "spec");
    const std::string type = text_of(find_value(spec, "cniType"));
    if (type != "macvlan" && type != "custom") {
      return fail(Code::bad_config,
                  "spec.cniType \"" + printable(type) + "\": only macvlan can become macvlan-rdma");
    }
    metadata_ = value_of(config, "metadata");
    metadata_ = metadata_.is_object() ? metadata_ : Json::object();
    const std::string name = take_annotation(metadata_, kNameAnnotation);
    const std::string version = take_annotation(metadata_, kVersionAnnotation);
    if (!name.empty()) {
      metadata_["name"] = name;
    }
    changed(
        "this takes the place of the SpiderMultusConfig: delete that one first, for Spiderpool "
        "would overwrite this",
        "/kind");
    const Json chain = type == "custom" ? MVR_TRY(read_custom(spec)) : make_chain(spec, version);
    return Migrated{Json{{"apiVersion", kNetworkVersion},
                         {"kind", kNetworkKind},
                         {"metadata", metadata_},
                         {"spec", {{"config", chain}}}},
                    std::move(notes_)};
  }

 private:
  void changed(const std::string& text, const std::string& pointer) {
    notes_.push_back({false, text, pointer});
  }
  void lost(const std::string& text, const std::string& pointer) {
    notes_.push_back({true, text, pointer});
  }

  static Result<Json> read_custom(const Json& spec) {
    auto read = cni::parse_object(text_of(find_value(spec, "customCNI")));
    return read ? std::move(read)
                : fail(std::move(read).error().in("spec.customCNI").as(Code::bad_config));
  }

  Json make_chain(const Json& spec, const std::string& version) {
    const Json macvlan = value_of(spec, "macvlan");
    Json plugins = Json::array();
    append_ifacer(macvlan, plugins);
    append_macvlan(spec, macvlan, plugins);
    append_coordinator(spec, plugins);
    append_others(spec, plugins);
    report_rest("spec", spec,
                {"cniType", "macvlan", "enableCoordinator", "coordinator", "disableIPAM",
                 "chainCNIJsonData"});
    report_rest("spec.macvlan", macvlan,
                {"master", "vlanID", "bond", "mtu", "ippools", "spiderpoolConfigPools",
                 "rdmaResourceName", "enableRdma"});
    constexpr const char* kDefaultVersion = "0.3.1";
    return {{"cniVersion", version.empty() ? kDefaultVersion : version},
            {"name", text_of(find_value(metadata_, "name"))},
            {"plugins", plugins}};
  }

  static void append_ifacer(const Json& macvlan, Json& plugins) {
    Json ifacer{{"type", "ifacer"}, {"interfaces", value_of(macvlan, "master")}};
    bool is_needed = false;
    for (const char* key : {"vlanID", "bond"}) {
      const Json value = value_of(macvlan, key);
      if (!value.is_null() && value != 0) {
        ifacer[key] = value;
        is_needed = true;
      }
    }
    if (is_needed) {
      plugins.push_back(ifacer);
    }
  }

  void append_macvlan(const Json& spec, const Json& macvlan, Json& plugins) {
    Json plugin{{"type", "macvlan"}};
    const Json masters = value_of(macvlan, "master");
    if (masters.is_array() && !masters.empty()) {
      plugin["master"] = masters.front();
    }
    if (value_of(spec, "disableIPAM") != true) {
      plugin["ipam"] = make_ipam(macvlan);
    }
    plugins.push_back(plugin);
    if (const Json mtu = value_of(macvlan, "mtu"); !mtu.is_null() && mtu != 0) {
      plugins.push_back({{"type", "tuning"}, {"mtu", mtu}});
    }
    const std::string resource = text_of(find_value(macvlan, "rdmaResourceName"));
    if (!resource.empty()) {
      Json& annotations = metadata_["annotations"];
      annotations = annotations.is_object() ? annotations : Json::object();
      annotations[kResourceAnnotation] = resource;
      changed("spec.macvlan.rdmaResourceName is the annotation " + std::string(kResourceAnnotation),
              "/spec/macvlan/rdmaResourceName");
    }
  }

  static Json make_ipam(const Json& macvlan) {
    Json ipam{{"type", "spiderpool"}};
    Json pools = value_of(macvlan, "ippools");
    pools = pools.is_null() ? value_of(macvlan, "spiderpoolConfigPools") : pools;
    for (const auto& [theirs, ours] : {std::pair("ipv4", "default_ipv4_ippool"),
                                       {"ipv6", "default_ipv6_ippool"},
                                       {"matchMasterSubnet", "match_master_subnet"}}) {
      if (Json value = value_of(pools, theirs); !value.is_null()) {
        ipam[ours] = std::move(value);
      }
    }
    return ipam;
  }

  static void append_coordinator(const Json& spec, Json& plugins) {
    Json coordinator{{"type", "coordinator"}};
    if (value_of(spec, "enableCoordinator") == false) {
      coordinator["mode"] = "disabled";
    } else if (const Json wanted = value_of(spec, "coordinator"); wanted.is_object()) {
      coordinator.update(wanted);
    }
    plugins.push_back(coordinator);
  }

  void append_others(const Json& spec, Json& plugins) {
    const Json texts = value_of(spec, "chainCNIJsonData");
    for (std::size_t i = 0; texts.is_array() && i < texts.size(); ++i) {
      auto read = cni::parse_object(text_of(&texts[i]));
      if (read) {
        plugins.push_back(*std::move(read));
      } else {
        lost("spec.chainCNIJsonData[" + std::to_string(i) + "]: " + read.error().msg,
             "/spec/chainCNIJsonData/" + std::to_string(i));
      }
    }
  }

  void report_rest(const std::string& place, const Json& object,
                   std::initializer_list<std::string_view> known) {
    const std::string pointer = place == "spec" ? "/spec" : "/spec/macvlan";
    for (auto it = object.begin(); object.is_object() && it != object.end(); ++it) {
      if (std::ranges::find(known, it.key()) == known.end()) {
        lost(
            place + '.' + printable(it.key()) + ' ' + cni::show(it.value()) + ": is not known here",
            pointer + '/' + escape_key(it.key()));
      }
    }
  }

  Json metadata_;
  std::vector<Note> notes_;
};

}  // namespace

Result<Migrated> expand_spider(const Json& config) {
  return Spider().run(config);
}

}  // namespace mvr::ops
