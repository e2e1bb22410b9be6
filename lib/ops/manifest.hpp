// SPDX-License-Identifier: Apache-2.0
/// \file
/// The networks in files: a configuration, a list of plugins, NetworkAttachmentDefinitions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ops/document.hpp"
#include "ops/findings.hpp"

namespace mvr::ops {

/// The type of our plugin in a configuration.
inline constexpr const char* kOurType = "macvlan-rdma";

inline constexpr const char* kNetworkKind = "NetworkAttachmentDefinition";
inline constexpr const char* kNetworkVersion = "k8s.cni.cncf.io/v1";

struct InputFile {
  std::string name;
  std::string text;
};

/// Where something stands: a value of a document, or a text inside a document's string.
struct Origin {
  std::string file;
  std::string object;                        ///< the network's name; may be empty
  std::shared_ptr<const Document> document;  ///< may be null
  std::string pointer;                       ///< of the value in the document
  int lines_before = 0;                      ///< of the document's first line in the file
  int least_line = 0;                        ///< where nothing more is known

  /// Of a value below this one. \param below a JSON pointer, "" for this one
  [[nodiscard]] int line_of(const std::string& below = "") const;

  /// The origin of a value below.
  [[nodiscard]] Origin at(const std::string& below) const;

  [[nodiscard]] Finding find(Severity severity, const std::string& text,
                             const std::string& below = "") const;
};

/// What a plugin of ours would be called with.
struct Network {
  Origin origin;          ///< of the plugin's object
  Origin list;            ///< of the list that gives it name and version, else as `origin`
  nlohmann::json config;  ///< with the list's name and cniVersion
};

/// A NetworkAttachmentDefinition.
struct Definition {
  Origin origin;
  std::string name;  ///< "namespace/name", or "name" without a namespace
};

struct Manifest {
  std::vector<Network> networks;
  std::vector<Definition> definitions;
  bool is_empty = false;  ///< there is no document
  bool is_bare = false;   ///< there is a configuration by itself, which ADD gets as it is
};

/// All that is in a file. What cannot be read, or is something else, becomes a finding.
Manifest read_manifest(const InputFile& file, std::vector<Finding>& findings);

/// For who needs one: "holds no network of this plugin; line 2: …". \param findings of the file
std::string explain_none(const std::vector<Finding>& findings);

/// The value of a string of JSON, as `spec.config` of a NetworkAttachmentDefinition is one, and the
/// origin of that value.
struct Embedded {
  nlohmann::json value;
  Origin origin;
};

/// Nothing and a finding, with `key` in it, if the text is no JSON. \param string its origin
std::optional<Embedded> read_embedded(const Origin& string, const std::string& text,
                                      const std::string& key, std::vector<Finding>& findings);

/// The part of an error "line 3: text" behind the line, and the line.
std::pair<int, std::string> split_line(const std::string& message);

}  // namespace mvr::ops
