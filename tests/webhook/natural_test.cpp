// SPDX-License-Identifier: Apache-2.0
/// \file
/// The order of names.
#include "webhook/natural.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"

using mvr::webhook::natural_compare;

namespace {

constexpr mvr::webhook::NaturalLess is_less;

}  // namespace

TEST_CASE("numbers in names count as numbers", "[natural]") {
  std::vector<std::string> names{"mlx5_10", "enp10s0", "enp2s0f1np1", "enp2s0",
                                 "mlx5_2",  "ens1f1",  "enp2s0f0np0", "",
                                 "enp2s10", "bond0"};
  std::ranges::sort(names, mvr::webhook::NaturalLess());
  CHECK(names == std::vector<std::string>{"", "bond0", "enp2s0", "enp2s0f0np0", "enp2s0f1np1",
                                          "enp2s10", "enp10s0", "ens1f1", "mlx5_2", "mlx5_10"});
}

TEST_CASE("numbers of any length, and zeros in front of them", "[natural]") {
  const std::string huge(300, '9');
  CHECK((natural_compare("x" + huge, "x1" + std::string(300, '0')) < 0));
  CHECK((natural_compare("x" + huge, "x" + huge) == 0));
  CHECK((natural_compare("x01", "x1") < 0));
  CHECK((natural_compare("x01y", "x1z") < 0));
  CHECK((natural_compare("x00", "x0") != 0));
  CHECK((natural_compare("\xc3\xa9", "z") > 0));
}

TEST_CASE("the order is one", "[natural]") {
  std::mt19937 random(7);
  std::vector<std::string> names;
  for (int i = 0; i < 60; ++i) {
    std::string name;
    for (auto k = random() % 5; k > 0; --k) {
      name += "019ab"[random() % 5];
    }
    names.push_back(name);
  }
  for (const auto& a : names) {
    for (const auto& b : names) {
      CHECK(is_less(a, b) == (natural_compare(b, a) > 0));
      CHECK((natural_compare(a, b) == 0 ? a == b : a != b));
      for (const auto& c : names) {
        if (is_less(a, b) && is_less(b, c)) {
          CHECK(is_less(a, c));
        }
      }
    }
  }
}
