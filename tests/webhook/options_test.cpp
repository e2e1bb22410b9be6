// SPDX-License-Identifier: Apache-2.0
#include "webhook/options.hpp"

#include <regex>

#include "support/catch.hpp"
#include "support/unit_dir.hpp"

using namespace mvr::test;
using namespace mvr::webhook;
using namespace std::chrono_literals;

namespace {

/// A pod, or a machine outside of any cluster.
class Place {
 public:
  explicit Place(bool is_pod) {
    around_.service_account = dir_.path();
    if (is_pod) {
      write_text(dir_.file("token"), "t");
      write_text(dir_.file("ca.crt"), "c");
      write_text(dir_.file("namespace"), "rails");
      variables_ = {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "6443"}};
    }
    around_.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found != variables_.end() ? std::optional(found->second) : std::nullopt;
    };
  }

  /// \param arguments behind those that are needed
  CommandLine read(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(),
                     {"macvlan-rdma-webhook", "--tls-cert", "c", "--tls-key", "k"});
    return read_command_line(static_cast<int>(arguments.size()), arguments.data(), around_);
  }

  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  [[nodiscard]] std::string file(const std::string& name) const { return dir_.file(name); }

 private:
  ScratchDir dir_;
  std::map<std::string, std::string> variables_;
  Surroundings around_;
};

Options accepted(const CommandLine& line) {
  INFO(line.text);
  REQUIRE(line.options);
  return *line.options;
}

}  // namespace

TEST_CASE("in a pod the defaults are those of its cluster", "[options]") {
  Place pod(true);
  const Options options = accepted(pod.read({}));
  CHECK(options.api.address == "10.96.0.1");
  CHECK(options.api.port == 6443);
  CHECK(options.api.is_tls);
  CHECK(options.api.token_file == pod.file("token"));
  CHECK(options.api.ca_file == pod.file("ca.crt"));
  CHECK(options.server.address.empty());
  CHECK(options.server.port == 8443);
  CHECK(options.server.threads == 2);
  CHECK(options.settings.namespace_exclude == std::vector<std::string>{"kube-system", "rails"});
  CHECK(options.settings.on_conflict == OnConflict::merge);
  CHECK(options.log_format == mvr::LogFormat::json);
  CHECK(options.shutdown_delay == 5s);
}

TEST_CASE("every option is taken", "[options]") {
  Place machine(false);
  const Options options = accepted(machine.read({"--listen",
                                                 "[::1]:9443",
                                                 "--client-ca",
                                                 "a",
                                                 "--threads",
                                                 "4",
                                                 "--max-connections",
                                                 "64",
                                                 "--shutdown-delay",
                                                 "0",
                                                 "--shutdown-time",
                                                 "7",
                                                 "--on-conflict",
                                                 "refuse",
                                                 "--same-namespace",
                                                 "--namespace-include",
                                                 "a,b",
                                                 "--namespace-include",
                                                 "c",
                                                 "--namespace-exclude",
                                                 "d",
                                                 "--gpu-resource",
                                                 "x.y/gpu",
                                                 "--api-server",
                                                 "https://[fd00::1]",
                                                 "--api-server-name",
                                                 "api",
                                                 "--token-file",
                                                 "t",
                                                 "--ca-file",
                                                 "ca",
                                                 "--log-format",
                                                 "text",
                                                 "--log-level",
                                                 "debug"}));
  CHECK(options.server.address == "::1");
  CHECK(options.server.port == 9443);
  CHECK(options.files.client_ca == "a");
  CHECK(options.server.threads == 4);
  CHECK(options.server.limits.connections == 64);
  CHECK(options.shutdown_delay == 0s);
  CHECK(options.shutdown_time == 7s);
  CHECK(options.settings.on_conflict == OnConflict::refuse);
  CHECK(options.settings.same_namespace);
  CHECK(options.settings.namespace_include == std::vector<std::string>{"a", "b", "c"});
  CHECK(options.settings.namespace_exclude == std::vector<std::string>{"d"});
  CHECK(options.settings.gpu_resources == std::vector<std::string>{"x.y/gpu"});
  CHECK(options.api.address == "fd00::1");
  CHECK(options.api.port == 443);
  CHECK(options.api.name == "api");
  CHECK(options.api.token_file == "t");
  CHECK(options.api.ca_file == "ca");
  CHECK(options.log_format == mvr::LogFormat::text);
  CHECK(options.log_level == mvr::LogLevel::debug);
}

