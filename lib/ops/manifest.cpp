// SPDX-License-Identifier: Apache-2.0
#include "ops/manifest.hpp"

#include <algorithm>
#include <functional>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "mvr/cni/version.hpp"
#include "ops/values.hpp"

namespace mvr::ops {
namespace {

using cni::find_value;
using Json = nlohmann::json;

/// Of the byte that a JSON error names.
int line_of_byte(const std::string& text, const std::string& message) {
  constexpr std::string_view kByte = "byte ";
  const std::size_t at = message.find(kByte);
  std::size_t end = at == std::string::npos ? 0 : at + kByte.size();
  const std::size_t begin = end;
  end = std::min(message.find_first_not_of("0123456789", begin), message.size());
  const auto byte = parse_number<std::size_t>(std::string_view(message).substr(begin, end - begin));
  const auto last = static_cast<std::ptrdiff_t>(std::min(byte.value_or(0), text.size()));
  // The byte itself may be a line end.
  return static_cast<int>(
             std::count(text.begin(), text.begin() + std::max<std::ptrdiff_t>(last - 1, 0), '\n')) +
         1;
}

class ManifestReader {
 public:
  explicit ManifestReader(std::vector<Finding>& findings) : findings_(findings) {}

  void read_file(const InputFile& file) {
    Stream stream = read_documents(file.text);
    manifest_.is_empty = !stream.error;
    for (Document& document : stream.documents) {
      manifest_.is_empty = manifest_.is_empty && document.value.is_null();
      report_lines(file, document.repeats);
      Origin origin;
      origin.file = file.name;
      origin.document = std::make_shared<const Document>(std::move(document));
      read_document(origin, file, stream.documents.size());
    }
    if (stream.error) {
      report_lines(file, {*std::move(stream.error)});
    }
    if (manifest_.is_empty) {
      findings_.push_back({Severity::problem, file.name, 0, "", "is empty"});
    }
  }

  Manifest take() { return std::move(manifest_); }

 private:
  /// Errors of the form "line 3: …".
  void report_lines(const InputFile& file, const std::vector<Error>& errors) {
    for (const Error& error : errors) {
      const auto [line, text] = split_line(error.msg);
      findings_.push_back({Severity::problem, file.name, line, "", text});
    }
  }

  void refuse(const Origin& origin, const std::string& text, const std::string& below = "") {
    findings_.push_back(origin.find(Severity::problem, text, below));
  }
  void warn(const Origin& origin, const std::string& text, const std::string& below = "") {
    findings_.push_back(origin.find(Severity::warning, text, below));
  }

  void read_document(const Origin& origin, const InputFile& file, std::size_t documents) {
    const Json& value = origin.document->value;
    if (value.is_null()) {
      return;  // between two "---"
    }
    if (!value.is_object()) {
      refuse(origin, cni::show(value) +
                         ": must be a network configuration, a list of plugins or a " +
                         kNetworkKind);
    } else if (value.contains("kind") || value.contains("apiVersion")) {
      read_kind(origin, value);
    } else {
      check_json(origin, file, documents);
      manifest_.is_bare = find_value(value, "plugins") == nullptr;
      read_configuration(origin, value);
    }
  }

  /// Runtimes read configurations of their own directory as JSON: what is none fails ADD.
  void check_json(const Origin& origin, const InputFile& file, std::size_t documents) {
    const auto parsed = cni::parse_json(file.text);
    if (parsed) {
      return;
    }
    const bool claims = file.text.find_first_not_of(" \t\r\n") == file.text.find('{');
    if (claims && documents == 1) {
      Finding finding = origin.find(Severity::problem, parsed.error().msg);
      finding.line = line_of_byte(file.text, parsed.error().msg);
      findings_.push_back(finding);
    } else {
      refuse(origin, "a runtime reads a file with a configuration as JSON, and this is " +
                         parsed.error().msg);
    }
  }

  void read_kind(const Origin& origin, const Json& value) {
    const std::string kind = text_of(find_value(value, "kind"));
    const bool is_list = kind == "List" || kind == std::string(kNetworkKind) + "List";
    if (is_list) {
      read_items(origin, value);
    } else if (kind == kNetworkKind) {
      read_definition(origin, value);
    } else if (kind == "SpiderMultusConfig") {
      refuse(origin,
             "kind \"SpiderMultusConfig\": is Spiderpool's; \"macvlan-rdma migrate\" makes a " +
                 std::string(kNetworkKind) + " of it",
             "/kind");
    } else {
      read_other(origin, value, kind);
    }
  }

