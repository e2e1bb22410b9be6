// SPDX-License-Identifier: Apache-2.0
#include "mvr/state/attachment.hpp"

#include <algorithm>
#include <set>

#include "support/catch.hpp"

using namespace mvr::state;

namespace {

const Attachment kNet1{"gpu1-macvlan", "0123abcd", "net1"};

bool is_hex(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

TEST_CASE("an attachment's digest is 32 digits of its own", "[attachment]") {
  CHECK(digest(kNet1).size() == 32);
  CHECK(is_hex(digest(kNet1)));
  CHECK(digest(kNet1) == digest(Attachment(kNet1)));
  std::set<std::string> digests;
  for (const Attachment& other :
       {kNet1, Attachment{"gpu1-macvla", "n0123abcd", "net1"},
        Attachment{"gpu1-macvlan", "0123abcdn", "et1"}, Attachment{"gpu1-macvlan", "0123abcd", ""},
        Attachment{"", "", ""}, Attachment{"0123abcd", "gpu1-macvlan", "net1"},
        Attachment{"gpu1-macvlan/0123abcd", "net1", ""}}) {
    CHECK(digests.insert(digest(other)).second);
  }
}

TEST_CASE("the digest is the same in every version, or journals would be lost", "[attachment]") {
  // printf 'gpu1-macvlan\0000123abcd\000net1\000' | sha256sum
  CHECK(digest(kNet1) == "c25f3a582f5ae6a526f3276100bccf5a");
}

TEST_CASE("a temporary name has the 15 characters that Linux takes", "[attachment]") {
  const std::string name = temporary_name(kNet1);
  CHECK(name.size() == 15);
  CHECK(name.starts_with("mvr"));
  CHECK(is_hex(name.substr(3)));
  CHECK(temporary_name({"gpu1-macvlan", "0123abcd", "net2"}) != name);
}

TEST_CASE("an alias says whose link it is", "[attachment]") {
  CHECK(alias(kNet1) == "macvlan-rdma:gpu1-macvlan/0123abcd/net1");
  CHECK(kNet1.to_string() == "gpu1-macvlan/0123abcd/net1");
}

TEST_CASE("an alias fits the kernel's 255 bytes, whatever the names' length", "[attachment]") {
  const std::string prefix = "macvlan-rdma:";
  std::set<std::string> aliases;
  for (std::size_t size = 1; size <= 255; ++size) {
    const Attachment attachment{std::string(size, 'n'), std::string(size, 'c'), "net1"};
    const std::string text = alias(attachment);
    CHECK(text.size() <= 255);
    CHECK(text.starts_with(prefix));
    CHECK(aliases.insert(text).second);
    const bool is_short = prefix.size() + attachment.to_string().size() <= 255;
    CHECK(text == prefix + (is_short ? attachment.to_string() : digest(attachment)));
  }
}
