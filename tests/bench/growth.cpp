// SPDX-License-Identifier: Apache-2.0
// What ADD takes when the host, the pod or the number of pods grows.
#include <iostream>

#include "bench/parts.hpp"
#include "bench/table.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/netlink_trace.hpp"
#include "support/shell.hpp"

namespace mvr::bench {

namespace {

using Clock = std::chrono::steady_clock;

/// The row with what ADD has said and heard by netlink, in the host's namespace and in the pod's.
json with_netlink(json row, const test::Traced& traced) {
  row["requests"] = traced.sent.size();
  row["answers"] = traced.host.messages + traced.pod.messages;
  row["received_bytes"] = traced.host.bytes + traced.pod.bytes;
  return row;
}

json add_row(int at, const Samples& samples) {
  json row = make_row(samples, "ours", Verb::add, "floor");
  row["at"] = at;
  row["floor_ms"] = median(series_of(samples.at({"floor", Verb::add}), &Sample::wall_ms));
  return row;
}

/// A host that grows, and ADD and DEL on it: ours and the floor's.
class GrowingHost {
 public:
  explicit GrowingHost(const Options& options)
      : extent_{.least_rounds = 3, .most_rounds = options.is_quick ? 3 : 20} {}

  /// \param lines for `ip -batch`, that make the host this large
  json measure(int at, const std::string& lines) {
    if (!lines.empty()) {
      test::ip_batch("", lines);
    }
    return with_netlink(add_row(at, run_rounds(contestants_, extent_)),
                        contestants_.at(0).trace().at(Verb::add));
  }

 private:
  Extent extent_;
  test::Scenario scenario_{{.rails = 1}};
  std::vector<Contestant> contestants_{
      make_ours("ours", "", {scenario_.add_pod("ours")}, {make_config(1, false, true)}),
      make_floor({scenario_.add_pod("floor")})};
};

/// Links come in pairs.
json grow_links(const Options& options) {
  GrowingHost host(options);
  json rows = json::array();
  int links = 0;
  for (const int wanted : {10, 1000, 4000}) {
    std::string lines;
    for (; links < wanted; links += 2) {
      const std::string number = std::to_string(links);
      lines += "link add left" + number + " type veth peer name right" + number + '\n';
    }
    rows.push_back(host.measure(wanted, lines));
  }
  return rows;
}

json grow_routes(const Options& options) {
  GrowingHost host(options);
  json rows = json::array();
  int routes = 0;
  for (const int wanted : {10, 1000, 10'000, 100'000}) {
    constexpr int kPerRow = 250;
    std::string lines;
    for (; routes < wanted; ++routes) {
      const int row = routes / kPerRow;
      lines += "route add 198." + std::to_string(18 + row / kPerRow) + '.' +
               std::to_string(row % kPerRow) + '.' + std::to_string(routes % kPerRow) +
               " via 10.1.0.1 dev eno1\n";
    }
    rows.push_back(host.measure(wanted, lines));
  }
  return rows;
}

/// Where a NIC of the pod is looked at.
bool is_step(int nic) {
  return nic == 1 || nic == 8 || nic == 16 || nic == 32 || nic == 64;
}

/// A pod that gets NIC after NIC, on rail after rail.
class GrowingPod {
 public:
  /// Adds all of them; at each step the floor's ADD is measured as well, in another pod.
  void measure() {
    for (int nic = 1; nic <= kNics; ++nic) {
      Meter meter;
      meter.run(test::make_command(make(Verb::add, nic)));
      samples_[nic][{"ours", Verb::add}].push_back(meter.sample());
      if (is_step(nic)) {
        Meter least;
        floor_.verbs.at(Verb::add)(least);
        samples_[nic][{"floor", Verb::add}].push_back(least.sample());
        floor_.verbs.at(Verb::del)(least);
        floor_.tidy();
      }
    }
  }

  /// Adds all of them and returns a row for each step.
  json trace() {
    json rows = json::array();
    for (int nic = 1; nic <= kNics; ++nic) {
      const test::Traced traced = test::run_traced(make(Verb::add, nic));
      INFO(traced.answer);
      REQUIRE(traced.answer.ok());
      if (is_step(nic)) {
        rows.push_back(with_netlink(add_row(nic, samples_.at(nic)), traced));
      }
    }
    return rows;
  }

