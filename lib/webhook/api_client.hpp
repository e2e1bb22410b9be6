// SPDX-License-Identifier: Apache-2.0
/// \file
/// Requests to the Kubernetes API server, one after the other, none without a deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "mvr/base/error.hpp"

namespace mvr::webhook {

struct ApiServer {
  std::string address;  ///< in digits: a program that is linked statically asks no name service
  std::uint16_t port = 443;
  bool is_tls = true;
  std::string name;        ///< that its certificate bears; empty = the address
  std::string ca_file;     ///< PEM; read for each connection, as it may be replaced
  std::string token_file;  ///< read for each request: the kubelet renews it; empty = none
};

/// A connection that is made when it is needed and kept while it can be.
/// Failures: Code::interrupted when a stop was requested, Code::try_again with sys_errno ETIMEDOUT
/// when nothing came in time, Code::unavailable for all else that the network or the server does.
class ApiClient {
 public:
  using Milliseconds = std::chrono::milliseconds;

  struct Head {
    int status = 0;
    std::chrono::seconds retry_after{0};  ///< 0 = the server has not said
  };

  /// \param stop ends whatever waits, from any thread
  ApiClient(ApiServer server, std::stop_token stop);
  ApiClient(const ApiClient&) = delete;
  ApiClient(ApiClient&&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;
  ApiClient& operator=(ApiClient&&) = delete;
  ~ApiClient();

  /// Asks, and reads the answer's head. What was left of the answer before is dropped.
  /// \param target path and query
  Result<Head> get(const std::string& target, std::string_view accept, Milliseconds limit);

  /// The next bytes of the body as soon as there are any; empty at its end.
  Result<std::string_view> read_some(Milliseconds limit);

  /// All the rest. Fails with Code::limited when it is longer than `most`.
  Result<std::string> read_all(std::size_t most, Milliseconds limit);

  /// Closes the connection, as where the rest of an answer is not wanted.
  void drop();

 private:
  struct State;
  Result<void> connect(Milliseconds limit);

  ApiServer server_;
  std::stop_token stop_;
  std::unique_ptr<State> state_;  ///< null = not connected
};

}  // namespace mvr::webhook
