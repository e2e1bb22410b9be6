// SPDX-License-Identifier: Apache-2.0
// What a configuration says about RDMA.
#include <algorithm>

#include "unit/netconf_fixture.hpp"

using mvr::Code;
using mvr::Error;
using mvr::cni::NetConf;
using mvr::cni::ParsedConf;
using mvr::cni::RdmaMode;
using namespace std::chrono_literals;
using namespace mvr::cni::test;

TEST_CASE("RDMA modes, as a string and in the object", "[cni][netconf][rdma]") {
  for (const auto mode :
       {RdmaMode::automatic, RdmaMode::shared, RdmaMode::exclusive, RdmaMode::off}) {
    const std::string name(to_string(mode));
    INFO(name);
    CHECK(accept("\"rdma\":\"" + name + '"').rdma.mode == mode);
    const NetConf conf = accept(R"("rdma":{"mode":")" + name + "\"}");
    CHECK(conf.rdma.mode == mode);
    CHECK(conf.rdma.device.empty());
    CHECK(conf.rdma.gid_timeout == 1s);
  }
}

TEST_CASE("the RDMA device and the time for its GIDs", "[cni][netconf][rdma]") {
  const NetConf conf = accept(R"("rdma":{"device":"mlx5_0","gidTimeout":"1.5s"})");
  CHECK(conf.rdma.mode == RdmaMode::automatic);
  CHECK(conf.rdma.device == "mlx5_0");
  CHECK(conf.rdma.gid_timeout == 1500ms);
  CHECK(accept(R"("rdma":{"gidTimeout":"0s"})").rdma.gid_timeout == 0ms);
  CHECK(accept(R"("rdma":{"gidTimeout":"60s"})").rdma.gid_timeout == 60s);
}

TEST_CASE("RDMA of the defaults file", "[cni][netconf][rdma]") {
  const std::string defaults = R"({"rdma":{"mode":"exclusive","gidTimeout":"5s"}})";
  CHECK(accept("", defaults).rdma.gid_timeout == 5s);
  const NetConf conf = accept(R"("rdma":"shared")", defaults);
  CHECK(conf.rdma.mode == RdmaMode::shared);
  CHECK(conf.rdma.gid_timeout == 1s);  // an object replaces the whole one
  CHECK(contains(refuse("", R"({"rdma":{"mode":"on"}})").msg, "defaults file: rdma.mode \"on\""));
}

TEST_CASE("a refusal about RDMA names key, value and what is allowed", "[cni][netconf][rdma]") {
  const Error word = refuse(R"("rdma":"on")");
  CHECK(word.code == Code::bad_config);
  CHECK(word.msg == R"(rdma "on": must be "auto", "shared", "exclusive" or "off")");
  CHECK(contains(refuse(R"("rdma":true)").msg, R"(rdma true: must be "auto", "shared")"));
  CHECK(contains(refuse(R"("rdma":{"mode":5})").msg, R"(rdma.mode 5: must be "auto", "shared")"));
  CHECK(contains(refuse(R"("rdma":{"device":"a/b"})").msg,
                 R"(rdma.device "a/b": must be the name of an RDMA device such as "mlx5_0")"));
  CHECK(contains(refuse(R"("rdma":{"gidTimeout":5})").msg,
                 R"(rdma.gidTimeout 5: must be a string with a unit (ms, s, m, h) from "0s" to )"
                 R"("60s")"));
  CHECK(contains(refuse(R"("rdma":{"gidTimeout":"-1s"})").msg, "rdma.gidTimeout \"-1s\""));
}

TEST_CASE("every problem of the RDMA object is found, the rest is read", "[cni][netconf][rdma]") {
  const ParsedConf parsed =
      parse(R"("rdma":{"mode":"on","device":"..","gidTimeout":"250ms","mod":1})");
  CHECK(parsed.problems.size() == 2);
  CHECK(parsed.conf.rdma.mode == RdmaMode::automatic);
  CHECK(parsed.conf.rdma.device.empty());
  CHECK(parsed.conf.rdma.gid_timeout == 250ms);
  REQUIRE(parsed.warnings.size() == 1);
  CHECK(contains(parsed.warnings.front(), "rdma.mod 1: unknown key; did you mean mode?"));
  CHECK(accept(R"("rdma":{"GidTimeout":"2s"})").rdma.gid_timeout == 2s);
}

TEST_CASE("the file for device information", "[cni][netconf][rdma]") {
  const std::string path = "/var/run/k8s.cni.cncf.io/devinfo/cni/default-pod-net1.json";
  CHECK(accept(R"("runtimeConfig":{"CNIDeviceInfoFile":")" + path + "\"}").device_info_file ==
        path);
  for (const char* absent : {"null", "\"\""}) {
    CHECK(accept(std::string(R"("runtimeConfig":{"CNIDeviceInfoFile":)") + absent + '}')
              .device_info_file.empty());
  }
  // Outside runtimeConfig the name means nothing.
  CHECK(accept(R"("CNIDeviceInfoFile":"/x")").device_info_file.empty());
  for (const char* bad : {"\"x.json\"", "\"/a/../b\"", "\"/a\\u0007\"", "5", "{}"}) {
    const Error problem =
        refuse(std::string(R"("runtimeConfig":{"CNIDeviceInfoFile":)") + bad + '}');
    CHECK(problem.code == Code::bad_config);
    CHECK(contains(problem.msg, "runtimeConfig.CNIDeviceInfoFile "));
    CHECK(contains(problem.msg, "absolute path"));
  }
}
