// SPDX-License-Identifier: Apache-2.0
#include "vm/support/verbs_traffic.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <optional>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"
#include "vm/support/rdma_state.hpp"

namespace mvr::test {

namespace {

constexpr std::chrono::seconds kStart{20};
constexpr std::chrono::seconds kLimit{60};

/// After 4.096 µs * 2^18, a second, a packet is sent again, seven times: an emulated processor that
/// runs all ends at once may not answer within perftest's 67 ms.
constexpr const char* kRetryTime = "18";

/// The programs' own meeting point, 18515, in the form of /proc/net/tcp with the state LISTEN.
constexpr const char* kPerftestListens = ":4853 00000000:0000 0A";

bool is_perftest_listening(const std::string& netns) {
  const Inside inside(netns);
  const auto text = read_file("/proc/thread-self/net/tcp", std::size_t{1} << 20);
  return text && text->find(kPerftestListens) != std::string::npos;
}

/// In exclusive mode only the server's own namespace sees it, in shared mode every one.
bool is_cm_listening(const std::string& netns, pid_t pid) {
  const json all = rdma_json(netns, {"resource", "show", "cm_id"});
  return std::any_of(all.begin(), all.end(), [pid](const json& one) {
    return one.value("pid", 0) == pid && one.value("state", "") == "LISTEN";
  });
}

Command make_perftest(const std::string& program, const VerbsEnd& end) {
  const auto gid = find_gid(end.netns, end.device, end.address);
  if (!gid) {
    FAIL(end.device << " has no GID for " << end.address << " in " << end.netns);
  }
  return {.argv = {program, "-F", "-d", end.device, "-x", std::to_string(*gid), "-n", "5", "-u",
                   kRetryTime},
          .netns = netns_path(end.netns),
          .timeout = kLimit};
}

std::string complaint(const char* who, const Output& output) {
  return output.status == 0 ? ""
                            : std::string(who) + " ended with " + std::to_string(output.status) +
                                  "\n" + output.out + output.err;
}

/// What both ends run, and how to see that the server listens.
struct Conversation {
  Command server;
  Command client;
  std::function<bool(const Process&)> is_listening;
};

std::vector<Process> start(const std::vector<Conversation>& all, Command Conversation::*end) {
  std::vector<Process> result;
  for (const Conversation& one : all) {
    result.emplace_back(one.*end);
  }
  return result;
}

/// The first server that does not listen in time, if any.
std::optional<std::size_t> find_deaf(const std::vector<Conversation>& all,
                                     const std::vector<Process>& servers) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!eventually([&] { return all[i].is_listening(servers[i]); }, kStart)) {
      return i;
    }
  }
  return std::nullopt;
}

std::string exchange(const std::vector<Conversation>& all) {
  std::vector<Process> servers = start(all, &Conversation::server);
  if (const auto deaf = find_deaf(all, servers)) {
    servers[*deaf].signal(SIGKILL);
    return "the server does not listen\n" + complaint("server", servers[*deaf].wait());
  }
  std::vector<Process> clients = start(all, &Conversation::client);
  std::string complaints;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Output answer = clients[i].wait();
    if (answer.status != 0) {
      servers[i].signal(SIGKILL);
    }
    complaints += complaint("client", answer) + complaint("server", servers[i].wait());
  }
  return complaints;
}

Conversation make_verbs(const std::string& program, const VerbsPair& pair) {
  Command client = make_perftest(program, pair.client);
  client.argv.push_back(pair.server.address);
  return {make_perftest(program, pair.server), client,
          [netns = pair.server.netns](const Process&) { return is_perftest_listening(netns); }};
}

Conversation make_rping(const VerbsPair& pair) {
  const auto command = [&pair](const VerbsEnd& end, const char* role) {
    return Command{.argv = {"rping", role, "-a", pair.server.address, "-C", "3", "-v"},
                   .netns = netns_path(end.netns),
                   .timeout = kLimit};
  };
  return {command(pair.server, "-s"), command(pair.client, "-c"),
          [netns = pair.server.netns](const Process& server) {
            return is_cm_listening(netns, server.pid());
          }};
}

}  // namespace

std::string exchange_verbs(const std::string& program, const std::vector<VerbsPair>& pairs) {
  std::vector<Conversation> all;
  for (const VerbsPair& pair : pairs) {
    all.push_back(make_verbs(program, pair));
  }
  return exchange(all);
}

std::string exchange_verbs(const std::string& program, const VerbsEnd& server,
                           const VerbsEnd& client) {
  return exchange_verbs(program, {{server, client}});
}

std::string exchange_rping(const std::vector<VerbsPair>& pairs) {
  std::vector<Conversation> all;
  std::transform(pairs.begin(), pairs.end(), std::back_inserter(all), make_rping);
  return exchange(all);
}

std::string exchange_rping(const VerbsEnd& server, const VerbsEnd& client) {
  return exchange_rping({{server, client}});
}

}  // namespace mvr::test
