// SPDX-License-Identifier: Apache-2.0
// Who is let in, and how certificates change while the server is asked.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/print.hpp"
#include "webhook/site.hpp"

using namespace mvr::test;
using namespace std::chrono_literals;
using mvr::Code;
using mvr::webhook::CertificateFiles;
using mvr::webhook::Certificates;
using mvr::webhook::load_identity;

namespace {

/// What `openssl s_client` says of a handshake, with its exit status.
Output handshake(const Site& site, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {"openssl", "s_client", "-connect", "127.0.0.1:" + site.port(), "-CAfile",
                    site.authority.certificate(), "-verify_return_error"});
  return run({.argv = std::move(arguments)});
}

bool has(const Output& output, const std::string& text) {
  return (output.out + output.err).find(text) != std::string::npos;
}

/// Puts a pair in the place of the one that is served, as a volume of Kubernetes does: by one
/// rename of the symbolic link that leads to the files.
class Volume {
 public:
  Volume() : files_{dir_.file("tls.crt"), dir_.file("tls.key"), ""} {
    std::filesystem::create_symlink("..data/tls.crt", files_.certificate);
    std::filesystem::create_symlink("..data/tls.key", files_.key);
  }

  void put(const std::string& certificate, const std::string& key) {
    const std::string version = "..version" + std::to_string(++count_);
    std::filesystem::create_directory(dir_.file(version));
    std::filesystem::copy_file(certificate, dir_.file(version + "/tls.crt"));
    std::filesystem::copy_file(key, dir_.file(version + "/tls.key"));
    std::filesystem::create_symlink(version, dir_.file("..new"));
    std::filesystem::rename(dir_.file("..new"), dir_.file("..data"));
  }
  void put(const CertificateFiles& files) { put(files.certificate, files.key); }

  [[nodiscard]] const CertificateFiles& files() const { return files_; }

 private:
  ScratchDir dir_;
  CertificateFiles files_;
  int count_ = 0;
};

}  // namespace

TEST_CASE("TLS 1.2 and 1.3 are spoken, nothing older", "[tls]") {
  const Site site;
  CHECK(has(handshake(site, {"-tls1_3"}), "TLSv1.3"));
  const Output output = handshake(site, {"-tls1_2"});
  CHECK(output.status == 0);
  CHECK(has(output, "Secure Renegotiation IS supported"));
  for (const char* version : {"-tls1", "-tls1_1"}) {
    INFO(version);
    CHECK(handshake(site, {version, "-cipher", "DEFAULT@SECLEVEL=0"}).status != 0);
  }
}

