// SPDX-License-Identifier: Apache-2.0
/// \file
/// HTTPS for a few clients that we trust to mean well and many that may not.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mvr/base/error.hpp"

namespace mvr::webhook {

class Certificates;
struct Metrics;

struct Request {
  std::string_view method;
  std::string_view path;  ///< without what follows a "?"
  std::string_view content_type = {};
  std::string_view body = {};
  bool is_client_known = false;  ///< by a certificate of the client authority
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string_view content_type = "application/json";
  std::string_view allow = {};  ///< methods, for 405
};

/// Called by several threads at once.
struct Handler {
  /// The request has no body yet. An answer ends it: its body is not read.
  std::function<std::optional<Response>(const Request&)> screen;
  std::function<Response(const Request&)> respond;
};

struct ServerLimits {
  using Milliseconds = std::chrono::milliseconds;
  std::size_t connections = 512;
  std::size_t head = 16U << 10U;  ///< bytes of a request's line and fields
  std::size_t body = 3U << 20U;
  /// As many as there are connections, and the large ones, are to fit into the memory that the
  /// manifest grants. Few reviews are longer.
  std::size_t small_body = 64U << 10U;
  std::size_t large_bodies = 8;  ///< that are longer than a small one, at a time
  Milliseconds handshake{5'000};
  Milliseconds head_time{5'000};  ///< from its first byte on
  Milliseconds body_time{10'000};
  Milliseconds write_time{10'000};
  /// The API server keeps a connection that is not used for 90 s. We keep it longer, so that never
  /// both use it and close it at the same time.
  Milliseconds idle{120'000};
};

struct ServerSettings {
  std::string address = {};  ///< in digits; empty = all of both families
  std::uint16_t port = 8443;
  unsigned threads = 2;
  ServerLimits limits = {};
};

/// A connection costs a socket and some memory, never a thread. HTTP/1.1 with connections that are
/// kept; requests on one connection are answered in order.
class Server {
 public:
  /// Listens and serves. The references live longer than the server.
  /// Fails with Code::io when the address cannot be listened at.
  static Result<Server> start(const ServerSettings& settings, Handler handler,
                              const Certificates& certificates, Metrics& metrics);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) = delete;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  [[nodiscard]] std::uint16_t port() const;

  /// From now on each answer ends its connection; new ones are served.
  void discourage();

  /// Accepts no more, lets requests under way end, and closes what is left after the time, or as
  /// soon as `is_urgent` says so, which is asked now and then. True when nothing was left.
  bool drain(std::chrono::milliseconds limit, const std::function<bool()>& is_urgent = nullptr);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mvr::webhook
