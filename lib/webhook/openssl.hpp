// SPDX-License-Identifier: Apache-2.0
/// \file
/// OpenSSL's objects with their owners, and its errors as ours. Only for sources that speak TLS.
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "mvr/base/error.hpp"
#include "mvr/base/freer.hpp"

namespace mvr::webhook {

using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

/// The oldest error of this thread, for people; none stays behind.
std::string openssl_error();

/// The next certificate of a PEM text; null at its end. Leaves no error behind at the end.
Certificate read_certificate(BIO* pem);

/// Trusts every certificate of a PEM text. Fails with Code::bad_config when there is none.
/// \param is_announced a server names them to its clients
Result<void> trust(SSL_CTX* context, std::string_view pem, bool is_announced);

/// A context of TLS 1.2 or later, with as little memory a connection as it can.
std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method);

}  // namespace mvr::webhook
