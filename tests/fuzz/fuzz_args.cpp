// SPDX-License-Identifier: Apache-2.0
// CNI_ARGS, and the rest of the environment with the same text.
#include <string>

#include "fuzz.hpp"
#include "mvr/cni/environment.hpp"

using mvr::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(mvr::fuzz::text_of(data, size));
  const auto args = mvr::cni::parse_args(text);
  if (!args) {
    require(args.error().code == mvr::Code::bad_environment && !args.error().msg.empty());
  }
  for (const char* verb : {"ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"}) {
    const auto environment = mvr::cni::read_environment([&](const char* name) {
      return std::string_view(name) == "CNI_COMMAND" ? verb : text.c_str();
    });
    require(environment || !environment.error().msg.empty());
  }
  require(!mvr::cni::is_valid_ifname(text) || text.size() <= 15);
  require(!mvr::cni::is_valid_id(text) || text.size() <= 255);
  return 0;
}