  /// Files for kubectl(1) hold pods and the like as well; a network that is misspelt is none.
  void read_other(const Origin& origin, const Json& value, const std::string& kind) {
    const std::string what = kind.empty() ? "has no kind" : "kind \"" + printable(kind) + '"';
    const bool is_meant = kind.empty() ||
                          to_lower(kind).find("networkattachment") != std::string::npos ||
                          text_of(find_value(value, "apiVersion")).starts_with("k8s.cni.cncf.io/");
    if (is_meant) {
      refuse(origin, what + kExpected, "/kind");
    } else {
      warn(origin, what + ": is no network, passed over", "/kind");
    }
  }

  void read_items(const Origin& origin, const Json& value) {
    const Json* items = find_value(value, "items");
    if (items == nullptr || !items->is_array()) {
      refuse(origin, "items: must be a list", "/items");
      return;
    }
    for (std::size_t i = 0; i < items->size(); ++i) {
      const Origin item = origin.at("/items/" + std::to_string(i));
      if (!(*items)[i].is_object()) {
        refuse(item, "must be a " + std::string(kNetworkKind));
      } else {
        read_kind(item, (*items)[i]);
      }
    }
  }

  void read_definition(Origin origin, const Json& value) {
    const std::string version = text_of(find_value(value, "apiVersion"));
    const Json* metadata = find_value(value, "metadata");
    const std::string name = metadata != nullptr ? text_of(find_value(*metadata, "name")) : "";
    const std::string space =
        metadata != nullptr ? text_of(find_value(*metadata, "namespace")) : "";
    origin.object = name;
    if (version != kNetworkVersion) {
      refuse(origin,
             "apiVersion \"" + printable(version) + "\": must be \"" + kNetworkVersion + '"',
             "/apiVersion");
    }
    if (name.empty()) {
      refuse(origin, "metadata.name: is missing, or no string", "/metadata/name");
    } else {
      manifest_.definitions.push_back({origin, space.empty() ? name : space + '/' + name});
    }
    const Json* spec = find_value(value, "spec");
    const Json* config = spec != nullptr ? find_value(*spec, "config") : nullptr;
    if (config == nullptr || (config->is_string() && text_of(config).empty())) {
      warn(origin,
           "spec.config: is not there, so Multus looks for a file of this name on the node; passed "
           "over");
    } else if (!config->is_string()) {
      refuse(origin,
             "spec.config: must be a string of JSON; write \"config: |\" and the JSON below it",
             "/spec/config");
    } else if (const auto embedded = read_embedded(origin.at("/spec/config"), text_of(config),
                                                   "spec.config", findings_)) {
      read_configuration(embedded->origin, with_name(embedded->value, name));
    }
  }

  /// Multus gives a configuration without a name that of its definition.
  static Json with_name(Json config, const std::string& name) {
    if (config.is_object() && !name.empty() && find_value(config, "name") == nullptr) {
      config["name"] = name;
    }
    return config;
  }

  void read_configuration(Origin origin, const Json& value) {
    if (origin.object.empty()) {
      origin.object = text_of(find_value(value, "name"));
    }
    if (!value.is_object()) {
      refuse(origin, cni::show(value) + ": must be a JSON object");
    } else if (find_value(value, "plugins") != nullptr) {
      read_list(origin, value);
    } else if (is_ours(origin, value)) {
      manifest_.networks.push_back({origin, origin, value});
    }
  }

  bool is_ours(const Origin& origin, const Json& value) {
    const Json* type = find_value(value, "type");
    if (type == nullptr || !type->is_string()) {
      refuse(
          origin,
          std::string("type: is missing, or no string; that of this plugin is \"") + kOurType + '"',
          "/type");
      return false;
    }
    if (text_of(type) != kOurType) {
      warn(origin, "type \"" + printable(text_of(type)) + "\": is another plugin, passed over",
           "/type");
      return false;
    }
    return true;
  }

  /// libcni gives each plugin the list's name and version.
  void read_list(const Origin& list, const Json& value) {
    const Json& plugins = *find_value(value, "plugins");
    if (!plugins.is_array() || plugins.empty()) {
      refuse(list, "plugins: must be a list with at least one plugin", "/plugins");
      return;
    }
    const Json version = choose_version(list, value);
    for (std::size_t i = 0; i < plugins.size(); ++i) {
      const Origin origin = list.at("/plugins/" + std::to_string(i));
      if (!plugins[i].is_object()) {
        refuse(origin, cni::show(plugins[i]) + ": must be the object of a plugin");
      } else if (is_ours(origin, plugins[i])) {
        Json config = plugins[i];
        put(config, "name", value);
        config["cniVersion"] = version;
        manifest_.networks.push_back({origin, list, std::move(config)});
      }
    }
  }

  static void put(Json& config, const char* key, const Json& list) {
    const Json* value = find_value(list, key);
    config.erase(key);
    if (value != nullptr) {
      config[key] = *value;
    }
  }

