// SPDX-License-Identifier: Apache-2.0
#include "mvr/cni/version.hpp"

#include "support/print.hpp"

using mvr::Code;
using mvr::cni::Version;
using mvr::test::unwrap;

TEST_CASE("versions are parsed as libcni parses them", "[cni]") {
  CHECK(unwrap(Version::parse("1.1.0")) == Version{1, 1, 0});
  CHECK(unwrap(Version::parse("1")) == Version{1, 0, 0});
  CHECK(unwrap(Version::parse("0.4")) == Version{0, 4, 0});
  CHECK(unwrap(Version::parse("")) == Version{0, 1, 0});
  CHECK(unwrap(Version::parse("10.20.30")).to_string() == "10.20.30");
}

TEST_CASE("what is no version is refused", "[cni]") {
  for (const char* bad : {"abc", "1.2.3.4", "1.2.3.4.5", "1..0", "1.", ".1", "-1.0.0", "+1.0.0",
                          "1.0.0-rc1", " 1.0.0", "1.0.4294967296", "1.0.2147483648", "0x1.0.0"}) {
    INFO(bad);
    const auto version = Version::parse(bad);
    REQUIRE_FALSE(version);
    CHECK(version.error().code == Code::decode);
  }
}

TEST_CASE("versions are ordered by their numbers", "[cni]") {
  CHECK(Version{0, 4, 0} < Version{1, 0, 0});
  CHECK(Version{0, 10, 0} > Version{0, 9, 9});
  CHECK(Version{1, 0, 1} > Version{1, 0, 0});
}

TEST_CASE("the answer to VERSION", "[cni]") {
  CHECK(mvr::cni::version_document() ==
        "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":"
        "[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n");
  CHECK(mvr::cni::supported_versions_text() == "0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
}
