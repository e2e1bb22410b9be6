// SPDX-License-Identifier: Apache-2.0
#include "webhook/definition.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include <nlohmann/json.hpp>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "webhook/annotations.hpp"
#include "webhook/natural.hpp"

namespace mvr::webhook {
namespace {

/// More of a master's name than any netdev, PCI address or list of a few of them has.
constexpr std::size_t kLongestMaster = 256;

bool is_hex(std::string_view text, std::size_t length) {
  return text.size() == length && parse_number<std::uint32_t>(text, 16).has_value();
}

/// PCI addresses are hexadecimal; in decimal, natural order is theirs: "0000:1a:00.0" is
/// "0:26:0.0". Any other text stays.
std::string sort_key(std::string_view master) {
  const std::vector<std::string_view> parts = split(master, ':');
  if (parts.size() != 3 || !is_hex(parts[0], 4) || !is_hex(parts[1], 2) || parts[2].size() != 4 ||
      parts[2][2] != '.' || !is_hex(parts[2].substr(0, 2), 2)) {
    return std::string(master);
  }
  const auto decimal = [](std::string_view hex) {
    return std::to_string(*parse_number<std::uint32_t>(hex, 16));
  };
  return decimal(parts[0]) + ':' + decimal(parts[1]) + ':' + decimal(parts[2].substr(0, 2)) +
         std::string(parts[2].substr(2));
}

/// Of a list, all names: nodes may differ in which of them they have.
std::string master_of(const Json* value) {
  std::string key;
  if (const std::string* name = cni::as_string(value)) {
    key = sort_key(*name);
  } else if (value != nullptr && value->is_array()) {
    for (const Json& item : *value) {
      const std::string* one = cni::as_string(&item);
      key += one == nullptr ? "" : (key.empty() ? "" : " ") + sort_key(*one);
    }
  }
  key.resize(std::min(key.size(), kLongestMaster));
  return key;
}

/// The master of a CNI configuration, or of the first plugin in it that has one. Its keys are read
/// as plugins read them: in any case.
std::string master_in(const Json& config) {
  std::string master = master_of(cni::find_value(config, "master"));
  const Json* plugins = cni::find_value(config, "plugins");
  if (plugins != nullptr && plugins->is_array()) {
    for (const Json& plugin : *plugins) {
      master = master.empty() ? master_of(cni::find_value(plugin, "master")) : master;
    }
  }
  return master;
}

bool is_name(std::string_view text, std::size_t limit) {
  return !text.empty() && text.size() <= limit && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

/// Extended resources have a domain in front. Of what has none, "cpu" and "memory", a pod would get
/// one byte. \source Kubernetes, "Extended resources"; apimachinery `IsQualifiedName`
bool is_extended_resource(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_name(text.substr(0, slash), 253) &&
         is_name(text.substr(slash + 1), 63) && !text.substr(0, slash).ends_with("kubernetes.io");
}

void add_flaw(Definition& definition, const std::string& text) {
  definition.flaw += (definition.flaw.empty() ? "" : "; ") + text;
}

void set_resource(Definition& definition, std::string_view text) {
  if (text.empty() || is_extended_resource(text)) {
    definition.resource = text;
  } else {
    add_flaw(definition, "its resource name \"" + printable(text, 80) + "\" is none");
  }
}

void set_config(Definition& definition, const Json* config) {
  const std::string* text = cni::as_string(config);
  if (config == nullptr || (text != nullptr && text->empty())) {
    return;  // Multus then takes a file of that name on the node
  }
  const auto parsed =
      text == nullptr ? Result<Json>(fail(Code::decode, "not a string")) : cni::parse_object(*text);
  if (parsed) {
    definition.master = master_in(*parsed);
  } else {
    add_flaw(definition, "its configuration is broken: " + printable(parsed.error().msg, 100));
  }
}

void set_rail_order(Definition& definition, std::string_view text) {
  if (!text.empty()) {
    definition.rail_order = parse_number<std::int64_t>(text);
    if (!definition.rail_order) {
      add_flaw(definition, "its rail-order \"" + printable(text, 40) + "\" is no number");
    }
  }
}

std::optional<Definition> read_metadata(const Json& object) {
  const Json* metadata = find_member(&object, "metadata");
  const Json* annotations = annotations_of(object);
  Definition definition{std::string(text_of(metadata, "namespace")),
                        std::string(text_of(metadata, "name"))};
  if (definition.space.empty() || definition.name.empty()) {
    return std::nullopt;
  }
  definition.rdma = text_of(annotations, kRdmaKey);
  definition.network = text_of(annotations, kNetworkKey);
  set_rail_order(definition, text_of(annotations, kRailOrder));
  return definition;
}

/// The part of a SpiderMultusConfig that its type speaks of.
const Json* section_of(const Json* spec) {
  const std::string_view type = text_of(spec, "cniType");
  return find_member(spec, type == "ib-sriov" ? "ibsriov" : type);
}

/// Several masters are the members of a bond, if there is one: that is the NIC's master then.
std::string spider_master(const Json* section) {
  const Json* masters = find_member(section, "master");
  const std::string_view bond = text_of(find_member(section, "bond"), "name");
  const bool is_bond = masters != nullptr && masters->is_array() && masters->size() > 1;
  return is_bond && !bond.empty() ? sort_key(bond) : master_of(masters);
}

/// macvlan, ipvlan and vlan have the first key; sriov and ib-sriov the second, for their VFs.
std::string_view spider_resource(const Json* section, const Json* annotations) {
  for (const char* key : {"rdmaResourceName", "resourceName"}) {
    if (const std::string_view resource = text_of(section, key); !resource.empty()) {
      return resource;
    }
  }
  return text_of(annotations, kResourceName);
}

template <typename Text>
const Text& first_of(const Text& first, const Text& second) {
  return first == Text() ? second : first;
}

}  // namespace

bool comes_before(const Definition& left, const Definition& right) {
  if (left.rail_order != right.rail_order) {
    // nullopt is less than any number
    return left.rail_order && (!right.rail_order || *left.rail_order < *right.rail_order);
  }
  if (left.master.empty() != right.master.empty()) {
    return right.master.empty();
  }
  for (const auto member : {&Definition::master, &Definition::name, &Definition::space}) {
    if (const auto order = natural_compare(left.*member, right.*member); order != 0) {
      return order < 0;
    }
  }
  return false;
}

std::optional<Definition> read_network(const Json& object) {
  std::optional<Definition> definition = read_metadata(object);
  if (definition) {
    set_resource(*definition, text_of(annotations_of(object), kResourceName));
    set_config(*definition, find_member(find_member(&object, "spec"), "config"));
  }
  return definition;
}

std::optional<Definition> read_spider(const Json& object) {
  std::optional<Definition> definition = read_metadata(object);
  if (!definition) {
    return std::nullopt;
  }
  const Json* annotations = annotations_of(object);
  const Json* spec = find_member(&object, "spec");
  const Json* section = section_of(spec);
  if (const std::string_view other = text_of(annotations, kSpiderNetwork); !other.empty()) {
    definition->name = other;
  }
  set_resource(*definition, spider_resource(section, annotations));
  if (text_of(spec, "cniType") == "custom") {
    set_config(*definition, find_member(spec, "customCNI"));
  } else {
    definition->master = spider_master(section);
  }
  return definition;
}

DefinitionPtr unite(const DefinitionPtr& network, const DefinitionPtr& spider) {
  if (network == nullptr || spider == nullptr) {
    return network == nullptr ? spider : network;
  }
  Definition both = *network;
  both.rdma = first_of(network->rdma, spider->rdma);
  both.network = first_of(network->network, spider->network);
  both.resource = first_of(network->resource, spider->resource);
  both.master = first_of(network->master, spider->master);
  both.rail_order = first_of(network->rail_order, spider->rail_order);
  both.flaw = first_of(network->flaw, spider->flaw);
  return both == *network ? network : std::make_shared<const Definition>(std::move(both));
}

}  // namespace mvr::webhook
