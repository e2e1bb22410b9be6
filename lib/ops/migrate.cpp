// SPDX-License-Identifier: Apache-2.0
// `migrate`: files with chains of other plugins become files with networks of ours.
#include "ops/migrate.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "ops/commands.hpp"
#include "ops/input.hpp"
#include "ops/validate.hpp"
#include "ops/values.hpp"
#include "ops/write.hpp"

namespace mvr::ops {
namespace {

using cni::find_value;
using Json = nlohmann::json;

/// What the API server and kubectl write, and nobody applies.
void strip(Json& object) {
  object.erase("status");
  if (!object.contains("metadata") || !object["metadata"].is_object()) {
    return;
  }
  Json& metadata = object["metadata"];
  for (const char* key : {"uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
                          "managedFields", "ownerReferences"}) {
    metadata.erase(key);
  }
  if (metadata.contains("annotations") && metadata["annotations"].is_object()) {
    metadata["annotations"].erase("kubectl.kubernetes.io/last-applied-configuration");
    if (metadata["annotations"].empty()) {
      metadata.erase("annotations");
    }
  }
}

class FileMigration {
 public:
  explicit FileMigration(const InputFile& file) : file_(file) {}

  Migration run() {
    auto documents = parse_documents(file_.text);
    if (!documents) {
      const auto [line, text] = split_line(documents.error().msg);
      result_.problems.push_back({Severity::problem, file_.name, line, "", text});
      return std::move(result_);
    }
    is_json_ =
        documents->size() == 1 && file_.text.find_first_not_of(" \t\r\n") == file_.text.find('{');
    for (Document& document : *documents) {
      Origin origin;
      origin.file = file_.name;
      origin.document = std::make_shared<const Document>(std::move(document));
      if (!origin.document->value.is_null()) {
        put(read(origin, origin.document->value));
      }
    }
    if (result_.text.empty()) {
      result_.problems.push_back({Severity::problem, file_.name, 0, "", "is empty"});
    }
    for (auto* findings : {&result_.problems, &result_.changes, &result_.losses, &result_.same}) {
      put_in_order(*findings);
    }
    return std::move(result_);
  }

 private:
  void put(const Json& value) {
    result_.text += result_.text.empty() ? "" : "---\n";
    result_.text += is_json_ ? write_json(value) : write_yaml(value);
  }

  void refuse(const Origin& origin, const std::string& text) {
    result_.problems.push_back(origin.find(Severity::problem, text));
  }

  void take_notes(const Origin& origin, const std::vector<Note>& notes) {
    for (const Note& note : notes) {
      (note.is_lost   ? result_.losses
       : note.is_same ? result_.same
                      : result_.changes)
          .push_back(origin.find(Severity::warning, note.text, note.pointer));
    }
  }

  /// What takes the value's place; itself if it cannot be migrated.
  Json read(const Origin& origin, const Json& value) {
    if (!value.is_object()) {
      refuse(origin, cni::show(value) + ": is no network");
      return value;
    }
    if (!value.contains("kind") && !value.contains("apiVersion")) {
      return read_configuration(origin, value);
    }
    const std::string kind = text_of(find_value(value, "kind"));
    if (const Json* items = find_value(value, "items"); items != nullptr && items->is_array()) {
      return read_items(origin, *items);
    }
    if (kind == "SpiderMultusConfig") {
      return read_spider(origin, value);
    }
    if (kind == kNetworkKind) {
      return read_definition(origin, value);
    }
    result_.same.push_back(
        origin.find(Severity::warning, "kind \"" + printable(kind) + "\" is no network", "/kind"));
    return value;
  }

  /// The kind may be that of the items.
  Json read_items(const Origin& origin, const Json& items) {
    Json list{{"apiVersion", "v1"}, {"kind", "List"}, {"items", Json::array()}};
    for (std::size_t i = 0; i < items.size(); ++i) {
      list["items"].push_back(read(origin.at("/items/" + std::to_string(i)), items[i]));
    }
    return list;
  }

  /// In a file that a runtime reads a list stays a list.
  Json read_configuration(Origin origin, const Json& value) {
    origin.object = text_of(find_value(value, "name"));
    auto migrated = migrate_chain(value, file_.name);
    if (!migrated) {
      refuse(origin, migrated.error().msg);
      return value;
    }
    take_notes(origin, migrated->notes);
    Json result = std::move(migrated->value);
    if (value.contains("plugins") && !result.contains("plugins")) {
      Json list = value;
      list["cniVersion"] = result["cniVersion"];
      list["name"] = result["name"];
      result.erase("cniVersion");
      result.erase("name");
      list["plugins"] = Json::array({result});
      result = std::move(list);
    }
    check(origin, write_json(result));
    return result;
  }

  Json read_definition(Origin origin, const Json& value) {
    origin.object =
        value.contains("metadata") ? text_of(find_value(value["metadata"], "name")) : "";
    const Json* spec = find_value(value, "spec");
    const Json* config = spec != nullptr ? find_value(*spec, "config") : nullptr;
    if (config == nullptr || !config->is_string()) {
      refuse(origin, "spec.config: is no string of JSON; stays as it is");
      return value;
    }
    const auto embedded =
        read_embedded(origin.at("/spec/config"), text_of(config), "spec.config", result_.problems);
    return embedded ? finish(origin, value, embedded->value, embedded->origin) : value;
  }

