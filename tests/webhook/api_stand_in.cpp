// SPDX-License-Identifier: Apache-2.0
#include "webhook/api_stand_in.hpp"

#include "support/catch.hpp"

namespace mvr::test {
namespace {

using namespace std::chrono_literals;

Command start(const Authority& authority, const std::string& port_file, bool is_tls) {
  Command command{.argv = {"/usr/bin/python3", "-B",
                           MVR_SOURCE_DIR "/tests/webhook/tools/api_server.py", port_file}};
  if (is_tls) {
    const auto files = authority.issue("server");
    command.argv.insert(command.argv.end(), {files.certificate, files.key});
  }
  return command;
}

std::string name_of(const json& object) {
  return object.at("metadata").at("name");
}

std::string value_of(const json& object) {
  const auto annotations = object.at("metadata").value("annotations", json::object());
  return annotations.value("value", "");
}

}  // namespace

ApiStandIn::ApiStandIn(bool is_tls)
    : is_tls_(is_tls), process_(start(authority, dir_.file("port"), is_tls)) {
  REQUIRE(eventually([&] { return std::filesystem::exists(dir_.file("port")); }, 20s));
  port_ = read_text(dir_.file("port"));
}

Output ApiStandIn::curl(const std::string& path, std::vector<std::string> arguments) const {
  std::vector<std::string> argv = {"curl",   "--silent", "--show-error",
                                   "--fail", "--cacert", authority.certificate()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.push_back((is_tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + port_ + path);
  Output output = run({.argv = std::move(argv)});
  INFO(output.err);
  REQUIRE(output.status == 0);
  return output;
}

void ApiStandIn::control(const json& wanted) const {
  static_cast<void>(curl("/control", {"--data-binary", wanted.dump()}));
}

void ApiStandIn::put(const std::string& name, const json& annotations,
                     const std::string& path) const {
  const json metadata = {{"namespace", "default"}, {"name", name}, {"annotations", annotations}};
  control(
      {{"put", {{{"path", path}, {"object", {{"metadata", metadata}, {"spec", {{"a", 1}}}}}}}}});
}

void ApiStandIn::remove(const std::string& name) const {
  control({{"delete", {{{"path", kPath}, {"namespace", "default"}, {"name", name}}}}});
}

std::vector<json> ApiStandIn::requests(bool is_watch) const {
  std::vector<json> requests;
  for (const json& request : json::parse(curl("/log", {}).out)) {
    if (request["query"].contains("watch") == is_watch) {
      requests.push_back(request);
    }
  }
  return requests;
}

webhook::ApiServer ApiStandIn::server() const {
  return {.address = "127.0.0.1",
          .port = static_cast<std::uint16_t>(std::stoi(port_)),
          .is_tls = is_tls_,
          .name = {},
          .ca_file = authority.certificate(),
          .token_file = {}};
}

webhook::ReflectorSettings Copy::quick() {
  webhook::ReflectorSettings settings;
  settings.first_wait = 10ms;
  settings.most_wait = 100ms;
  settings.absent_wait = 100ms;
  return settings;
}

Copy::Copy(const webhook::ApiServer& server, webhook::Collection collection,
           const webhook::ReflectorSettings& settings)
    : reflector_(server, std::move(collection), settings, sink(), log_, metrics) {
  log_.divert([this](LogLevel, std::string_view text) {
    const std::lock_guard lock(mutex_);
    log_text_.append(text).append("\n");
  });
  thread_ = std::jthread([this](const std::stop_token& stop) { reflector_.run(stop); });
}

Copy::~Copy() {
  thread_.request_stop();
  thread_.join();
}

webhook::Sink Copy::sink() {
  return {.begin_list =
              [this] {
                const std::lock_guard lock(mutex_);
                coming_.clear();
                is_listing_ = true;
              },
          .put =
              [this](const json& object) {
                const std::lock_guard lock(mutex_);
                (is_listing_ ? coming_ : objects_)[name_of(object)] = value_of(object);
              },
          .remove =
              [this](const json& object) {
                const std::lock_guard lock(mutex_);
                objects_.erase(name_of(object));
              },
          .end_list =
              [this] {
                const std::lock_guard lock(mutex_);
                objects_ = std::move(coming_);
                is_listing_ = false;
                ++lists_;
              }};
}

std::map<std::string, std::string> Copy::objects() const {
  const std::lock_guard lock(mutex_);
  return objects_;
}

bool Copy::comes_to_hold(const std::vector<std::string>& names) const {
  return eventually(
      [&] {
        const auto held = objects();
        return metrics.is_synced && held.size() == names.size() &&
               std::ranges::all_of(names, [&](const auto& name) { return held.contains(name); });
      },
      5s);
}

std::uint64_t Copy::restarts(const std::string& reason) const {
  const auto values = metrics.restarts.values();
  const auto found = values.find(reason);
  return found != values.end() ? found->second : 0;
}

int Copy::lists() const {
  const std::lock_guard lock(mutex_);
  return lists_;
}

std::string Copy::logged() const {
  const std::lock_guard lock(mutex_);
  return log_text_;
}

}  // namespace mvr::test
