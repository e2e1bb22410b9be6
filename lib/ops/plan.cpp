// SPDX-License-Identifier: Apache-2.0
// `plan`: what ADD would do.
#include <unistd.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"
#include "mvr/plugin/plan_add.hpp"
#include "ops/commands.hpp"
#include "ops/input.hpp"
#include "ops/manifest.hpp"
#include "ops/screen.hpp"
#include "ops/write.hpp"

namespace mvr::ops {
namespace {

using plugin::Deed;
using plugin::Plan;
using plugin::PlanRequest;

constexpr std::string_view kDefaultContainer = "plan";

std::vector<std::string> values_of(const Arguments& arguments, std::string_view name) {
  const auto found = arguments.options.find(name);
  return found != arguments.options.end() ? found->second : std::vector<std::string>();
}

Result<void> check_families(const PlanRequest& request) {
  for (const ip::Address& gateway : request.gateways) {
    const bool has_family = std::ranges::any_of(request.addresses, [&](const ip::Prefix& address) {
      return address.family() == gateway.family();
    });
    if (!has_family) {
      return fail(Code::bad_config,
                  "--gateway " + gateway.to_string() + ": there is no --ip of its family");
    }
  }
  return {};
}

Result<void> read_addresses(const Arguments& arguments, PlanRequest& request) {
  for (const std::string& text : values_of(arguments, "ip")) {
    const auto address = ip::Prefix::parse(text);
    if (!address) {
      return fail(Code::bad_config, "--ip \"" + printable(text) +
                                        "\": must be an address with its length, such as "
                                        "172.16.11.10/24 or fd00:10:11::10/64");
    }
    request.addresses.push_back(*address);
  }
  for (const std::string& text : values_of(arguments, "gateway")) {
    const auto gateway = ip::Address::parse(text);
    if (!gateway) {
      return fail(Code::bad_config, "--gateway \"" + printable(text) +
                                        "\": must be an address, such as 172.16.11.254");
    }
    if (std::ranges::find(request.gateways, gateway->family(), &ip::Address::family) !=
        request.gateways.end()) {
      return fail(Code::bad_config,
                  "--gateway " + text + ": there is one of the same family already");
    }
    request.gateways.push_back(*gateway);
  }
  if (!request.gateways.empty() && request.addresses.empty()) {
    return fail(Code::bad_config, "--gateway: goes with --ip");
  }
  return check_families(request);
}

/// What a runtime makes of a file: of a NetworkAttachmentDefinition or a list its one plugin of
/// ours. A configuration by itself goes to the plugin as it is, which may refuse it.
Result<std::string> read_config(const std::string& name) {
  std::string text = MVR_TRY(read_input(name));
  std::vector<Finding> findings;
  const Manifest manifest = read_manifest({name, text}, findings);
  if (manifest.networks.size() > 1) {
    return fail(Code::bad_config, "--config " + printable(name) + ": holds " +
                                      std::to_string(manifest.networks.size()) +
                                      " networks; a NIC is of one");
  }
  if (manifest.is_bare) {
    return text;
  }
  if (manifest.networks.empty()) {
    return fail(Code::bad_config, "--config " + printable(name) + ": " + explain_none(findings));
  }
  return manifest.networks.front().config.dump();
}

Result<PlanRequest> read_request(const Arguments& arguments) {
  PlanRequest request;
  for (const char* name : {"config", "netns"}) {
    if (!arguments.has(name)) {
      return fail(Code::bad_config, std::string("--") + name + " is missing");
    }
  }
  request.netns = *arguments.value("netns");
  request.ifname = arguments.value("ifname").value_or("net1");
  request.container_id = arguments.value("container").value_or(std::string(kDefaultContainer));
  request.args = arguments.value("args").value_or("");
  MVR_TRY(read_addresses(arguments, request));
  request.config = MVR_TRY(read_config(*arguments.value("config")));
  return request;
}

Colour colour_of(const Deed& deed) {
  return deed.with == "kernel" ? Colour::none : Colour::faint;
}

std::string to_text(const Plan& plan) {
  constexpr std::size_t kWith = 7;
  const Painter painter;
  std::string text;
  const std::size_t width = std::to_string(plan.deeds.size()).size();
  for (std::size_t i = 0; i < plan.deeds.size(); ++i) {
    const Deed& deed = plan.deeds[i];
    const std::string number = std::to_string(i + 1);
    text += std::string(width - number.size(), ' ') + number + "  " +
            painter.paint(colour_of(deed), pad_right(deed.with, kWith)) + "  " +
            painter.fold(width + kWith + 4, Colour::none, make_line(deed.what)) + '\n';
  }
  return text;
}

nlohmann::json to_json(const Plan& plan) {
  nlohmann::json steps = nlohmann::json::array();
  for (const Deed& deed : plan.deeds) {
    steps.push_back({{"with", deed.with}, {"what", deed.what}});
  }
  return {{"steps", steps}, {"warnings", plan.warnings}};
}

int refuse(const Arguments& arguments, const std::string& ifname, const Error& error) {
  const int code = static_cast<int>(error.code);
  const std::string text = ifname + ": " + error.msg;
  if (arguments.has("json")) {
    print_out(write_json({{"error", {{"code", code}, {"msg", text}, {"details", error.details}}}}));
  } else {
    print_err("macvlan-rdma plan: ADD would fail with code " + std::to_string(code) + ": " +
              make_line(text) + '\n');
  }
  return kFailed;
}

/// The variables of ADD are options here.
std::string name_options(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kNames{
      {{"CNI_CONTAINERID", "--container"},
       {"CNI_NETNS", "--netns"},
       {"CNI_IFNAME", "--ifname"},
       {"CNI_ARGS", "--args"}}};
  for (const auto& [variable, option] : kNames) {
    if (const std::size_t at = text.find(variable); at != std::string::npos) {
      text.replace(at, variable.size(), option);
    }
  }
  return text;
}

int misuse(const std::string& what) {
  print_err("macvlan-rdma plan: " + make_line(what) + "\nTry \"macvlan-rdma plan --help\".\n");
  return kUsage;
}

int run(const Arguments& arguments) {
  const auto request = read_request(arguments);
  if (!request) {
    if (request.error().code != Code::io) {
      return misuse(request.error().msg);
    }
    print_err("macvlan-rdma plan: " + request.error().msg + '\n');
    return kFailed;
  }
  if (::geteuid() != 0) {
    print_err(
        "macvlan-rdma plan: must be run as root: it looks into the pod's network namespace\n");
    return kFailed;
  }
  const auto plan = plugin::plan_add(*request);
  if (!plan && plan.error().code == Code::bad_environment) {
    return misuse(name_options(plan.error().msg));
  }
  if (!plan) {
    return refuse(arguments, request->ifname, plan.error());
  }
  if (!plan->misuse.empty()) {
    return misuse(plan->misuse);
  }
  if (arguments.has("json")) {
    return print_out(write_json(to_json(*plan))) ? kDone : kFailed;
  }
  for (const std::string& warning : plan->warnings) {
    print_err("warning: " + make_line(warning) + '\n');
  }
  return print_out(to_text(*plan)) ? kDone : kFailed;
}

constexpr std::array kFlags{
    Flag{.name = "config",
         .letter = 'c',
         .value = "FILE",
         .help = "the configuration, or the NetworkAttachmentDefinition; - is standard input",
         .check = check_not_empty},
    Flag{.name = "netns",
         .letter = 'n',
         .value = "PATH",
         .help = "the pod's network namespace, such as /run/netns/pod or /proc/1234/ns/net",
         .check = check_not_empty},
    Flag{.name = "ifname",
         .letter = 'i',
         .value = "NAME",
         .help = "the NIC's name; else net1",
         .check = check_not_empty},
    Flag{.name = "ip",
         .value = "ADDRESS/LEN",
         .help = "an address that IPAM would give; may be given more than once"},
    Flag{.name = "gateway",
         .value = "ADDRESS",
         .help = "the gateway that IPAM would name; else that of the ipam section"},
    Flag{.name = "args", .value = "CNI_ARGS", .help = "such as \"MAC=02:00:5e:10:00:01\""},
    Flag{.name = "container",
         .value = "ID",
         .help = "the container's ID, of which names are made; else \"plan\"",
         .check = check_not_empty},
    Flag{.name = "json", .help = "as JSON"}};

}  // namespace

constexpr Command kPlan{
    .name = "plan",
    .summary = "say what ADD would do, step by step, without doing it",
    .description =
        "Says what ADD would do for a pod as it is now, step by step, or why it would fail. Makes\n"
        "nothing and asks nobody: neither IPAM, whose answer --ip stands for, nor the rail.\n",
    .flags = kFlags,
    .notes =
        "Run it in the node's own namespaces, as root.\n"
        "Exit status: 0; 1 if ADD would fail; 2 for a wrong command line.\n",
    .run = run};

}  // namespace mvr::ops
