// SPDX-License-Identifier: Apache-2.0
#include "webhook/options.hpp"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"

namespace mvr::webhook {
namespace {

constexpr std::string_view kName = "macvlan-rdma-webhook";
constexpr int kUsage = 2;
constexpr std::size_t kMaxName = 4096;

/// The command line as it is written; Options is what it means.
struct Words {
  std::string listen = ":8443";
  std::string on_conflict = "merge";
  std::vector<std::string> exclude;
  std::string api_server;
  std::optional<std::string> token_file;
  std::optional<std::string> ca_file;
  std::string log_format = "json";
  std::string log_level = "info";
  int shutdown_delay = 5;
  int shutdown_time = 20;
};

struct Place {
  std::string address;
  std::optional<std::uint16_t> port;
};

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

/// "ADDRESS:PORT", an address of IPv6 in brackets; either part may be missing.
std::optional<Place> parse_place(std::string_view text) {
  Place place;
  std::string_view rest = text;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    place.address = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    place.address = text.substr(0, text.find(':'));
    rest = text.substr(place.address.size());
  }
  if (rest.starts_with(':')) {
    place.port = parse_number<std::uint16_t>(rest.substr(1));
    rest = place.port ? std::string_view() : rest;
  }
  return rest.empty() ? std::optional(std::move(place)) : std::nullopt;
}

Result<void> take_listen(const std::string& text, ServerSettings& server) {
  const auto place = parse_place(text);
  if (!place || !place->port || (!place->address.empty() && !is_address(place->address))) {
    return fail(Code::bad_config, "--listen: \"" + printable(text) +
                                      "\" is no [ADDRESS]:PORT with an address in digits");
  }
  server.address = place->address;
  server.port = *place->port;
  return {};
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

Result<void> take_api_url(const std::string& url, ApiServer& api) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::bad_config, "--api-server: \"" + printable(url) + "\" " + std::string(why));
  };
  std::string_view rest = url;
  api.is_tls = rest.starts_with("https://");
  if (!api.is_tls && !rest.starts_with("http://")) {
    return refuse("begins with neither https:// nor http://");
  }
  rest.remove_prefix(rest.find("//") + 2);
  rest = rest.ends_with('/') ? rest.substr(0, rest.size() - 1) : rest;
  const auto place = parse_place(rest);
  if (!place || place->port == 0) {
    return refuse("is no URL of a server: https://ADDRESS[:PORT]");
  }
  api.address = place->address == "localhost" ? "127.0.0.1" : place->address;
  if (!is_address(api.address)) {
    return refuse("has no address in digits; names are not looked up (see --api-server-name)");
  }
  if (!api.is_tls && !is_loopback(api.address)) {
    return refuse("has no TLS, which is for this machine only");
  }
  api.port = place->port.value_or(api.is_tls ? 443 : 80);
  return {};
}

/// \source Kubernetes, "Accessing the API from a Pod"
Result<void> take_api_of_cluster(const Surroundings& around, ApiServer& api) {
  const auto host = around.variable("KUBERNETES_SERVICE_HOST");
  const auto port =
      parse_number<std::uint16_t>(around.variable("KUBERNETES_SERVICE_PORT").value_or("443"));
  if (!host) {
    return fail(Code::bad_config, "outside of a cluster --api-server is needed");
  }
  if (!is_address(*host) || !port || *port == 0) {
    return fail(Code::bad_config, "KUBERNETES_SERVICE_HOST \"" + printable(*host) +
                                      "\" with its port is no address in digits; give --api-server "
                                      "https://ADDRESS:PORT and --api-server-name NAME");
  }
  api.address = *host;
  api.port = *port;
  api.is_tls = true;
  return {};
}

/// A file of the service account if there is one.
std::string account_file(const Surroundings& around, const std::string& name) {
  std::string path = around.service_account + '/' + name;
  return ::access(path.c_str(), R_OK) == 0 ? path : std::string();
}

Result<void> take_api(const Words& words, const Surroundings& around, ApiServer& api) {
  MVR_TRY(words.api_server.empty() ? take_api_of_cluster(around, api)
                                   : take_api_url(words.api_server, api));
  // Nobody's token but of whom was asked for it goes over a connection without TLS.
  api.token_file = words.token_file.value_or(api.is_tls ? account_file(around, "token") : "");
  api.ca_file = words.ca_file.value_or(api.is_tls ? account_file(around, "ca.crt") : "");
  if (api.is_tls && api.ca_file.empty()) {
    return fail(Code::bad_config, "outside of a cluster --ca-file is needed");
  }
  return {};
}

/// kube-system, without which there is no cluster, and our own, without which there is no webhook.
std::vector<std::string> spared_namespaces(const Surroundings& around) {
  std::vector<std::string> names{"kube-system"};
  const auto own = read_file(around.service_account + "/namespace", kMaxName);
  if (own && !own->empty() && *own != names.front()) {
    names.push_back(*own);
  }
  return names;
}

template <typename T, std::size_t kCount>
T find_choice(const std::array<std::pair<const char*, T>, kCount>& choices,
              const std::string& text) {
  for (const auto& [name, value] : choices) {
    if (text == name) {
      return value;
    }
  }
  return choices.front().second;  // CLI11 has refused all else
}

constexpr std::array<std::pair<const char*, LogLevel>, 4> kLevels = {{{"debug", LogLevel::debug},
                                                                      {"info", LogLevel::info},
                                                                      {"warn", LogLevel::warn},
                                                                      {"error", LogLevel::error}}};
