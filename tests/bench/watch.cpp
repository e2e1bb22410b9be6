// SPDX-License-Identifier: Apache-2.0
#include "bench/watch.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <sstream>

#include "support/catch.hpp"

namespace mvr::bench {

namespace {

using test::Command;
using test::SentMessage;

/// Everything but requests that only read.
/// \source linux/rtnetlink.h: the two lowest bits of a type are NEW, DEL, GET and SET
bool changes_something(const SentMessage& message) {
  const auto type = reinterpret_cast<const nlmsghdr*>(message.bytes.data())->nlmsg_type;
  constexpr unsigned kGet = 2;
  return type >= RTM_BASE && type <= RTM_MAX && (type & 3U) != kGet;
}

/// Brief lines have the operational state as their second word; it follows the carrier a moment
/// later.
std::string without_state(const std::string& line) {
  std::istringstream words(line);
  std::string name;
  std::string state;
  std::string rest;
  words >> name >> state >> std::ws;
  std::getline(words, rest);
  return name + ' ' + rest;
}

}  // namespace

Lines read_lines(const Place& place, const std::string& arguments) {
  Command command{.argv = {"/sbin/ip", "-4"}, .netns = place.pod.netns};
  std::istringstream words(arguments);
  for (std::string word; words >> word;) {
    command.argv.push_back(word);
  }
  std::istringstream text(Meter::run_unmeasured(command));
  Lines lines;
  for (std::string line; std::getline(text, line);) {
    lines.push_back(line);
  }
  return lines;
}

Lines read_pod(const Place& place) {
  Lines all;
  for (const char* what : {"route show table all", "rule show"}) {
    const Lines lines = read_lines(place, what);
    all.insert(all.end(), lines.begin(), lines.end());
  }
  for (const char* what : {"-br link", "-br addr"}) {
    for (const std::string& line : read_lines(place, what)) {
      all.push_back(without_state(line));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<SentMessage> watch_add(const Place& place, const std::function<void()>& look) {
  json config = make_config(place.rail, false, true);
  test::Traced traced = test::run_traced(make_call(Verb::add, place, "net1", config));
  INFO(traced.answer);
  REQUIRE(traced.answer.ok());
  look();
  config["prevResult"] = traced.answer.body;
  REQUIRE(test::run_plugin(make_call(Verb::del, place, "net1", config)).ok());
  std::erase_if(traced.sent,
                [](const SentMessage& message) { return !changes_something(message); });
  return std::move(traced.sent);
}

void verify(const Contestant& contestant, const Place& place, const Lines& wanted) {
  const Lines before = read_pod(place);
  Meter meter;
  contestant.verbs.at(Verb::add)(meter);
  INFO(contestant.name);
  REQUIRE(read_pod(place) == wanted);
  contestant.verbs.at(Verb::del)(meter);
  contestant.tidy();
  REQUIRE(read_pod(place) == before);
}

}  // namespace mvr::bench
