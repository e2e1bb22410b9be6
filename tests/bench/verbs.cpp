// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "bench/parts.hpp"
#include "bench/table.hpp"

namespace mvr::bench {

namespace {

constexpr int kRails = 8;

/// Who a verb is compared with.
std::string reference_of(Verb verb) {
  switch (verb) {
    case Verb::start:
      return "empty";
    case Verb::check:
      return "macvlan";
    case Verb::add:
    case Verb::del:
      break;
  }
  return "chain";
}

json middle_of(const Series& series) {
  return {{"median", median(series)}, {"p90", p90(series)}};
}

/// What is ours in the time of a verb: without the IPAM plugin's process in the same round.
json make_share(const Samples& samples, Verb verb) {
  const Series ours = series_of(samples.at({"ours", verb}), &Sample::wall_ms);
  const Series ipam = series_of(samples.at({"host-local", verb}), &Sample::wall_ms);
  const auto floor = samples.find({"floor", verb});
  const Series own = subtract(ours, ipam);
  json share{{"verb", name_of(verb)},    {"all_ms", median(ours)}, {"ipam_ms", median(ipam)},
             {"own_ms", middle_of(own)}, {"floor_ms", nullptr},    {"of_floor", nullptr}};
  if (floor != samples.end()) {
    const Series least = series_of(floor->second, &Sample::wall_ms);
    share["floor_ms"] = median(least);
    share["of_floor"] = median(divide(own, least));
  }
  return share;
}

void print_verb(const json& rows, Verb verb) {
  const std::string head = name_of(verb);
  const std::string reference = reference_of(verb);
  Table table({head, "median ms", "p90 ms", "ms a NIC", "x " + reference, "CPU ms",
               "CPU x " + reference, "waits", "preempted", "minor faults", "major", "programs", ""},
              true);
  for (const json& row : rows) {
    if (row.at("verb") == head) {
      const double per_nic =
          row.at("wall_ms").at("median").get<double>() / row.at("nics").get<double>();
      table.add({row.at("name"), show(row.at("wall_ms").at("median")),
                 show(row.at("wall_ms").at("p90")), show(per_nic), show(row.at("of_reference")),
                 show(row.at("cpu_ms").at("median")), show(row.at("cpu_of_reference")),
                 show(row.at("switches"), 0), show(row.at("preemptions"), 0),
                 show(row.at("minor_faults"), 0), show(row.at("major_faults"), 0),
                 show(row.at("programs"), 0), row.at("note")});
    }
  }
  std::cout << table.text() << '\n';
}

void print_shares(const json& shares) {
  std::cout << "What is ours in it: without host-local's process, against prepared messages sent\n";
  Table table(
      {"verb", "all ms", "host-local ms", "own ms", "own p90 ms", "floor ms", "own x floor"});
  for (const json& share : shares) {
    table.add({share.at("verb"), show(share.at("all_ms")), show(share.at("ipam_ms")),
               show(share.at("own_ms").at("median")), show(share.at("own_ms").at("p90")),
               show(share.at("floor_ms")), show(share.at("of_floor"))});
  }
  std::cout << table.text() << '\n';
}

}  // namespace

json make_row(const Samples& samples, const std::string& name, Verb verb,
              const std::string& reference) {
  const std::vector<Sample>& own = samples.at({name, verb});
  const auto field = [&](double Sample::*member) { return series_of(own, member); };
  json row{{"name", name},
           {"verb", name_of(verb)},
           {"wall_ms", middle_of(field(&Sample::wall_ms))},
           {"cpu_ms", middle_of(field(&Sample::cpu_ms))},
           {"minor_faults", median(field(&Sample::minor_faults))},
           {"major_faults", median(field(&Sample::major_faults))},
           {"switches", median(field(&Sample::switches))},
           {"preemptions", median(field(&Sample::preemptions))},
           {"programs", median(field(&Sample::programs))},
           {"of_reference", nullptr},
           {"cpu_of_reference", nullptr}};
  if (const auto found = samples.find({reference, verb}); found != samples.end()) {
    const auto ratio = [&](double Sample::*member) {
      return median(divide(field(member), series_of(found->second, member)));
    };
    row["of_reference"] = ratio(&Sample::wall_ms);
    row["cpu_of_reference"] = ratio(&Sample::cpu_ms);
  }
  return row;
}

json measure_verbs(const Options& options) {
  test::Scenario scenario({.rails = kRails, .has_ipv6 = true});
  const std::vector<Contestant> contestants = make_contestants(scenario, kRails);
  const json effort = measure_effort(contestants);
  const Samples samples = run_rounds(contestants, {.time = options.time});
  json rows = json::array();
  for (const Contestant& contestant : contestants) {
    for (const auto& [verb, run] : contestant.verbs) {
      json row = make_row(samples, contestant.name, verb, reference_of(verb));
      row["note"] = contestant.note;
      row["nics"] = contestant.nics;
      for (const char* ratio : {"of_reference", "cpu_of_reference"}) {
        if (row.at(ratio).is_number()) {
          row[ratio] = row.at(ratio).get<double>() / static_cast<double>(contestant.nics);
        }
      }
      rows.push_back(std::move(row));
    }
  }
  return {{"rounds", samples.begin()->second.size()},
          {"rows", rows},
          {"shares",
           {make_share(samples, Verb::add), make_share(samples, Verb::check),
            make_share(samples, Verb::del)}},
          {"effort", effort},
          {"goals", judge(samples, effort)}};
}

void print_verbs(const json& figures) {
  std::cout
      << figures.at("rounds")
      << " rounds; in each, every contestant runs once, in an order of the round's own.\n"
         "Times are of all programs of a verb, and of those that they start. x is the median\n"
         "of the rounds' own ratios, not the ratio of the medians; of several NICs, for one of\n"
         "them.\n\n";
  for (const Verb verb : {Verb::add, Verb::check, Verb::del, Verb::start}) {
    print_verb(figures.at("rows"), verb);
  }
  print_shares(figures.at("shares"));
  print_effort(figures.at("effort"));
  print_goals(figures.at("goals"));
}

}  // namespace mvr::bench
