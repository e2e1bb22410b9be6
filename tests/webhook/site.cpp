// SPDX-License-Identifier: Apache-2.0
#include "webhook/site.hpp"

#include <thread>

#include "support/print.hpp"

namespace mvr::test {
namespace {

using namespace std::chrono_literals;
using webhook::Request;
using webhook::Response;

std::optional<Response> screen(const Request& request) {
  for (const char* path : {"/echo", "/who", "/slow", "/large"}) {
    if (request.path == path) {
      return std::nullopt;
    }
  }
  return Response{.status = 404, .body = "{}\n"};
}

Response respond(const Request& request) {
  if (request.path == "/slow") {
    std::this_thread::sleep_for(500ms);
  }
  if (request.path == "/who") {
    return {.body = request.is_client_known ? "known\n" : "unknown\n"};
  }
  return {.body = request.path == "/large" ? std::string(1 << 20, 'x')
                                           : std::to_string(request.body.size()) + '\n'};
}

webhook::CertificateFiles with_clients(const Authority& authority, bool asks_clients) {
  webhook::CertificateFiles files = authority.issue("server");
  files.client_ca = asks_clients ? authority.certificate() : "";
  return files;
}

webhook::Server start(const webhook::ServerLimits& limits, webhook::Certificates& certificates,
                      webhook::Metrics& metrics) {
  REQUIRE(unwrap(certificates.refresh()));
  return unwrap(
      webhook::Server::start({.address = "127.0.0.1", .port = 0, .threads = 2, .limits = limits},
                             {.screen = screen, .respond = respond}, certificates, metrics));
}

}  // namespace

webhook::ServerLimits short_limits() {
  webhook::ServerLimits limits;
  limits.handshake = limits.head_time = limits.body_time = 400ms * slowness();
  limits.idle = limits.write_time = 2s * slowness();
  return limits;
}

Site::Site(const webhook::ServerLimits& limits, bool asks_clients)
    : files(with_clients(authority, asks_clients)),
      certificates(files),
      server(start(limits, certificates, metrics)) {
}

Output Site::curl(const std::string& path, std::vector<std::string> arguments) const {
  std::vector<std::string> argv = {
      "curl",        "--silent",     "--show-error", "--cacert", authority.certificate(),
      "--write-out", "%{http_code}", "--max-time",   "20"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.push_back("https://127.0.0.1:" + port() + path);
  return run({.argv = std::move(argv)});
}

std::string Site::status(const std::string& path, std::vector<std::string> arguments) const {
  arguments.insert(arguments.end(), {"--output", "/dev/null"});
  return curl(path, std::move(arguments)).out;
}

std::string Site::exchange(const std::string& bytes, std::chrono::milliseconds after) const {
  Command command = client("raw", {std::to_string(static_cast<double>(after.count()) / 1000)});
  command.input = bytes;
  const Output output = run(command);
  INFO(output.err);
  REQUIRE(output.status == 0);
  return output.out;
}

Command Site::client(const std::string& verb, std::vector<std::string> arguments) const {
  std::vector<std::string> argv = {
      "/usr/bin/python3",     "-B", MVR_SOURCE_DIR "/tests/webhook/tools/client.py", verb, port(),
      authority.certificate()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return {.argv = std::move(argv), .timeout = 60s};
}

std::uint64_t Site::ended(const std::string& reason) const {
  const auto values = metrics.connections.values();
  const auto found = values.find(reason);
  return found != values.end() ? found->second : 0;
}

}  // namespace mvr::test
