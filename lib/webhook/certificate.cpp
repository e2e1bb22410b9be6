// SPDX-License-Identifier: Apache-2.0
#include "webhook/certificate.hpp"

#include <errno.h>
#include <sys/stat.h>

#include <array>
#include <string_view>
#include <utility>

#include "mvr/base/fd.hpp"
#include "webhook/openssl.hpp"

namespace mvr::webhook {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;

/// A key that wants a passphrase is refused; nobody is asked at a terminal.
int refuse_passphrase(char*, int, int, void*) {
  return -1;
}

Bio open_text(std::string_view text) {
  return Bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

tl::unexpected<Error> refuse(const std::string& path, std::string_view what) {
  return fail(Code::bad_config, path + ": " + std::string(what) + ": " + openssl_error());
}

/// Ours is the first of the file; the others are sent along.
Result<Certificate> use_certificates(SSL_CTX* context, const std::string& path) {
  const std::string text = MVR_TRY(read_file(path, kMaxFile));
  const Bio pem = open_text(text);
  Certificate first = read_certificate(pem.get());
  if (!first || ::SSL_CTX_use_certificate(context, first.get()) != 1) {
    return refuse(path, "no certificate that can be used");
  }
  while (Certificate next = read_certificate(pem.get())) {
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) {
      return refuse(path, "chain");
    }
    static_cast<void>(next.release());
  }
  if (::ERR_peek_error() != 0) {
    return refuse(path, "chain");
  }
  return first;
}

Result<void> use_key(SSL_CTX* context, const std::string& path) {
  const std::string text = MVR_TRY(read_file(path, kMaxFile));
  const Bio pem = open_text(text);
  const PrivateKey key(::PEM_read_bio_PrivateKey(pem.get(), nullptr, refuse_passphrase, nullptr));
  if (!key) {
    return refuse(path, "no private key that can be read");
  }
  if (::SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      ::SSL_CTX_check_private_key(context) != 1) {
    return refuse(path, "not the key of the certificate");
  }
  return {};
}

/// A session that is taken up again would otherwise lose what the client has proved.
constexpr std::array<unsigned char, 4> kSessionContext = {'m', 'v', 'r', '1'};

Result<void> ask_clients(SSL_CTX* context, const std::string& path) {
  const std::string text = MVR_TRY(read_file(path, kMaxFile));
  MVR_TRY(in(path, trust(context, text, /*is_announced=*/true)));
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return {};
}

/// \source RFC 7301, section 3.2: who offers only what we do not speak is told so
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length,
                    const unsigned char* offered, unsigned int offered_length, void*) {
  constexpr std::string_view kOurs = "\x08http/1.1";
  // OpenSSL wants a pointer that may be written through, and does not write.
  auto* result = const_cast<unsigned char*>(*chosen);
  const int found =
      ::SSL_select_next_proto(&result, length, reinterpret_cast<const unsigned char*>(kOurs.data()),
                              static_cast<unsigned>(kOurs.size()), offered, offered_length);
  *chosen = result;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::int64_t expiry_of(const X509* certificate) {
  tm date{};
  ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &date);
  return ::timegm(&date);
}

std::string subject_of(const X509* certificate) {
  const Bio text(::BIO_new(::BIO_s_mem()));
  ::X509_NAME_print_ex(text.get(), ::X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE);
  const char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

/// Another text for another file, or another content, behind the path.
std::string fingerprint(const std::string& path) {
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) {
    return path.empty() ? "-" : std::to_string(errno);
  }
  const auto& time = status.st_ctim;
  return std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino) + ':' +
         std::to_string(status.st_size) + ':' + std::to_string(time.tv_sec) + '.' +
         std::to_string(time.tv_nsec);
}

std::string fingerprint(const CertificateFiles& files) {
  return fingerprint(files.certificate) + ' ' + fingerprint(files.key) + ' ' +
         fingerprint(files.client_ca);
}

}  // namespace

Result<Identity> load_identity(const CertificateFiles& files) {
  ::ERR_clear_error();
  std::shared_ptr<SSL_CTX> context = make_context(::TLS_server_method());
  // Sessions are taken up again by tickets, which cost no memory here.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_session_id_context(context.get(), kSessionContext.data(), kSessionContext.size());
  ::SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  const Certificate ours = MVR_TRY(use_certificates(context.get(), files.certificate));
  MVR_TRY(use_key(context.get(), files.key));
  if (!files.client_ca.empty()) {
    MVR_TRY(ask_clients(context.get(), files.client_ca));
  }
  return Identity{std::move(context), expiry_of(ours.get()), subject_of(ours.get())};
}

bool is_client_known(const void* ssl) {
  const auto* const connection = static_cast<const SSL*>(ssl);
  return ::SSL_get0_peer_certificate(connection) != nullptr &&
         ::SSL_get_verify_result(connection) == X509_V_OK;
}

Result<bool> Certificates::refresh() {
  // Before they are read: what changes meanwhile is found by the next call.
  std::string found = fingerprint(files_);
  {
    const std::lock_guard lock(mutex_);
    if (found == seen_) {
      return false;
    }
  }
  Identity identity = MVR_TRY(load_identity(files_));
  const std::lock_guard lock(mutex_);
  seen_ = std::move(found);
  identity_ = std::move(identity);
  return true;
}

Identity Certificates::current() const {
  const std::lock_guard lock(mutex_);
  return identity_;
}

}  // namespace mvr::webhook
