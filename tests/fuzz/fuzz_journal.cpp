// SPDX-License-Identifier: Apache-2.0
// The journal's text: whatever is believed survives being written and read again.
#include <string>

#include "fuzz.hpp"
#include "mvr/state/journal.hpp"

using mvr::fuzz::require;
namespace state = mvr::state;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = state::parse_record(std::string(mvr::fuzz::text_of(data, size)));
  if (record) {
    require(state::parse_record(state::format_record(*record)) == record);
    require(state::alias(record->attachment).size() <= 255);
    require(state::temporary_name(record->attachment).size() == 15);
  }
  return 0;
}
