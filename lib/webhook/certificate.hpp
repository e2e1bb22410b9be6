// SPDX-License-Identifier: Apache-2.0
/// \file
/// Our certificate and key, read again when their files change.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "mvr/base/error.hpp"

struct ssl_ctx_st;  ///< SSL_CTX of OpenSSL

namespace mvr::webhook {

struct CertificateFiles {
  std::string certificate;  ///< PEM: ours, then those that lead to its authority
  std::string key;          ///< PEM without a passphrase
  std::string client_ca;    ///< PEM; empty = clients are not asked for a certificate
};

/// Everything that a connection's TLS begins with.
struct Identity {
  std::shared_ptr<ssl_ctx_st> context;
  std::int64_t expiry = 0;  ///< of the certificate, seconds since 1970
  std::string subject;
};

/// Reads and checks the files: TLS 1.2 at least, forward secrecy, authenticated ciphers, HTTP/1.1
/// by ALPN. A client that shows a certificate must show one of the client authority; one that shows
/// none is let in as such.
/// Fails with Code::bad_config when the files do not belong together or are no PEM, else Code::io.
Result<Identity> load_identity(const CertificateFiles& files);

/// Whether the client of a connection has proved to be of the client authority.
bool is_client_known(const void* ssl);

/// The identity of now. Every function may be called by any thread.
class Certificates {
 public:
  explicit Certificates(CertificateFiles files) : files_(std::move(files)) {}

  /// Reads the files if they differ in any way from those of the last good reading. Volumes of
  /// Kubernetes change by a symbolic link that begins to point elsewhere, so it is the files behind
  /// all links that are compared. True when there is a new identity. If it fails, the old one stays
  /// and the next call tries again.
  Result<bool> refresh();

  [[nodiscard]] Identity current() const;

 private:
  CertificateFiles files_;
  std::string seen_;  ///< what the files were when they were read
  Identity identity_;
  mutable std::mutex mutex_;
};

}  // namespace mvr::webhook
