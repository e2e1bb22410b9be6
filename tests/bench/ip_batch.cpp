// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <sstream>

#include "bench/watch.hpp"

namespace mvr::bench {

namespace {

using test::Command;

/// The word behind a word.
std::string word_after(const std::string& line, const std::string& label) {
  std::istringstream words(line);
  std::string word;
  while (words >> word && word != label) {
  }
  words >> word;
  return word;
}

Lines without(Lines lines, const Lines& others) {
  std::erase_if(lines, [&](const std::string& line) {
    return std::find(others.begin(), others.end(), line) != others.end();
  });
  return lines;
}

bool is_kernels(const std::string& route) {
  return route.find("proto kernel") != std::string::npos;
}

/// Commands that make what is new; routes that need others come after those.
struct Batch {
  std::string host;
  std::string pod;
  std::string tidy;  ///< what DEL of the link leaves
  Lines wanted;      ///< what it makes, as `read_pod` shows it
};

void put_routing(Batch& batch, Lines routes, const Lines& rules) {
  std::stable_partition(routes.begin(), routes.end(), [](const std::string& route) {
    return route.find(" via ") == std::string::npos;
  });
  for (const std::string& route : routes) {
    batch.pod += "route add " + route + '\n';
    if (route.find(" dev net1 ") == std::string::npos) {
      batch.tidy += "route del " + route + '\n';
    }
  }
  for (std::string rule : rules) {
    rule.replace(rule.find(':'), 1, " ");
    batch.pod += "rule add pref " + rule + '\n';
    batch.tidy += "rule del pref " + rule + '\n';
  }
}

Batch make_batch(const Place& place) {
  const auto read_routes = [&] { return read_lines(place, "route show table all"); };
  const auto read_rules = [&] { return read_lines(place, "rule show"); };
  const Lines old_routes = read_routes();
  const Lines old_rules = read_rules();
  Batch batch;
  watch_add(place, [&] {
    batch.wanted = read_pod(place);
    const std::string link = read_lines(place, "-o link show dev net1").at(0);
    batch.host = "link add link " + test::rail_master(place.rail) + " name net1 address " +
                 word_after(link, "link/ether") + " mtu " + word_after(link, "mtu") + " netns " +
                 place.pod.name + " type macvlan mode bridge\n";
    const std::string address = read_lines(place, "-o addr show dev net1").at(0);
    batch.pod = "link set net1 up\naddr add " + word_after(address, "inet") +
                " brd + dev net1 metric " + word_after(address, "metric") + '\n';
    Lines routes = without(read_routes(), old_routes);
    std::erase_if(routes, is_kernels);
    put_routing(batch, std::move(routes), without(read_rules(), old_rules));
  });
  return batch;
}

}  // namespace

Contestant make_ip_batch(const Place& place) {
  const Batch batch = make_batch(place);
  const auto command = [&](const std::string& netns, const std::string& lines) {
    return Command{
        .argv = {"/sbin/ip", "-batch", "-"}, .input = lines, .clean_env = true, .netns = netns};
  };
  const Command host = command("", batch.host);
  const Command pod = command(place.pod.netns, batch.pod);
  const Command del = command(place.pod.netns, "link del net1\n");
  const Command tidy = command(place.pod.netns, batch.tidy);
  Contestant contestant{.name = "ip -batch",
                        .note = "the same objects by ip, once in each namespace; DEL: the link",
                        .verbs = {{Verb::add,
                                   [=](Meter& meter) {
                                     meter.run(host);
                                     meter.run(pod);
                                   }},
                                  {Verb::del, [=](Meter& meter) { meter.run(del); }}},
                        .tidy = [=] { Meter::run_unmeasured(tidy); }};
  verify(contestant, place, batch.wanted);
  return contestant;
}

}  // namespace mvr::bench
