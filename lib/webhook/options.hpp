// SPDX-License-Identifier: Apache-2.0
/// \file
/// The command line of the webhook.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mvr/base/log.hpp"
#include "webhook/api_client.hpp"
#include "webhook/certificate.hpp"
#include "webhook/server.hpp"
#include "webhook/settings.hpp"

namespace mvr::webhook {

struct Options {
  Settings settings = {};
  ServerSettings server = {};
  CertificateFiles files = {};
  ApiServer api = {};
  LogFormat log_format = LogFormat::json;
  LogLevel log_level = LogLevel::info;
  std::chrono::milliseconds shutdown_delay{5'000};
  std::chrono::milliseconds shutdown_time{20'000};
};

/// Of this program.
std::string version();

/// Where the program runs: what it takes for granted if the command line does not say otherwise.
struct Surroundings {
  std::function<std::optional<std::string>(const std::string&)> variable;  ///< of the environment
  std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
};

/// Of this process.
Surroundings surroundings();

/// Either options, or what is to be said instead: help and version with status 0, else what is
/// wrong, with status 2.
struct CommandLine {
  std::optional<Options> options;
  int status = 0;
  std::string text;
};

CommandLine read_command_line(int argc, const char* const* argv, const Surroundings& around);

}  // namespace mvr::webhook
