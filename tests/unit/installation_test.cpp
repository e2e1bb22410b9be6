// SPDX-License-Identifier: Apache-2.0
#include "ops/installation.hpp"

#include "support/catch.hpp"

using mvr::ops::find_version;

TEST_CASE("a program's version is in its bytes", "[install]") {
  using namespace std::string_literals;
  CHECK(find_version("\x7f"
                     "ELF\0macvlan-rdma-version=1.20.3;\0"s) == "1.20.3");
  CHECK(find_version("macvlan-rdma-version=0.1.0;") == "0.1.0");
  CHECK(find_version("macvlan-rdma-version=2") == "2");
  CHECK_FALSE(find_version(""));
  CHECK_FALSE(find_version("macvlan-rdma"));
  CHECK_FALSE(find_version("macvlan-rdma-version="));
  CHECK_FALSE(find_version("macvlan-rdma-version=;"));
  CHECK_FALSE(find_version("macvlan-rdma-version=new;"));
  CHECK_FALSE(find_version("macvlan-rdma-version=\x1b[31m;"));
}
