// SPDX-License-Identifier: Apache-2.0
#include "mvr/webhook/webhook.hpp"

#include <malloc.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "mvr/base/fd.hpp"
#include "webhook/answer.hpp"
#include "webhook/certificate.hpp"
#include "webhook/cluster.hpp"
#include "webhook/metrics.hpp"
#include "webhook/options.hpp"
#include "webhook/reflector.hpp"
#include "webhook/server.hpp"
#include "webhook/service.hpp"

namespace mvr::webhook {
namespace {

constexpr int kFailed = 1;

/// How often the certificate's files are looked at: three stat(2).
constexpr timespec kTick{1, 0};

/// Signals are taken by `sigtimedwait` alone, of all threads in the first one.
sigset_t block_signals() {
  sigset_t signals{};
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A client that leaves while it is answered is an error of write(2), no more.
  static_cast<void>(::signal(SIGPIPE, SIG_IGN));
  return signals;
}

struct Watched {
  Kind kind;
  Collection collection;
};

/// \source Kubernetes network plumbing working group, NetworkAttachmentDefinition; spiderpool
/// v2beta1, SpiderMultusConfig
std::vector<Watched> watched_collections() {
  return {
      {Kind::network,
       {.name = "network", .path = "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions"}},
      {Kind::space, {.name = "namespace", .path = "/api/v1/namespaces", .is_metadata_only = true}},
      {Kind::spider,
       {.name = "spidermultusconfig",
        .path = "/apis/spiderpool.spidernet.io/v2beta1/spidermultusconfigs",
        .may_be_absent = true}},
  };
}

Sink sink_of(Cluster& cluster, Kind kind) {
  return {
      .begin_list = [&cluster, kind] { cluster.begin_list(kind); },
      .put = [&cluster, kind](const nlohmann::json& object) { cluster.put(kind, object); },
      .remove = [&cluster, kind](const nlohmann::json& object) { cluster.remove(kind, object); },
      .end_list = [&cluster, kind] { cluster.end_list(kind); }};
}

class Program {
 public:
  explicit Program(Options options) : options_(std::move(options)), certificates_(options_.files) {
    log_.set_format(options_.log_format);
    log_.set_level(options_.log_level);
  }

  int run(const sigset_t& signals);

 private:
  Result<void> start();
  void watch();
  [[nodiscard]] std::string unready() const;
  void refresh_certificate();
  void serve_until_told(const sigset_t& signals);
  void leave(sigset_t signals);

  Options options_;
  Log log_;
  Metrics metrics_;
  Cluster cluster_;
  Certificates certificates_;
  std::string certificate_failure_;  ///< that has been logged
  std::atomic<bool> is_leaving_ = false;
  std::vector<std::jthread> watches_;
  std::optional<Server> server_;  // the last to come and the first to go
};

std::string Program::unready() const {
  if (is_leaving_) {
    return "shutting down";
  }
  return cluster_.is_synced() ? "" : "the cluster's networks have not been listed yet";
}

/// What has changed is told once, a failure until it is another one. The first of all is told by
/// who cannot begin without.
void Program::refresh_certificate() {
  const auto taken = certificates_.refresh();
  if (!taken) {
    if (std::exchange(certificate_failure_, taken.error().msg) != taken.error().msg) {
      metrics_.reloads.add("failed");
      if (certificates_.current().context) {
        log_.line(LogLevel::error, "the certificate stays as it was",
                  {{"reason", taken.error().msg}});
      }
    }
    return;
  }
  certificate_failure_.clear();
  if (*taken) {
    const Identity identity = certificates_.current();
    metrics_.certificate_expiry = identity.expiry;
    metrics_.reloads.add("taken");
    const auto left = identity.expiry - static_cast<std::int64_t>(::time(nullptr));
    log_.line(left > 0 ? LogLevel::info : LogLevel::warn, "certificate",
              {{"subject", identity.subject}, {"expires_in_seconds", std::to_string(left)}});
  }
}

void Program::watch() {
  for (Watched& one : watched_collections()) {
    WatchMetrics& metrics = metrics_.watch(one.collection.name);
    auto reflector = std::make_unique<Reflector>(options_.api, one.collection, ReflectorSettings(),
                                                 sink_of(cluster_, one.kind), log_, metrics);
    watches_.emplace_back(
        [reflector = std::move(reflector)](const std::stop_token& stop) { reflector->run(stop); });
  }
}

Result<void> Program::start() {
  refresh_certificate();
  if (!certificates_.current().context) {
    return fail(Code::bad_config, certificate_failure_);
  }
  watch();
  ServiceParts parts{
      .review = [this](std::string_view body) { return answer(options_.settings, cluster_, body); },
      .unready = [this] { return unready(); },
      .asks_clients = !options_.files.client_ca.empty()};
  server_.emplace(MVR_TRY(Server::start(
      options_.server, make_service(std::move(parts), log_, metrics_), certificates_, metrics_)));
  log_.line(LogLevel::info, "serving",
            {{"version", version()}, {"port", std::to_string(server_->port())}});
  return {};
}

void Program::serve_until_told(const sigset_t& signals) {
  for (;;) {
    const int signal = ::sigtimedwait(&signals, nullptr, &kTick);
    if (signal == SIGTERM || signal == SIGINT) {
      return;
    }
    refresh_certificate();
  }
}

/// The cluster needs some time to see that we are not ready and to send its reviews elsewhere:
/// until then they are answered. A second signal ends the wait, for them and for what is under way.
void Program::leave(sigset_t signals) {
  sigdelset(&signals, SIGHUP);
  is_leaving_ = true;
  server_->discourage();
  log_.line(LogLevel::info, "shutting down");
  const auto delay = std::chrono::duration_cast<std::chrono::seconds>(options_.shutdown_delay);
  const auto is_told_again = [&signals](std::time_t seconds) {
    const timespec wait{seconds, 0};
    return ::sigtimedwait(&signals, nullptr, &wait) > 0;
  };
  const bool is_urgent = delay.count() > 0 && is_told_again(delay.count());
  const bool is_empty =
      server_->drain(is_urgent ? std::chrono::milliseconds(0) : options_.shutdown_time,
                     [&] { return is_told_again(0); });
  log_.line(LogLevel::info, "ended", {{"requests_left", is_empty ? "" : "some"}});
}

int Program::run(const sigset_t& signals) {
  const auto started = start();
  if (!started) {
    log_.line(LogLevel::error, "cannot begin", {{"reason", started.error().msg}});
    return kFailed;
  }
  serve_until_told(signals);
  leave(signals);
  return 0;
}

int say(const CommandLine& line) {
  static_cast<void>(write_all(line.status == 0 ? STDOUT_FILENO : STDERR_FILENO, line.text));
  return line.status;
}

}  // namespace

int run(int argc, char** argv) {
  CommandLine line = read_command_line(argc, argv, surroundings());
  if (!line.options) {
    return say(line);
  }
  // Each thread would take memory from the system for itself, and give little of it back.
  ::mallopt(M_ARENA_MAX, 2);
  const sigset_t signals = block_signals();
  return Program(*std::move(line.options)).run(signals);
}

}  // namespace mvr::webhook