  /// The newest of `cniVersion` and `cniVersions` that is known here: so does a runtime that knows
  /// the same.
  Json choose_version(const Origin& list, const Json& value) {
    const Json* own = find_value(value, "cniVersion");
    Json best = own != nullptr ? *own : Json();
    const Json* versions = find_value(value, "cniVersions");
    if (versions != nullptr && !versions->is_array()) {
      refuse(list, "cniVersions: must be a list of versions", "/cniVersions");
      return best;
    }
    cni::Version newest;
    for (std::size_t i = 0; versions != nullptr && i < versions->size(); ++i) {
      const std::string below = "/cniVersions/" + std::to_string(i);
      const auto version = cni::Version::parse(text_of(&(*versions)[i]));
      if (!(*versions)[i].is_string() || !version) {
        refuse(list,
               "cniVersions[" + std::to_string(i) + "] " + cni::show((*versions)[i]) +
                   ": must be a version such as \"1.0.0\"",
               below);
      } else if (*version > newest && *version <= cni::kSupportedVersions.back()) {
        newest = *version;
        best = version->to_string();
      }
    }
    return best;
  }

  static constexpr const char* kExpected =
      ": expected NetworkAttachmentDefinition, or a List of them";

  std::vector<Finding>& findings_;
  Manifest manifest_;
};

/// A string that is all in one line, or whose lines cannot be told apart, is all there. A key that
/// is there twice is no error in JSON, and yet no good.
Origin origin_inside(const Origin& string, const Source* source, const std::string& text,
                     std::vector<Finding>& findings) {
  Origin inside{string.file, string.object, nullptr, "", 0, string.line_of()};
  inside.least_line = source != nullptr ? source->line : inside.least_line;
  const bool has_lines = source != nullptr && !source->text.empty();
  Stream stream = read_documents(has_lines ? source->text : text);
  for (const Document& document : stream.documents) {
    for (const Error& repeat : document.repeats) {
      const auto [line, problem] = split_line(repeat.msg);
      findings.push_back(
          inside.find(Severity::problem, problem.substr(0, problem.find(", in line"))));
      findings.back().line += has_lines ? line - 1 : 0;
    }
  }
  if (!stream.error && stream.documents.size() == 1 && has_lines) {
    inside.document = std::make_shared<const Document>(std::move(stream.documents.front()));
    inside.lines_before = source->line - 1;
  }
  return inside;
}

}  // namespace

int Origin::line_of(const std::string& below) const {
  return document == nullptr
             ? least_line
             : std::max(document->place_of(pointer + below).line + lines_before, least_line);
}

Origin Origin::at(const std::string& below) const {
  Origin origin = *this;
  origin.pointer += below;
  return origin;
}

Finding Origin::find(Severity severity, const std::string& text, const std::string& below) const {
  return {severity, file, line_of(below), object, text};
}

std::pair<int, std::string> split_line(const std::string& message) {
  constexpr std::string_view kLine = "line ";
  const std::size_t colon = message.find(": ");
  if (!message.starts_with(kLine) || colon == std::string::npos) {
    return {0, message};
  }
  const auto line =
      parse_number<int>(std::string_view(message).substr(kLine.size(), colon - kLine.size()));
  return {line.value_or(0), message.substr(colon + 2)};
}

std::string explain_none(const std::vector<Finding>& findings) {
  std::string text = "holds no network of this plugin";
  for (const Finding& finding : findings) {
    text += "; " + (finding.line > 0 ? "line " + std::to_string(finding.line) + ": " : "") +
            finding.text;
  }
  return text;
}

std::optional<Embedded> read_embedded(const Origin& string, const std::string& text,
                                      const std::string& key, std::vector<Finding>& findings) {
  const auto found = string.document->sources.find(string.pointer);
  const Source* source = found != string.document->sources.end() ? &found->second : nullptr;
  const Origin origin = origin_inside(string, source, text, findings);
  auto parsed = cni::parse_json(text);
  if (!parsed) {
    Finding finding = origin.find(Severity::problem, key + ": " + parsed.error().msg);
    const auto again = source != nullptr ? cni::parse_json(source->text) : parsed;
    finding.line = origin.least_line;
    if (source != nullptr && !source->text.empty() && !again) {
      finding.line += line_of_byte(source->text, again.error().msg) - 1;
    }
    findings.push_back(finding);
    return std::nullopt;
  }
  return Embedded{*std::move(parsed), origin};
}

Manifest read_manifest(const InputFile& file, std::vector<Finding>& findings) {
  ManifestReader reader(findings);
  reader.read_file(file);
  return reader.take();
}

}  // namespace mvr::ops
