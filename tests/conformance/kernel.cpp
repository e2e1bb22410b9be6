// SPDX-License-Identifier: Apache-2.0
#include "kernel.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "program.hpp"

namespace conformance {

namespace {

Output run_ip(const std::string& netns, std::vector<std::string> arguments,
              const std::string& input = "") {
  std::vector<std::string> argv{"ip"};
  if (!netns.empty()) {
    argv.insert(argv.end(), {"-netns", netns});
  }
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run({.argv = std::move(argv), .input = input});
}

/// Several questions to one program, since starting it is what takes time; all objects of all
/// answers.
std::vector<json> ask(const std::string& netns, std::vector<std::string> options,
                      const std::string& questions) {
  options.insert(options.end(), {"-json", "-details", "-batch", "-"});
  const Output output = run_ip(netns, std::move(options), questions);
  if (output.status != 0) {
    throw std::runtime_error("ip: " + output.err);
  }
  std::istringstream text(output.out);
  std::vector<json> objects;
  for (json answer; text >> std::ws && !text.eof();) {
    text >> answer;
    objects.insert(objects.end(), answer.begin(), answer.end());
  }
  return objects;
}

/// Comes and goes with links and addresses, at times of the kernel's choice.
bool is_automatic(const json& route) {
  const std::string dst = route.value("dst", "");
  return route.value("table", "") == "local" || route.value("type", "") == "multicast" ||
         dst.starts_with("fe80:") || dst.starts_with("ff");
}

bool is_up(const json& link) {
  const json flags = link.value("flags", json::array());
  return std::ranges::find(flags, json("UP")) != flags.end();
}

void add_link_lines(const json& link, std::set<std::string>& lines) {
  const std::string name = link.value("ifname", "");
  const json info = link.value("linkinfo", json::object());
  std::ostringstream line;
  line << "link " << name << ' ' << info.value("info_kind", "") << ' ' << link.value("address", "")
       << " mtu " << link.value("mtu", 0) << (is_up(link) ? " up " : " down ")
       << link.value("master", "");
  lines.insert(line.str());
  for (const std::string& address : addresses_of(link)) {
    lines.insert(std::string("address ").append(address).append(" on ").append(name));
  }
}

}  // namespace

std::string ip(const std::string& netns, std::vector<std::string> arguments) {
  std::string words;
  for (const std::string& argument : arguments) {
    words += " " + argument;
  }
  const Output output = run_ip(netns, std::move(arguments));
  if (output.status != 0) {
    throw std::runtime_error("ip" + words + ": " + output.err);
  }
  return output.out;
}

json find_link(const std::string& netns, const std::string& name) {
  for (json& link : ask(netns, {}, "address show\n")) {
    if (link.value("ifname", "") == name) {
      return link;
    }
  }
  return nullptr;
}

std::set<std::string> addresses_of(const json& link) {
  std::set<std::string> result;
  for (const json& address : link.value("addr_info", json::array())) {
    if (address.value("scope", "") == "global" && !address.value("dynamic", false)) {
      result.insert(address.at("local").get<std::string>() + "/" +
                    std::to_string(address.at("prefixlen").get<int>()));
    }
  }
  return result;
}

std::set<std::string> look_around(const std::string& netns) {
  std::set<std::string> lines;
  for (const json& link : ask(netns, {}, "address show\n")) {
    add_link_lines(link, lines);
  }
  for (const char* family : {"-4", "-6"}) {
    for (json& found : ask(netns, {family}, "route show table all\nrule show\n")) {
      const bool is_rule = found.contains("priority");
      if (is_rule || !is_automatic(found)) {
        found.erase("flags");  // "linkdown" follows the carrier
        lines.insert((is_rule ? "rule " : "route ") + found.dump());
      }
    }
  }
  return lines;
}

std::set<std::string> route_destinations(const std::string& netns, const std::string& device) {
  std::set<std::string> result;
  for (const char* family : {"-4", "-6"}) {
    for (const json& route : ask(netns, {family}, "route show table all\n")) {
      if (route.value("dev", "") == device) {
        result.insert(route.value("dst", ""));
      }
    }
  }
  return result;
}

}  // namespace conformance
