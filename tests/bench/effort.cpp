// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "bench/parts.hpp"
#include "bench/table.hpp"

namespace mvr::bench {

namespace {

json count_netlink(const test::Traced& traced) {
  std::uint64_t sent = 0;
  for (const test::SentMessage& message : traced.sent) {
    sent += message.bytes.size();
  }
  return {{"requests", traced.sent.size()},
          {"sent_bytes", sent},
          {"answers", traced.host.messages + traced.pod.messages},
          {"received_bytes", traced.host.bytes + traced.pod.bytes}};
}

/// Runs all verbs under a lens; what it saw goes into the rows under `key`.
void look(const Contestant& contestant, Lens lens, const std::string& key,
          std::map<Verb, json>& rows) {
  for (const auto& [verb, run] : contestant.verbs) {
    Meter meter(lens);
    run(meter);
    rows[verb][key] = meter.seen();
  }
  contestant.tidy();
}

std::map<Verb, json> look_at(const Contestant& contestant) {
  std::map<Verb, json> rows;
  for (const auto& [verb, run] : contestant.verbs) {
    rows[verb] = {{"name", contestant.name},     {"verb", name_of(verb)},
                  {"instructions", nullptr},     {"own_system_calls", nullptr},
                  {"own_minor_faults", nullptr}, {"own_peak_kib", nullptr},
                  {"netlink", nullptr}};
  }
  look(contestant, Lens::system_calls, "system_calls", rows);
  look(contestant, Lens::memory, "peak_kib", rows);
  if (contestant.counts_instructions) {
    look(contestant, Lens::instructions, "instructions", rows);
  }
  if (contestant.trace) {
    for (const auto& [verb, traced] : contestant.trace()) {
      rows[verb]["own_system_calls"] = traced.system_calls;
      rows[verb]["own_minor_faults"] = traced.minor_faults;
      rows[verb]["own_peak_kib"] = traced.peak_kib;
      rows[verb]["netlink"] = count_netlink(traced);
    }
  }
  return rows;
}

}  // namespace

json measure_effort(const std::vector<Contestant>& contestants) {
  json all = json::array();
  for (const Contestant& contestant : contestants) {
    for (auto& [verb, row] : look_at(contestant)) {
      all.push_back(std::move(row));
    }
  }
  return all;
}

void print_effort(const json& rows) {
  std::cout
      << "What the kernel is asked, in a pass of its own (strace, ptrace, callgrind); own = our\n"
         "process alone; peak = of the largest program that there was\n";
  Table table({"contestant", "verb", "system calls", "own", "netlink sent", "bytes", "received",
               "bytes", "own faults", "peak KiB", "own peak KiB", "own instructions"});
  for (const json& row : rows) {
    const json& netlink = row.at("netlink");
    const auto count = [&](const char* key) {
      return netlink.is_object() ? show(netlink.at(key), 0) : "-";
    };
    table.add({row.at("name"), row.at("verb"), show(row.at("system_calls"), 0),
               show(row.at("own_system_calls"), 0), count("requests"), count("sent_bytes"),
               count("answers"), count("received_bytes"), show(row.at("own_minor_faults"), 0),
               show(row.at("peak_kib"), 0), show(row.at("own_peak_kib"), 0),
               show(row.at("instructions"), 0)});
  }
  std::cout << table.text() << '\n';
}

}  // namespace mvr::bench
