// SPDX-License-Identifier: Apache-2.0
/// \file
/// Pointers, patches and their base64.
#include "webhook/patch.hpp"

#include "fixture.hpp"
#include "support/catch.hpp"

using namespace mvr::webhook;

TEST_CASE("a pointer escapes what it is made of", "[patch]") {
  CHECK(make_pointer({"metadata", "annotations", "k8s.v1.cni.cncf.io/networks"}) ==
        "/metadata/annotations/k8s.v1.cni.cncf.io~1networks");
  CHECK(make_pointer({"a~1b", "~/"}) == "/a~01b/~0~1");
  CHECK(make_pointer({}) == "");
}

TEST_CASE("a patch is a list of operations", "[patch]") {
  CHECK(to_document({}) == "[]");
  CHECK(to_document({{"/a", "x"}, {"/b", {{"c", "1"}}}}) ==
        R"([{"op":"add","path":"/a","value":"x"},{"op":"add","path":"/b","value":{"c":"1"}}])");
  CHECK(to_document({{"/a", "\xff"}}) ==
        "[{\"op\":\"add\",\"path\":\"/a\",\"value\":\"\xef\xbf\xbd\"}]");
}

TEST_CASE("base64 by the examples of its standard", "[patch]") {
  CHECK(to_base64("") == "");
  CHECK(to_base64("f") == "Zg==");
  CHECK(to_base64("fo") == "Zm8=");
  CHECK(to_base64("foo") == "Zm9v");
  CHECK(to_base64("foob") == "Zm9vYg==");
  CHECK(to_base64("fooba") == "Zm9vYmE=");
  CHECK(to_base64("foobar") == "Zm9vYmFy");
  std::string all;
  for (int i = 0; i < 256; ++i) {
    all += static_cast<char>(i);
    CHECK(mvr::test::from_base64(to_base64(all)) == all);
  }
}
