// SPDX-License-Identifier: Apache-2.0
// The program as a cluster runs it, between an API server and its clients.
#include <signal.h>

#include <algorithm>
#include <optional>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "webhook/api_stand_in.hpp"
#include "webhook/fixture.hpp"

using namespace mvr::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kSpaces = "/api/v1/namespaces";
constexpr const char* kSpiders = "/apis/spiderpool.spidernet.io/v2beta1/spidermultusconfigs";

/// A cluster with two rails, in which a webhook can run.
class Cluster {
 public:
  Cluster() : files(api.authority.issue("webhook")) {
    api.control({{"absent", {kSpiders}}, {"token", "t"}});
    write_text(api.authority.file("token"), "t");
    for (const int rail : {10, 2}) {
      put(ApiStandIn::kPath, rail_object(rail));
    }
    put(kSpaces, space_object("training"));
  }

  void put(const std::string& path, const json& object) const {
    api.control({{"put", {{{"path", path}, {"object", object}}}}});
  }

  ApiStandIn api;
  mvr::webhook::CertificateFiles files;
};

class Webhook {
 public:
  explicit Webhook(const Cluster& cluster, std::vector<std::string> options = {},
                   const std::string& listen = "127.0.0.1:0")
      : cluster_(cluster), process_(command(cluster, std::move(options), listen)) {}

  /// Waits until it listens.
  void await() {
    REQUIRE(eventually(
        [&] {
          const auto serving = find("serving");
          port_ = serving ? serving->at("port").get<std::string>() : "";
          return serving.has_value();
        },
        10s));
  }

  [[nodiscard]] Output curl(const std::string& path,
                            std::vector<std::string> arguments = {}) const {
    std::vector<std::string> argv = {"curl",        "--silent",
                                     "--cacert",    cluster_.api.authority.certificate(),
                                     "--write-out", "%{http_code}"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.push_back("https://127.0.0.1:" + port_ + path);
    return run({.argv = std::move(argv)});
  }

  [[nodiscard]] bool is_ready() const { return curl("/readyz").out == "ok\n200"; }

  /// The response to a review of this pod.
  [[nodiscard]] json ask(const json& pod) const {
    write_text(dir_.file("review"), review_of(pod).dump());
    std::string out = curl("/inject?timeout=5s", {"--header", "Content-Type: application/json",
                                                  "--data-binary", "@" + dir_.file("review")})
                          .out;
    INFO(out);
    REQUIRE(out.ends_with("200"));
    out.resize(out.size() - 3);
    return json::parse(out).at("response");
  }

  [[nodiscard]] bool has_metric(const std::string& line) const {
    return curl("/metrics").out.find("\nmacvlan_rdma_webhook_" + line + '\n') != std::string::npos;
  }

  /// The last line of the log with this message. Every line must be an object.
  [[nodiscard]] std::optional<json> find(const std::string& message) const {
    std::optional<json> found;
    std::string text = read_text(dir_.file("log"));
    text.resize(text.rfind('\n') + 1);
    for (const std::string_view line : mvr::split(text, '\n')) {
      const json value = line.empty() ? json::object() : json::parse(line);
      found = value.value("msg", "") == message ? std::optional(value) : found;
    }
    return found;
  }

  void signal(int number) const { process_.signal(number); }
  Output wait() { return process_.wait(); }
  [[nodiscard]] std::string port() const { return port_; }

 private:
  /// Its log goes to a file, which can be read while it runs.
  Command command(const Cluster& cluster, std::vector<std::string> options,
                  const std::string& listen) {
    const auto server = cluster.api.server();
    std::vector<std::string> argv = {
        "/bin/sh",
        "-c",
        "exec \"$@\" 2>\"$0\"",
        dir_.file("log"),
        MVR_WEBHOOK,
        "--listen=" + listen,
        "--tls-cert=" + cluster.files.certificate,
        "--tls-key=" + cluster.files.key,
        "--api-server=https://127.0.0.1:" + std::to_string(server.port),
        "--ca-file=" + server.ca_file,
        "--token-file=" + cluster.api.authority.file("token")};
    argv.insert(argv.end(), options.begin(), options.end());
    return {.argv = std::move(argv), .timeout = 60s};
  }

  const Cluster& cluster_;
  ScratchDir dir_;
  Process process_;
  std::string port_;
};

json training_pod() {
  return plain_pod({{kRdma, "gpu-rails"}});
}

}  // namespace