TEST_CASE("ciphers without forward secrecy or authentication are refused", "[tls]") {
  const Site site;
  for (const char* cipher :
       {"ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256"}) {
    INFO(cipher);
    CHECK(handshake(site, {"-tls1_2", "-cipher", std::string(cipher) + "@SECLEVEL=0"}).status != 0);
  }
  CHECK(handshake(site, {"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}).status == 0);
}

TEST_CASE("HTTP/1.1 is agreed upon by ALPN, and nothing else", "[tls]") {
  const Site site;
  CHECK(has(handshake(site, {"-alpn", "h2,http/1.1"}), "ALPN protocol: http/1.1"));
  CHECK(has(handshake(site, {}), "No ALPN negotiated"));
  const Output output = handshake(site, {"-alpn", "h2"});
  CHECK(output.status != 0);
  CHECK(has(output, "no application protocol"));
}

TEST_CASE("a client may show a certificate, and if so must show a good one", "[tls]") {
  const Site site(short_limits(), /*asks_clients=*/true);
  const auto known = site.authority.issue("client");
  CHECK(site.curl("/who").out == "unknown\n200");
  CHECK(site.curl("/who", {"--cert", known.certificate, "--key", known.key}).out == "known\n200");
  CHECK(site.curl("/who", {"--tls-max", "1.2", "--cert", known.certificate, "--key", known.key})
            .out == "known\n200");
  const Authority other("other");
  const auto foreign = other.issue("client");
  CHECK(site.status("/who", {"--cert", foreign.certificate, "--key", foreign.key}) == "000");
  const auto expired = site.authority.issue("expired", -1);
  CHECK(site.status("/who", {"--cert", expired.certificate, "--key", expired.key}) == "000");
}

TEST_CASE("a client is known in a session that it takes up again as well", "[tls]") {
  const Site site(short_limits(), /*asks_clients=*/true);
  const auto known = site.authority.issue("client");
  const std::string session = site.authority.file("session");
  const std::vector<std::string> common = {"-tls1_2", "-cert", known.certificate, "-key",
                                           known.key};
  auto first = common;
  first.insert(first.end(), {"-sess_out", session});
  CHECK(has(handshake(site, first), "New, TLSv1.2"));
  auto second = common;
  second.insert(second.end(), {"-sess_in", session});
  CHECK(has(handshake(site, second), "Reused, TLSv1.2"));
}

TEST_CASE("files that do not make a pair are refused, each with its reason", "[tls]") {
  const Authority authority;
  const auto one = authority.issue("one");
  const auto two = authority.issue("two");
  CHECK(load_identity(one));
  const auto refused = [](const CertificateFiles& files, Code code, const std::string& word) {
    const auto identity = load_identity(files);
    REQUIRE_FALSE(identity);
    INFO(identity.error().msg);
    CHECK(identity.error().code == code);
    CHECK(identity.error().msg.find(word) != std::string::npos);
  };
  refused({one.certificate, two.key, ""}, Code::bad_config, "not the key of the certificate");
  refused({one.key, one.key, ""}, Code::bad_config, "no certificate");
  refused({one.certificate, one.certificate, ""}, Code::bad_config, "no private key");
  refused({one.certificate, authority.file("none"), ""}, Code::io, "none");
  refused({one.certificate, one.key, one.key}, Code::bad_config, "no certificates");
  write_text(authority.file("empty"), "");
  refused({authority.file("empty"), one.key, ""}, Code::bad_config, "no certificate");
  const std::string half = read_text(one.certificate);
  write_text(authority.file("half"), half + half.substr(0, half.size() / 2));
  refused({authority.file("half"), one.key, ""}, Code::bad_config, "chain");
  run({.argv = {"openssl", "ec", "-in", one.key, "-aes256", "-passout", "pass:secret", "-out",
                authority.file("locked")}});
  refused({one.certificate, authority.file("locked"), ""}, Code::bad_config, "no private key");
}

TEST_CASE("a chain is sent along, and the expiry told", "[tls]") {
  const Authority authority;
  const auto files = authority.issue("leaf", 10);
  write_text(authority.file("chain"),
             read_text(files.certificate) + read_text(authority.certificate()));
  const auto identity = unwrap(load_identity({authority.file("chain"), files.key, ""}));
  const auto left = identity.expiry - static_cast<std::int64_t>(::time(nullptr));
  CHECK(std::abs(left - 10 * 86'400) < 100);
  CHECK(identity.subject == "CN = leaf");
}

TEST_CASE("a new pair is taken once, a bad one never", "[tls]") {
  const Authority authority;
  Volume volume;
  const auto one = authority.issue("one");
  const auto two = authority.issue("two");
  volume.put(one);
  Certificates certificates(volume.files());
  CHECK(unwrap(certificates.refresh()));
  CHECK_FALSE(unwrap(certificates.refresh()));
  volume.put(two);
  CHECK(unwrap(certificates.refresh()));
  CHECK(certificates.current().subject == "CN = two");
  volume.put(one.certificate, two.key);
  CHECK_FALSE(certificates.refresh());
  CHECK_FALSE(certificates.refresh());
  CHECK(certificates.current().subject == "CN = two");
  volume.put(one);
  CHECK(unwrap(certificates.refresh()));
  CHECK(certificates.current().subject == "CN = one");
}

TEST_CASE("certificates change under load without a failed request", "[tls]") {
  Site site;
  const auto one = site.authority.issue("one");
  const auto two = site.authority.issue("two");
  std::atomic<bool> is_done = false;
  int changes = 0;
  std::thread rotation([&] {
    while (!is_done) {
      const auto& next = changes % 2 == 0 ? one : two;
      std::filesystem::rename(next.certificate, site.files.certificate);
      // Between the two renames they are no pair.
      static_cast<void>(site.certificates.refresh());
      std::filesystem::rename(next.key, site.files.key);
      const auto taken = site.certificates.refresh();
      changes += taken && *taken ? 1 : 0;
      std::filesystem::copy_file(site.files.certificate, next.certificate);
      std::filesystem::copy_file(site.files.key, next.key);
      std::this_thread::sleep_for(20ms);
    }
  });
  const Output output = run(site.client("steady", {"3", "6"}));
  is_done = true;
  rotation.join();
  INFO(output.err);
  const json result = json::parse(output.out);
  INFO(result);
  CHECK(result["failures"].empty());
  CHECK(result["requests"] > 100);
  CHECK(result["names"].size() >= 2);
  CHECK(changes > 10);
}
