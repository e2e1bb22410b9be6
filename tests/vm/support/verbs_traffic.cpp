// SPDX-License-Identifier: Apache-2.0
#include "vm/support/verbs_traffic.hpp"

#include <signal.h>

#include <chrono>
#include <vector>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"
#include "vm/support/rdma_state.hpp"

namespace mvr::test {

namespace {

constexpr std::chrono::seconds kStart{20};
constexpr std::chrono::seconds kLimit{60};

/// The programs' own meeting point, 18515, in the form of /proc/net/tcp with the state LISTEN.
constexpr const char* kPerftestListens = ":4853 00000000:0000 0A";

bool is_perftest_listening(const std::string& netns) {
  const Inside inside(netns);
  const auto text = read_file("/proc/thread-self/net/tcp", std::size_t{1} << 20);
  return text && text->find(kPerftestListens) != std::string::npos;
}

bool is_cm_listening(const std::string& netns) {
  return rdma_json(netns, {"resource", "show", "cm_id"}).dump().find("LISTEN") != std::string::npos;
}

Command make_perftest(const std::string& program, const VerbsEnd& end) {
  const auto gid = find_gid(end.netns, end.device, end.address);
  if (!gid) {
    FAIL(end.device << " has no GID for " << end.address << " in " << end.netns);
  }
  return {.argv = {program, "-F", "-d", end.device, "-x", std::to_string(*gid), "-n", "20"},
          .netns = netns_path(end.netns),
          .timeout = kLimit};
}

std::string complaint(const char* who, const Output& output) {
  return output.status == 0 ? ""
                            : std::string(who) + " ended with " + std::to_string(output.status) +
                                  "\n" + output.out + output.err;
}

template <typename IsListening>
std::string exchange(const Command& server, const Command& client, IsListening is_listening) {
  Process process(server);
  if (!eventually(is_listening, kStart)) {
    process.signal(SIGKILL);
    return "the server does not listen\n" + complaint("server", process.wait());
  }
  const Output answer = run(client);
  if (answer.status != 0) {
    process.signal(SIGKILL);
  }
  return complaint("client", answer) + complaint("server", process.wait());
}

}  // namespace

std::string exchange_verbs(const std::string& program, const VerbsEnd& server,
                           const VerbsEnd& client) {
  Command from = make_perftest(program, client);
  from.argv.push_back(server.address);
  return exchange(make_perftest(program, server), from,
                  [&server] { return is_perftest_listening(server.netns); });
}

std::string exchange_rping(const VerbsEnd& server, const VerbsEnd& client) {
  const auto command = [&server](const VerbsEnd& end, const char* role) {
    return Command{.argv = {"rping", role, "-a", server.address, "-C", "3", "-v"},
                   .netns = netns_path(end.netns),
                   .timeout = kLimit};
  };
  return exchange(command(server, "-s"), command(client, "-c"),
                  [&server] { return is_cm_listening(server.netns); });
}

}  // namespace mvr::test