TEST_CASE("a proxy on this machine needs neither TLS nor a token", "[options]") {
  Place pod(true);
  for (const char* url : {"http://localhost:8001", "http://127.0.0.1:8001/", "http://[::1]:8001"}) {
    INFO(url);
    const Options options = accepted(pod.read({"--api-server", url}));
    CHECK_FALSE(options.api.is_tls);
    CHECK(options.api.port == 8001);
    CHECK(options.api.token_file.empty());
    CHECK(options.api.ca_file.empty());
  }
}

TEST_CASE("what is wrong is named with what is allowed", "[options]") {
  Place pod(true);
  const auto refused = [&](std::vector<const char*> arguments, const std::string& word) {
    const CommandLine line = pod.read(std::move(arguments));
    INFO(line.text);
    CHECK_FALSE(line.options);
    CHECK(line.status == 2);
    CHECK(line.text.find(word) != std::string::npos);
  };
  refused({"--on-conflict", "drop"}, "{merge,refuse,keep}");
  refused({"--log-format", "xml"}, "{json,text}");
  refused({"--log-level", "trace"}, "{debug,info,warn,error}");
  refused({"--threads", "0"}, "in range 1 to 64");
  refused({"--threads", "two"}, "--threads");
  refused({"--listen", "8443"}, "[ADDRESS]:PORT");
  refused({"--listen", "localhost:8443"}, "in digits");
  refused({"--listen", ":70000"}, "[ADDRESS]:PORT");
  refused({"--listen", "[::1:8443"}, "[ADDRESS]:PORT");
  refused({"--api-server", "10.0.0.1"}, "https://");
  refused({"--api-server", "https://kubernetes.default.svc"}, "no address in digits");
  refused({"--api-server", "http://10.0.0.1"}, "for this machine only");
  refused({"--api-server", "https://10.0.0.1:0"}, "https://ADDRESS[:PORT]");
  refused({"--api-server", "https://10.0.0.1/x"}, "");
  refused({"--nonsense"}, "--nonsense");
  refused({"operand"}, "operand");
}

TEST_CASE("outside of a cluster the server and its authority must be given", "[options]") {
  Place machine(false);
  CHECK(machine.read({}).text == "outside of a cluster --api-server is needed\n");
  CHECK(machine.read({"--api-server", "https://10.0.0.1"}).text ==
        "outside of a cluster --ca-file is needed\n");
  machine.set("KUBERNETES_SERVICE_HOST", "api.example.com");
  CHECK(machine.read({}).text.find("--api-server-name NAME") != std::string::npos);
}

TEST_CASE("help and version are no failures", "[options]") {
  Place machine(false);
  const CommandLine help = machine.read({"--help"});
  CHECK(help.status == 0);
  CHECK_FALSE(help.options);
  const std::string page =
      read_text(MVR_SOURCE_DIR "/conf/package/webhook/macvlan-rdma-webhook.8.in");
  for (const char* option :
       {"--listen",       "--tls-cert",        "--tls-key",           "--client-ca",
        "--threads",      "--max-connections", "--shutdown-delay",    "--shutdown-time",
        "--on-conflict",  "--same-namespace",  "--namespace-include", "--namespace-exclude",
        "--gpu-resource", "--api-server",      "--api-server-name",   "--token-file",
        "--ca-file",      "--log-format",      "--log-level",         "--version"}) {
    INFO(option);
    CHECK(help.text.find(option) != std::string::npos);
    // A hyphen that is to be copied is written so in a man page.
    const std::string in_page = std::regex_replace(std::string(option), std::regex("-"), "\\-");
    CHECK(page.find(in_page) != std::string::npos);
  }
  const CommandLine version = machine.read({"--version"});
  CHECK(version.status == 0);
  CHECK(version.text.starts_with("macvlan-rdma-webhook "));
  const char* const bare[] = {"macvlan-rdma-webhook"};
  const CommandLine nothing = read_command_line(1, bare, surroundings());
  CHECK(nothing.status == 2);
  CHECK(nothing.text.find("--tls-cert is required") != std::string::npos);
}