TEST_CASE("a pod gets its rails as soon as the cluster is known", "[program]") {
  const Cluster cluster;
  cluster.api.control({{"failures", {{{"verb", "list"}, {"status", 500}, {"times", 1'000'000}}}}});
  Webhook webhook(cluster, {"--shutdown-delay=0"});
  webhook.await();
  CHECK(webhook.curl("/healthz").out == "ok\n200");
  CHECK(webhook.curl("/readyz").out.ends_with("listed yet\n503"));
  const json early = webhook.ask(training_pod());
  CHECK(early["allowed"] == false);
  cluster.api.control({{"failures", json::array()}});
  REQUIRE(eventually([&] { return webhook.is_ready(); }, 20s));

  const json response = webhook.ask(training_pod());
  REQUIRE(response["allowed"] == true);
  const json patch = json::parse(from_base64(response["patch"]));
  const std::string text = patch.dump();
  CHECK(text.find("gpu2-macvlan") < text.find("gpu10-macvlan"));
  CHECK(webhook.has_metric(R"(reviews_total{outcome="patched"} 1)"));
  CHECK(webhook.has_metric(R"(reviews_total{outcome="refused"} 1)"));
  CHECK(webhook.has_metric(R"(cache_objects{kind="network"} 2)"));
  CHECK(webhook.has_metric(R"(cache_objects{kind="namespace"} 1)"));
  CHECK(webhook.has_metric(R"(cache_synced{kind="spidermultusconfig"} 1)"));

  cluster.put(ApiStandIn::kPath, rail_object(5));
  CHECK(eventually([&] {
    const json later = json::parse(from_base64(webhook.ask(training_pod())["patch"]));
    return later.dump().find("gpu5-macvlan") != std::string::npos;
  }));
  webhook.signal(SIGTERM);
  CHECK(webhook.wait().status == 0);
  CHECK(webhook.find("ended"));
}

TEST_CASE("it serves on while the cluster learns that it goes", "[program]") {
  const Cluster cluster;
  Webhook webhook(cluster, {"--shutdown-delay=30"});
  webhook.await();
  REQUIRE(eventually([&] { return webhook.is_ready(); }, 10s));
  webhook.signal(SIGTERM);
  REQUIRE(eventually([&] { return webhook.curl("/readyz").out == "shutting down\n503"; }));
  CHECK(webhook.ask(training_pod())["allowed"] == true);
  CHECK(webhook.curl("/healthz", {"--include"}).out.find("Connection: close") != std::string::npos);
  // The second time it is in earnest.
  const auto begin = std::chrono::steady_clock::now();
  webhook.signal(SIGINT);
  CHECK(webhook.wait().status == 0);
  CHECK(std::chrono::steady_clock::now() - begin < 5s * slowness());
}

TEST_CASE("a certificate that is renewed is served, a wrong one not", "[program]") {
  const Cluster cluster;
  const auto next = cluster.api.authority.issue("next");
  Webhook webhook(cluster, {"--shutdown-delay=0"});
  webhook.await();
  const auto subject = [&] {
    const Output output =
        run({.argv = {"openssl", "s_client", "-connect", "127.0.0.1:" + webhook.port()}});
    return output.out.find("subject=CN = next") != std::string::npos ? "next" : "webhook";
  };
  CHECK(subject() == std::string("webhook"));
  std::filesystem::rename(next.certificate, cluster.files.certificate);
  REQUIRE(
      eventually([&] { return webhook.find("the certificate stays as it was").has_value(); }, 5s));
  CHECK(subject() == std::string("webhook"));
  std::filesystem::rename(next.key, cluster.files.key);
  CHECK(eventually([&] { return subject() == std::string("next"); }, 5s));
  CHECK(webhook.has_metric(R"(certificate_reloads_total{result="failed"} 1)"));
  CHECK(webhook.has_metric(R"(certificate_reloads_total{result="taken"} 2)"));
  webhook.signal(SIGTERM);
  CHECK(webhook.wait().status == 0);
}

TEST_CASE("what keeps it from beginning is told by its exit status and a line", "[program]") {
  Cluster cluster;
  const auto reason = [](Webhook&& webhook) {
    CHECK(webhook.wait().status == 1);
    CHECK_FALSE(webhook.find("the certificate stays as it was"));
    return webhook.find("cannot begin").value_or(json::object()).value("reason", "");
  };
  // An address for documents, which nobody has (RFC 5737).
  CHECK(reason(Webhook(cluster, {}, "192.0.2.1:8443"))
            .starts_with("listen at 192.0.2.1, port 8443: "));
  cluster.files.key = "/none";
  CHECK(reason(Webhook(cluster)) == "open /none: No such file or directory (ENOENT)");
  CHECK(run({.argv = {MVR_WEBHOOK, "--nonsense"}}).status == 2);
  const Output version = run({.argv = {MVR_WEBHOOK, "--version"}});
  CHECK(version.status == 0);
  CHECK(version.out.starts_with("macvlan-rdma-webhook "));
}
