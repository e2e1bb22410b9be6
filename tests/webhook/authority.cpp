// SPDX-License-Identifier: Apache-2.0
#include "webhook/authority.hpp"

#include "support/catch.hpp"
#include "support/shell.hpp"

namespace mvr::test {
namespace {

void openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const Output output = run({.argv = std::move(arguments)});
  INFO(output.err);
  REQUIRE(output.status == 0);
}

}  // namespace

Authority::Authority(const std::string& name) {
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-subj", "/CN=" + name, "-days", "2", "-keyout", file("ca.key"), "-out", certificate()});
}

webhook::CertificateFiles Authority::issue(const std::string& name, int days) const {
  const webhook::CertificateFiles files{file(name + ".crt"), file(name + ".key"), ""};
  openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
           "/CN=" + name, "-keyout", files.key, "-out", file(name + ".csr")});
  write_text(file("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n");
  openssl({"x509", "-req", "-in", file(name + ".csr"), "-CA", certificate(), "-CAkey",
           file("ca.key"), "-CAcreateserial", "-days", std::to_string(days), "-extfile",
           file("names"), "-out", files.certificate});
  return files;
}

}  // namespace mvr::test