  Json read_spider(Origin origin, const Json& value) {
    origin.object =
        value.contains("metadata") ? text_of(find_value(value["metadata"], "name")) : "";
    Json stripped = value;
    strip(stripped);
    auto expanded = expand_spider(stripped);
    if (!expanded) {
      refuse(origin, expanded.error().msg);
      return value;
    }
    take_notes(origin, expanded->notes);
    const Json chain = expanded->value["spec"]["config"];
    return finish(origin, expanded->value, chain, std::nullopt);
  }

  /// The notes of a chain that has been made of a SpiderMultusConfig, with the places there.
  static std::vector<Note> place_in_spider(std::vector<Note> notes, const Json& chain) {
    constexpr std::string_view kPlugins = "/plugins/";
    for (Note& note : notes) {
      const std::size_t end = note.pointer.find('/', kPlugins.size());
      const bool is_of_plugin = note.pointer.starts_with(kPlugins);
      const Json::json_pointer plugin(is_of_plugin ? note.pointer.substr(0, end) : "");
      const std::string type = text_of(find_value(chain.at(plugin), "type"));
      const std::string rest = end != std::string::npos ? note.pointer.substr(end) : "";
      const bool is_macvlan = type == "macvlan" || type == "ifacer";
      note.pointer = !is_of_plugin           ? ""
                     : type == "coordinator" ? "/spec/coordinator" + rest
                     : is_macvlan            ? "/spec/macvlan" + rest
                                             : "/spec/chainCNIJsonData";
    }
    return notes;
  }

  /// \param inside the origin of the chain; nothing: it is made of the definition
  Json finish(const Origin& origin, Json definition, const Json& chain,
              const std::optional<Origin>& inside) {
    const std::string name =
        definition.contains("metadata") ? text_of(find_value(definition["metadata"], "name")) : "";
    auto migrated = migrate_chain(chain, name);
    if (!migrated) {
      refuse(origin, migrated.error().msg);
      return definition;
    }
    if (inside) {
      take_notes(*inside, migrated->notes);
    } else {
      take_notes(origin, place_in_spider(std::move(migrated->notes), chain));
    }
    strip(definition);
    definition["spec"]["config"] = write_json(migrated->value);
    check(origin, write_yaml(definition));
    return definition;
  }

  /// The result is judged as `validate` does. Lines would be those of a file that is not yet there.
  void check(const Origin& origin, const std::string& text) {
    const Report report = validate({{file_.name, text}}, std::nullopt);
    for (const Finding& finding : report.findings) {
      if (finding.severity == Severity::problem) {
        refuse(origin, "in the result: " + finding.text);
      }
    }
  }

  const InputFile& file_;
  bool is_json_ = false;
  Migration result_;
};

std::string to_lines(const std::vector<Finding>& findings, const std::string& kind) {
  Report report;
  report.findings = findings;
  for (Finding& finding : report.findings) {
    finding.severity = Severity::problem;
    finding.text = kind + finding.text;
  }
  const std::string text = to_text(report, Painter(false));
  return text.substr(0, text.rfind('\n', text.size() - 2) + 1);
}

void append(std::vector<Finding>& all, std::vector<Finding>& more) {
  std::ranges::move(more, std::back_inserter(all));
}

int run(const Arguments& arguments) {
  Migration all;
  for (const std::string& name : arguments.operands) {
    const std::string shown = name == "-" ? "standard input" : name;
    auto text = read_input(name);
    if (!text) {
      all.problems.push_back({Severity::problem, shown, 0, "", without_name(text.error())});
      continue;
    }
    Migration one = migrate_file({shown, *std::move(text)});
    // JSON stands beside JSON, and beside YAML behind a line that begins a document.
    const bool is_json = one.text.starts_with('{') && all.text.starts_with('{');
    all.text += all.text.empty() || one.text.empty() || is_json ? "" : "---\n";
    all.text += one.text;
    append(all.problems, one.problems);
    append(all.changes, one.changes);
    append(all.losses, one.losses);
    append(all.same, one.same);
  }
  const bool is_printed = print_out(all.text);
  print_err(to_lines(all.same, "as it is: ") + to_lines(all.changes, "changed: ") +
            to_lines(all.losses, "not carried: ") + to_lines(all.problems, "problem: ") +
            count_of(all.changes.size(), "change") + ", " + std::to_string(all.losses.size()) +
            " not carried, " + count_of(all.problems.size(), "problem") + '\n');
  return is_printed && all.problems.empty() ? kDone : kFailed;
}

}  // namespace

Migration migrate_file(const InputFile& file) {
  return FileMigration(file).run();
}

constexpr Command kMigrate{
    .name = "migrate",
    .operands = "FILE…",
    .least_operands = 1,
    .most_operands = std::numeric_limits<std::size_t>::max(),
    .summary = "make networks of ours from chains of other plugins",
    .description =
        "Makes a network of ours from each chain of macvlan, rdma, sbr, tuning and Spiderpool's\n"
        "coordinator, in NetworkAttachmentDefinitions, lists of plugins and SpiderMultusConfigs. "
        "Prints\n"
        "the files as they are then, and to standard error what has changed and what cannot be "
        "carried.\n",
    .notes =
        "Changes no file. - is standard input. Comments in YAML are not kept.\n"
        "Exit status: 0; 1 if something stays as it is, or the result would be refused by\n"
        "\"validate\"; 2 for a wrong command line.\n",
    .run = run};

}  // namespace mvr::ops