constexpr std::array<std::pair<const char*, LogFormat>, 2> kFormats = {
    {{"json", LogFormat::json}, {"text", LogFormat::text}}};

Result<Options> interpret(const Words& words, const Surroundings& around, Options options) {
  MVR_TRY(take_listen(words.listen, options.server));
  MVR_TRY(take_api(words, around, options.api));
  options.settings.on_conflict = parse_on_conflict(words.on_conflict).value_or(OnConflict::merge);
  options.settings.namespace_exclude = words.exclude;
  options.log_level = find_choice(kLevels, words.log_level);
  options.log_format = find_choice(kFormats, words.log_format);
  options.shutdown_delay = std::chrono::seconds(words.shutdown_delay);
  options.shutdown_time = std::chrono::seconds(words.shutdown_time);
  return options;
}

void define_server(CLI::App& app, Words& words, Options& options) {
  app.add_option("--listen", words.listen, "where to serve HTTPS, [ADDRESS]:PORT")
      ->capture_default_str();
  app.add_option("--tls-cert", options.files.certificate,
                 "our certificate, and what leads to its authority")
      ->required();
  app.add_option("--tls-key", options.files.key, "its key; both are read again when they change")
      ->required();
  app.add_option("--client-ca", options.files.client_ca,
                 "reviews only for clients with a certificate of this authority");
  app.add_option("--threads", options.server.threads, "that answer requests")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--max-connections", options.server.limits.connections,
                 "at a time; the least useful one gives way to a newcomer")
      ->capture_default_str()
      ->check(CLI::Range(2, 100'000));
  app.add_option("--shutdown-delay", words.shutdown_delay,
                 "seconds to go on serving after SIGTERM, while /readyz fails")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));
  app.add_option("--shutdown-time", words.shutdown_time, "seconds that requests then have to end")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));
}

void define_injection(CLI::App& app, Words& words, Options& options) {
  Settings& settings = options.settings;
  app.add_option(
         "--on-conflict", words.on_conflict,
         "what becomes of a pod that lists networks of its own: merge adds ours behind them, "
         "refuse refuses the pod, keep leaves its list alone")
      ->capture_default_str()
      ->check(CLI::IsMember({"merge", "refuse", "keep"}));
  app.add_flag("--same-namespace", settings.same_namespace,
               "take only definitions of the pod's namespace");
  app.add_option("--namespace-include", settings.namespace_include,
                 "whose pods are changed; none = all")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option("--namespace-exclude", words.exclude,
                 "whose pods never are; kube-system and our own if not given")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option(
         "--gpu-resource", settings.gpu_resources,
         "a container that asks for one of them gets the RDMA resources; nvidia.com/gpu and "
         "amd.com/gpu if not given")
      ->delimiter(',')
      ->type_name("NAME,...");
}

void define_client(CLI::App& app, Words& words, Options& options) {
  app.add_option(
      "--api-server", words.api_server,
      "https://ADDRESS[:PORT], or http:// of this machine; that of the cluster if not given");
  app.add_option("--api-server-name", options.api.name,
                 "the name in its certificate; its address if not given");
  app.add_option("--token-file", words.token_file,
                 "what we show to it; the service account's if not given");
  app.add_option("--ca-file", words.ca_file, "its authority; the service account's if not given");
}

void define_log(CLI::App& app, Words& words) {
  app.add_option("--log-format", words.log_format, "json or text (key=value), to standard error")
      ->capture_default_str()
      ->check(CLI::IsMember({"json", "text"}));
  app.add_option("--log-level", words.log_level, "debug, info, warn or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

constexpr const char* kFooter =
    "\nServes POST /inject for the API server, and GET /healthz, /readyz and /metrics.\n"
    "SIGTERM and SIGINT end it when what is under way has ended, at once the second time; SIGHUP\n"
    "reads the certificate again.";

/// CLI11 reports by exceptions; they end here.
CommandLine run_parser(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return {};
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    const int status = app.exit(error, text, text);
    return {.options = {}, .status = status == 0 ? 0 : kUsage, .text = text.str()};
  }
}

}  // namespace

std::string version() {
  // How every build carries its version, to be found in the file; volatile, lest a compiler keep
  // the last part of it alone.
  static const char* volatile const mark = "macvlan-rdma-webhook-version=" MVR_VERSION ";";
  const std::string text = mark;
  const std::size_t begin = text.find('=') + 1;
  return text.substr(begin, text.size() - begin - 1);
}

Surroundings surroundings() {
  return {.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* const value = ::getenv(name.c_str());
    return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
  }};
}

CommandLine read_command_line(int argc, const char* const* argv, const Surroundings& around) {
  Words words;
  Options options;
  words.exclude = spared_namespaces(around);
  CLI::App app("Gives pods their rails: adds networks and RDMA resources by one annotation.",
               std::string(kName));
  app.set_version_flag("--version", std::string(kName) + ' ' + version());
  app.footer(kFooter);
  define_server(app, words, options);
  define_injection(app, words, options);
  define_client(app, words, options);
  define_log(app, words);
  CommandLine line = run_parser(app, argc, argv);
  if (line.status != 0 || !line.text.empty()) {
    return line;
  }
  auto meant = interpret(words, around, std::move(options));
  if (!meant) {
    return {.options = {}, .status = kUsage, .text = meant.error().msg + '\n'};
  }
  line.options = *std::move(meant);
  return line;
}

}  // namespace mvr::webhook
