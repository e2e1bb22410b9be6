// SPDX-License-Identifier: Apache-2.0
/// \file
/// Certificates, made by the openssl program.
#pragma once

#include <string>

#include "support/unit_dir.hpp"
#include "webhook/certificate.hpp"

namespace mvr::test {

/// A certificate authority with a directory for what it issues.
class Authority {
 public:
  /// \param name of the authority
  explicit Authority(const std::string& name = "authority");

  /// A certificate for 127.0.0.1, ::1 and localhost as NAME.crt and NAME.key.
  /// \param days that it is valid; negative = it has expired
  webhook::CertificateFiles issue(const std::string& name, int days = 1) const;

  [[nodiscard]] std::string certificate() const { return dir_.file("ca.crt"); }
  [[nodiscard]] std::string file(const std::string& name) const { return dir_.file(name); }

 private:
  ScratchDir dir_;
};

}  // namespace mvr::test