  void empty() const {
    for (int nic = 1; nic <= kNics; ++nic) {
      Meter::run_unmeasured(test::make_command(make(Verb::del, nic)));
    }
  }

 private:
  static constexpr int kRails = 8;
  static constexpr int kNics = 64;

  [[nodiscard]] test::Call make(Verb verb, int nic) const {
    return make_call(verb, place_, "net" + std::to_string(nic),
                     make_config((nic - 1) % kRails + 1, false, true));
  }

  test::Scenario scenario_{{.rails = kRails}};
  Place place_{scenario_.add_pod("pod")};
  Contestant floor_ = make_floor({scenario_.add_pod("floor")});
  std::map<int, Samples> samples_ = {};
};

json grow_nics(const Options& options) {
  GrowingPod pod;
  for (int pass = 0; pass < (options.is_quick ? 1 : 7); ++pass) {
    pod.measure();
    pod.empty();
  }
  return pod.trace();
}

/// Starts all of them, waits for all; milliseconds.
double run_at_once(const std::vector<test::Command>& commands) {
  const auto begin = Clock::now();
  std::vector<test::Process> processes;
  processes.reserve(commands.size());
  for (const test::Command& command : commands) {
    processes.emplace_back(command);
  }
  for (test::Process& process : processes) {
    const test::Output output = process.wait();
    INFO(output.out << output.err);
    REQUIRE(output.status == 0);
  }
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

json grow_pods(const Options& options) {
  test::Scenario scenario({.rails = 1});
  std::vector<test::Command> adds;
  std::vector<test::Command> dels;
  json rows = json::array();
  for (const std::size_t pods : {1U, 4U, 16U, 64U}) {
    while (adds.size() < pods) {
      const Place place{scenario.add_pod("pod" + std::to_string(adds.size()))};
      const json config = make_config(1, false, true);
      adds.push_back(test::make_command(make_call(Verb::add, place, "net1", config)));
      dels.push_back(test::make_command(make_call(Verb::del, place, "net1", config)));
    }
    Series add_ms;
    Series del_ms;
    for (int pass = 0; pass < (options.is_quick ? 1 : 5); ++pass) {
      add_ms.push_back(run_at_once(adds));
      del_ms.push_back(run_at_once(dels));
    }
    rows.push_back({{"at", pods},
                    {"add_ms", median(add_ms)},
                    {"add_ms_each", median(add_ms) / static_cast<double>(pods)},
                    {"del_ms", median(del_ms)},
                    {"del_ms_each", median(del_ms) / static_cast<double>(pods)}});
  }
  return rows;
}

void print_rows(const std::string& title, const json& rows) {
  Table table(
      {title, "ADD ms", "p90 ms", "floor ms", "x floor", "netlink sent", "received", "bytes"});
  for (const json& row : rows) {
    table.add({show(row.at("at"), 0), show(row.at("wall_ms").at("median")),
               show(row.at("wall_ms").at("p90")), show(row.at("floor_ms")),
               show(row.at("of_reference")), show(row.at("requests"), 0),
               show(row.at("answers"), 0), show(row.at("received_bytes"), 0)});
  }
  std::cout << table.text() << '\n';
}

}  // namespace

json measure_growth(const Options& options) {
  // Links last: it takes the kernel a while to forget them, which nobody shall wait for.
  json figures;
  figures["pods"] = grow_pods(options);
  figures["nics"] = grow_nics(options);
  figures["routes"] = grow_routes(options);
  figures["links"] = grow_links(options);
  return figures;
}

void print_growth(const json& figures) {
  std::cout
      << "ADD of one NIC where there are more and more of them, against the floor's ADD in the\n"
         "same rounds; netlink in messages, of host and pod\n\n";
  print_rows("links more on the host", figures.at("links"));
  print_rows("routes more on the host", figures.at("routes"));
  print_rows("NICs in the pod, with this one", figures.at("nics"));
  Table table(
      {"pods at once, one master", "ADD of all, ms", "ms a pod", "DEL of all, ms", "ms a pod"});
  for (const json& row : figures.at("pods")) {
    table.add({show(row.at("at"), 0), show(row.at("add_ms")), show(row.at("add_ms_each")),
               show(row.at("del_ms")), show(row.at("del_ms_each"))});
  }
  std::cout << table.text() << '\n';
}

}  // namespace mvr::bench
