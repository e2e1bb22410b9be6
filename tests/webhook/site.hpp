// SPDX-License-Identifier: Apache-2.0
/// \file
/// The server under test, with a handler that tells what it got, and clients that are not ours.
#pragma once

#include <string>
#include <vector>

#include "support/shell.hpp"
#include "webhook/authority.hpp"
#include "webhook/certificate.hpp"
#include "webhook/metrics.hpp"
#include "webhook/server.hpp"

namespace mvr::test {

/// Short times, so that tests are short.
webhook::ServerLimits short_limits();

/// Answers POST /echo by the length of its body, GET /who by whether the client is known, GET /slow
/// late, GET /large by a megabyte; the rest by 404, before its body is read.
class Site {
 public:
  explicit Site(const webhook::ServerLimits& limits = short_limits(), bool asks_clients = false);

  /// `curl ARGUMENTS URL` that trusts our authority; the status is the last line of the output.
  [[nodiscard]] Output curl(const std::string& path, std::vector<std::string> arguments = {}) const;

  /// The status alone.
  [[nodiscard]] std::string status(const std::string& path,
                                   std::vector<std::string> arguments = {}) const;

  /// Bytes of HTTP as they are, over TLS, some time after the handshake; what comes back until the
  /// server closes.
  [[nodiscard]] std::string exchange(const std::string& bytes,
                                     std::chrono::milliseconds after = {}) const;

  /// tests/webhook/tools/client.py; see there.
  [[nodiscard]] Command client(const std::string& verb, std::vector<std::string> arguments) const;

  [[nodiscard]] std::string port() const { return std::to_string(server.port()); }

  /// Counted since the start: connections that ended so.
  [[nodiscard]] std::uint64_t ended(const std::string& reason) const;

  Authority authority;
  webhook::CertificateFiles files;
  webhook::Certificates certificates;
  webhook::Metrics metrics;
  webhook::Server server;
};

}  // namespace mvr::test
