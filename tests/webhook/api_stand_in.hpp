// SPDX-License-Identifier: Apache-2.0
/// \file
/// A process that stands in for the API server: tests/webhook/tools/api_server.py.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "mvr/base/log.hpp"
#include "support/shell.hpp"
#include "webhook/api_client.hpp"
#include "webhook/authority.hpp"
#include "webhook/metrics.hpp"
#include "webhook/reflector.hpp"

namespace mvr::test {

class ApiStandIn {
 public:
  explicit ApiStandIn(bool is_tls = true);

  /// Changes it; see Store.control.
  void control(const json& wanted) const;

  /// Makes or changes an object.
  void put(const std::string& name, const json& annotations = json::object(),
           const std::string& path = kPath) const;
  void remove(const std::string& name) const;

  /// The requests so far, of lists or of watches.
  [[nodiscard]] std::vector<json> requests(bool is_watch) const;

  [[nodiscard]] webhook::ApiServer server() const;

  static inline const std::string kPath = "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions";

  Authority authority;

 private:
  [[nodiscard]] Output curl(const std::string& path, std::vector<std::string> arguments) const;

  ScratchDir dir_;
  bool is_tls_;
  Process process_;
  std::string port_;
};

/// A copy of one collection, kept by a thread.
class Copy {
 public:
  explicit Copy(const webhook::ApiServer& server, webhook::Collection collection = plain(),
                const webhook::ReflectorSettings& settings = quick());
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy();

  static webhook::Collection plain() { return {.name = "network", .path = ApiStandIn::kPath}; }
  /// Short waits, so that tests are short.
  static webhook::ReflectorSettings quick();

  /// Names and what the annotation "value" of each says, as the last whole list and what came after
  /// leave them.
  [[nodiscard]] std::map<std::string, std::string> objects() const;

  /// Whether it holds exactly these names before long.
  [[nodiscard]] bool comes_to_hold(const std::vector<std::string>& names) const;

  /// How many times a list or a watch ended so.
  [[nodiscard]] std::uint64_t restarts(const std::string& reason) const;

  [[nodiscard]] int lists() const;
  [[nodiscard]] std::string logged() const;

  webhook::WatchMetrics metrics;

 private:
  webhook::Sink sink();

  mutable std::mutex mutex_;
  std::map<std::string, std::string> objects_;
  std::map<std::string, std::string> coming_;
  bool is_listing_ = false;
  int lists_ = 0;
  std::string log_text_;
  Log log_;
  webhook::Reflector reflector_;
  std::jthread thread_;
};

}  // namespace mvr::test
