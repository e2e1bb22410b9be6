// SPDX-License-Identifier: Apache-2.0
#include "bench/contestants.hpp"

#include <memory>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_world.hpp"

namespace mvr::bench {

namespace {

using test::Call;
using test::Command;
using test::Pod;

/// As a runtime starts a plugin: no other variables than those of the protocol.
Command command_of(const std::string& program, const Call& call) {
  Command command = test::make_command(call);
  command.argv = {program};
  command.env.erase("PATH");
  return command;
}

std::string path_of(const std::string& plugin) {
  return std::string(test::kCniPath) + "/" + plugin;
}

json with_result(json config, const json& result) {
  if (result.is_object()) {
    config["prevResult"] = result;
  }
  return config;
}

/// A plugin of the chain as its NetworkAttachmentDefinition has it.
json chain_config(const std::string& plugin, int rail) {
  json config{{"cniVersion", "1.0.0"}, {"name", "chain"}, {"type", plugin}};
  if (plugin == "macvlan") {
    config["master"] = test::rail_master(rail);
    config["mode"] = "bridge";
    config["ipam"] = test::rail_config(rail).at("ipam");
  } else if (plugin == "tuning") {
    config["sysctl"] = {{"net.ipv4.conf.net1.rp_filter", "0"},
                        {"net.ipv4.conf.net1.arp_ignore", "1"},
                        {"net.ipv4.conf.net1.arp_announce", "2"}};
  }
  return config;
}

std::map<Verb, test::Traced> trace_verbs(const Place& place, json config) {
  std::map<Verb, test::Traced> result;
  for (const Verb verb : {Verb::add, Verb::check, Verb::del}) {
    test::Traced traced = test::run_traced(make_call(verb, place, "net1", config));
    INFO(traced.answer);
    REQUIRE(traced.answer.ok());
    config = with_result(config, traced.answer.body);
    result.emplace(verb, std::move(traced));
  }
  return result;
}

}  // namespace

std::string name_of(Verb verb) {
  switch (verb) {
    case Verb::start:
      return "start";
    case Verb::add:
      return "ADD";
    case Verb::check:
      return "CHECK";
    case Verb::del:
      return "DEL";
  }
  return {};
}

Call make_call(Verb verb, const Place& place, const std::string& ifname, const json& config) {
  return {.verb = name_of(verb),
          .container_id = "bench-" + place.pod.name,
          .netns = place.pod.netns,
          .ifname = ifname,
          .args = test::multus_args(place.pod.name),
          .config = config};
}

json make_config(int rail, bool has_conflict_probe, bool has_gateway_probe) {
  json config = test::rail_config(rail);
  config["conflictProbe"] = has_conflict_probe;
  config["gatewayProbe"] = has_gateway_probe;
  return config;
}

Contestant make_ours(const std::string& name, const std::string& note, const Place& place,
                     const std::vector<json>& configs) {
  const auto results = std::make_shared<std::vector<json>>(configs.size());
  const auto runner = [=](Verb verb) {
    return [=](Meter& meter) {
      for (std::size_t i = 0; i < configs.size(); ++i) {
        json& result = results->at(i);
        const json config = verb == Verb::add ? configs[i] : with_result(configs[i], result);
        const Call call = make_call(verb, place, "net" + std::to_string(i + 1), config);
        const std::string out = meter.run(command_of(test::plugin_path(), call));
        if (verb == Verb::add) {
          result = json::parse(out);
        }
      }
    };
  };
  return {.name = name,
          .note = note,
          .verbs = {{Verb::add, runner(Verb::add)},
                    {Verb::check, runner(Verb::check)},
                    {Verb::del, runner(Verb::del)}},
          .nics = configs.size(),
          .counts_instructions = configs.size() == 1 && !configs[0].contains("ipam"),
          .trace = configs.size() == 1 ? [=] { return trace_verbs(place, configs[0]); }
                                       : std::function<std::map<Verb, test::Traced>()>()};
}

Contestant make_chain(const std::string& name, const std::string& note, const Place& place,
                      const std::vector<std::string>& plugins) {
  const auto result = std::make_shared<json>();
  const auto runner = [=](Verb verb) {
    return [=](Meter& meter) {
      std::vector<std::string> order = plugins;
      if (verb == Verb::add) {
        *result = json();
      } else if (verb == Verb::del) {
        order.assign(plugins.rbegin(), plugins.rend());
      }
      for (const std::string& plugin : order) {
        const json config = with_result(chain_config(plugin, place.rail), *result);
        const std::string out =
            meter.run(command_of(path_of(plugin), make_call(verb, place, "net1", config)));
        if (verb == Verb::add) {
          *result = json::parse(out);
        }
      }
    };
  };
  Contestant contestant{.name = name,
                        .note = note,
                        .verbs = {{Verb::add, runner(Verb::add)}, {Verb::del, runner(Verb::del)}}};
  if (plugins.size() == 1) {
    contestant.verbs.emplace(Verb::check, runner(Verb::check));
  }
  return contestant;
}

Contestant make_host_local(const Place& place) {
  const auto result = std::make_shared<json>();
  const json config = test::rail_config(place.rail);
  const auto runner = [=](Verb verb) {
    return [=](Meter& meter) {
      const json input = verb == Verb::add ? config : with_result(config, *result);
      const std::string out =
          meter.run(command_of(path_of("host-local"), make_call(verb, place, "net1", input)));
      if (verb == Verb::add) {
        *result = json::parse(out);
      }
    };
  };
  return {.name = "host-local",
          .note = "the IPAM plugin alone",
          .verbs = {{Verb::add, runner(Verb::add)},
                    {Verb::check, runner(Verb::check)},
                    {Verb::del, runner(Verb::del)}}};
}

Contestant make_start(const std::string& name, const std::string& note, const std::string& program,
                      bool counts_instructions) {
  const Command command{.argv = {program}, .env = {{"CNI_COMMAND", "VERSION"}}, .clean_env = true};
  return {.name = name,
          .note = note,
          .verbs = {{Verb::start, [=](Meter& meter) { meter.run(command); }}},
          .counts_instructions = counts_instructions};
}

std::vector<Contestant> make_contestants(test::Scenario& scenario, int rails) {
  int pods = 0;
  const auto place = [&](test::Families families = test::Families::v4) {
    return Place{scenario.add_pod("pod" + std::to_string(pods++), test::Overlay::calico, families)};
  };
  const json main_line = make_config(1, false, true);
  json no_ipam = main_line;
  no_ipam.erase("ipam");
  json dual = test::rail_config_of(test::Families::dual, 1);
  dual["conflictProbe"] = false;
  std::vector<json> all_rails;
  for (int rail = 1; rail <= rails; ++rail) {
    all_rails.push_back(make_config(rail, false, true));
  }
  const std::string all = std::to_string(rails);
  return {
      make_ours("ours", "gateway asked, conflicts not", place(), {main_line}),
      make_ours("ours, conflict probe", "gateway and conflicts asked", place(),
                {make_config(1, true, true)}),
      make_ours("ours, no probe", "nobody asked", place(), {make_config(1, false, false)}),
      make_ours("ours, no IPAM", "a link without addresses", place(), {no_ipam}),
      make_ours("ours, dual stack", "as ours, IPv4 and IPv6", place(test::Families::dual), {dual}),
      make_ours("ours, " + all + " NICs", "as ours, one NIC after another", place(), all_rails),
      make_chain("chain", "macvlan, sbr, tuning, host-local", place(),
                 {"macvlan", "sbr", "tuning"}),
      make_chain("macvlan", "macvlan, host-local; no policy routing", place(), {"macvlan"}),
      make_host_local(place()),
      make_floor(place()),
      make_ip_batch(place()),
      make_start("VERSION", "our program's start", test::plugin_path(), true),
      make_start("empty", "an empty static program", tool_path("empty")),
      make_start("macvlan VERSION", "the start of a plugin in Go", path_of("macvlan")),
  };
}

}  // namespace mvr::bench
