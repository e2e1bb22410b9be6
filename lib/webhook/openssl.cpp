// SPDX-License-Identifier: Apache-2.0
#include "webhook/openssl.hpp"

#include <array>

namespace mvr::webhook {

std::string openssl_error() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) {
    return "no reason given";
  }
  const char* const reason = ::ERR_reason_error_string(code);
  if (reason != nullptr) {
    return reason;
  }
  std::array<char, 256> text{};
  ::ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

Certificate read_certificate(BIO* pem) {
  Certificate certificate(::PEM_read_bio_X509_AUX(pem, nullptr, nullptr, nullptr));
  if (!certificate && ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
    ::ERR_clear_error();
  }
  return certificate;
}

Result<void> trust(SSL_CTX* context, std::string_view pem, bool is_announced) {
  const Bio text(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::size_t count = 0;
  while (const Certificate one = read_certificate(text.get())) {
    ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context), one.get());
    if (is_announced) {
      ::SSL_CTX_add_client_CA(context, one.get());
    }
    ++count;
  }
  if (count == 0 || ::ERR_peek_error() != 0) {
    return fail(Code::bad_config, "no certificates: " + openssl_error());
  }
  return {};
}

std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> context(::SSL_CTX_new(method), ::SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // What TLS 1.2 has without forward secrecy or authenticated encryption is not offered.
  ::SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  ::SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

}  // namespace mvr::webhook
