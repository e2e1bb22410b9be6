// SPDX-License-Identifier: Apache-2.0
/// \file
/// The image of scripts/image, run as conf/daemonset-install.yaml runs it: it installs the plugin
/// into the node's directory, waits, and ends when it is told to.
#include <filesystem>

#include "runtime/podman.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/unit_dir.hpp"

using namespace mvr::test;

namespace {

const std::string kNode = std::string(kScratchDir) + "/opt/cni/bin";
const std::string kTar = std::string(kScratchDir) + "/image.tar";

Output make_image(const std::string& program, const std::string& tar) {
  return run({.argv = {MVR_SOURCE_DIR "/scripts/image", program, tar}});
}

/// The image has no libraries, so it takes the shipped file: the program under test if it is one,
/// or that of the preset release.
std::string static_program() {
  for (const std::string& program :
       {plugin_path(), std::string(MVR_SOURCE_DIR "/build/release/macvlan-rdma")}) {
    if (make_image(program, kTar).status == 0) {
      return program;
    }
  }
  skip("there is no static macvlan-rdma; build the preset release");
}

/// The image's name, as the tar has it.
std::string load_image(const Podman& podman, const std::string& program = "macvlan-rdma") {
  const std::string loaded = podman.must({"load", "--quiet", "--input", kTar});
  const std::size_t name = loaded.find("localhost/" + program + ":");
  REQUIRE(name != std::string::npos);
  return loaded.substr(name);
}

/// With the rights that the DaemonSet gives.
std::vector<std::string> run_options(const std::string& image) {
  return {"--network=none",
          "--read-only",
          "--cap-drop=all",
          "--security-opt=no-new-privileges",
          "--volume",
          kNode + ":/host/opt/cni/bin",
          image,
          "install",
          "--to",
          "/host/opt/cni/bin"};
}

}  // namespace

TEST_CASE("image: it puts the plugin onto the node and waits", "[podman][image]") {
  const CniHost host(1);
  const std::string program = static_program();
  const Podman podman(host);
  const std::string image = load_image(podman);
  std::filesystem::create_directories(kNode);
  std::vector<std::string> arguments{"run", "--detach", "--name", "installer"};
  const auto options = run_options(image);
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.emplace_back("--wait");
  podman.must(arguments);
  const std::string installed = kNode + "/macvlan-rdma";
  REQUIRE(eventually([&] { return std::filesystem::exists(installed); }));
  CHECK(read_text(installed) == read_text(program));
  CHECK(mode_of(installed) == 0755);
  CHECK(podman.must({"container", "inspect", "--format", "{{.State.Status}}", "installer"}) ==
        "running");
  podman.must({"stop", "--time", "30", "installer"});
  CHECK(podman.must({"container", "inspect", "--format", "{{.State.ExitCode}}", "installer"}) ==
        "0");

  arguments = {"run", "--rm"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  CHECK(podman.must(arguments).find("is already in /host/opt/cni/bin") != std::string::npos);
  podman.remove_all();
}

TEST_CASE("image: the webhook's runs without rights or a name", "[podman][image]") {
  const CniHost host(1);
  if (make_image(MVR_SOURCE_DIR "/build/release/macvlan-rdma-webhook", kTar).status != 0) {
    skip("there is no static macvlan-rdma-webhook; build the preset release");
  }
  const Podman podman(host);
  const std::string image = load_image(podman, "macvlan-rdma-webhook");
  CHECK(podman.must({"image", "inspect", "--format", "{{.User}}", image}) == "65532:65532");
  const std::string said =
      podman.must({"run", "--rm", "--network=none", "--read-only", "--cap-drop=all",
                   "--security-opt=no-new-privileges", image, "--version"});
  CHECK(said.starts_with("macvlan-rdma-webhook "));
  podman.remove_all();
}

TEST_CASE("image: the same program gives the same bytes", "[image]") {
  isolate();
  const std::string program = static_program();
  const std::string copy = std::string(kScratchDir) + "/copy";
  put_file(copy, read_text(program), 0700);
  const std::string again = std::string(kScratchDir) + "/again.tar";
  REQUIRE(make_image(copy, again).status == 0);
  CHECK(read_text(again) == read_text(kTar));
}

TEST_CASE("image: what is no static program of ours is refused", "[image]") {
  isolate();
  const std::string text = std::string(kScratchDir) + "/text";
  put_file(text, "text");
  CHECK(make_image("/bin/true", kTar).status == 1);
  CHECK(make_image(text, kTar).status == 1);
  CHECK(make_image("/nowhere", kTar).status == 1);
  CHECK_FALSE(std::filesystem::exists(kTar));
}
