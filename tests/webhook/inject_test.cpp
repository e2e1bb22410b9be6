// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which pods get networks, which networks, and in what order.
#include "fixture.hpp"
#include "support/catch.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kEight =
    "default/gpu1-macvlan, default/gpu2-macvlan, default/gpu3-macvlan, default/gpu4-macvlan, "
    "default/gpu5-macvlan, default/gpu6-macvlan, default/gpu7-macvlan, default/gpu8-macvlan";

std::string gpu(int n) {
  return "spidernet.io/shared_cx5_gpu" + std::to_string(n);
}

void expect_refusal(const Verdict& verdict, const std::string& outcome,
                    const std::vector<std::string>& words) {
  INFO(verdict.answer.body);
  REQUIRE_FALSE(verdict.allowed());
  CHECK(verdict.answer.status == 200);
  CHECK(verdict.answer.outcome == outcome);
  CHECK_FALSE(verdict.response.contains("patch"));
  const json& status = verdict.response.at("status");
  CHECK(status.at("message") == verdict.answer.message);
  CHECK(verdict.answer.message.size() <= 1024);
  for (const std::string& word : words) {
    CHECK_THAT(verdict.answer.message, Catch::Contains(word));
  }
}

void expect_untouched(const Verdict& verdict) {
  INFO(verdict.answer.body);
  CHECK(verdict.allowed());
  CHECK(verdict.answer.outcome == "untouched");
  CHECK(verdict.patch.is_null());
}

}  // namespace

TEST_CASE("a pod gets the networks of its value, and a resource for each", "[inject]") {
  Rig rig;
  rig.add_rails(8);
  rig.put(Kind::network, network_object("default", "storage", {{kRdma, "other"}}));
  const Verdict verdict = rig.ask(plain_pod({{kRdma, "gpu-rails"}}));
  REQUIRE(verdict.allowed());
  CHECK(verdict.answer.outcome == "patched");
  CHECK(verdict.answer.pod == "training/pod");
  CHECK(verdict.answer.message ==
        kRdma + ": \"gpu-rails\" of the pod: 8 networks, resources for main");
  CHECK(verdict.networks() == kEight);
  for (int n = 1; n <= 8; ++n) {
    CHECK(verdict.amount(0, gpu(n)) == "1/1");
  }
  CHECK(verdict.patch.size() == 3);
  CHECK(verdict.warnings().empty());
}

TEST_CASE("a patch adds the maps that are missing, and no more", "[inject]") {
  Rig rig;
  rig.add_rails(1);
  rig.put(Kind::space, space_object("training", {{kRdma, "gpu-rails"}}));
  const json one{{gpu(1), "1"}};
  json pod = plain_pod();
  SECTION("neither annotations nor resources") {
    pod["spec"]["containers"][0].erase("resources");
    CHECK(rig.ask(pod).patch == json{{{"op", "add"},
                                      {"path", "/metadata/annotations"},
                                      {"value", {{kNetworksKey, "default/gpu1-macvlan"}}}},
                                     {{"op", "add"},
                                      {"path", "/spec/containers/0/resources"},
                                      {"value", {{"limits", one}, {"requests", one}}}}});
  }
  SECTION("maps of null") {
    pod["metadata"]["annotations"] = nullptr;
    pod["spec"]["containers"][0]["resources"] = {{"limits", nullptr}};
    CHECK(rig.ask(pod).patch ==
          json{{{"op", "add"},
                {"path", "/metadata/annotations"},
                {"value", {{kNetworksKey, "default/gpu1-macvlan"}}}},
               {{"op", "add"}, {"path", "/spec/containers/0/resources/limits"}, {"value", one}},
               {{"op", "add"}, {"path", "/spec/containers/0/resources/requests"}, {"value", one}}});
  }
  SECTION("maps with something in them") {
    pod["metadata"]["annotations"] = {{"a", "b"}};
    pod["spec"]["containers"][0] = container("main", {{"cpu", "2"}});
    CHECK(rig.ask(pod).patch ==
          json{{{"op", "add"},
                {"path", "/metadata/annotations/k8s.v1.cni.cncf.io~1networks"},
                {"value", "default/gpu1-macvlan"}},
               {{"op", "add"},
                {"path", "/spec/containers/0/resources/limits/spidernet.io~1shared_cx5_gpu1"},
                {"value", "1"}},
               {{"op", "add"},
                {"path", "/spec/containers/0/resources/requests/spidernet.io~1shared_cx5_gpu1"},
                {"value", "1"}}});
  }
}

TEST_CASE("the pod comes before its namespace, the rdma key before the network key", "[inject]") {
  Rig rig;
  for (const char* name : {"pod-rdma", "pod-network", "space-rdma", "space-network"}) {
    rig.put(Kind::network,
            network_object("default", name, {{kRdma, name}, {kNetwork, name}, {kResource, "a/b"}}));
  }
  const auto networks = [&](const json& pod, const json& space) {
    rig.put(Kind::space, space_object("training", space));
    return rig.ask(plain_pod(pod)).networks();
  };
  const json pod_both{{kRdma, "pod-rdma"}, {kNetwork, "pod-network"}};
  const json pod_network{{kNetwork, "pod-network"}};
  const json space_both{{kRdma, "space-rdma"}, {kNetwork, "space-network"}};
  const json space_network{{kNetwork, "space-network"}};
  CHECK(networks(pod_both, space_both) == "default/pod-rdma");
  CHECK(networks(pod_network, space_both) == "default/pod-network");
  CHECK(networks(nullptr, space_both) == "default/space-rdma");
  CHECK(networks({{"a", "b"}}, space_network) == "default/space-network");
  CHECK(networks(nullptr, nullptr) == "none");
}

TEST_CASE("an empty value is no wish, and keeps the namespace's away", "[inject]") {
  Rig rig;
  rig.add_rails(1);
  rig.put(Kind::space, space_object("training", {{kRdma, "gpu-rails"}}));
  rig.put(Kind::network, network_object("default", "net", {{kNetwork, "net"}}));
  rig.put(Kind::network, network_object("default", "empty", {{kNetwork, ""}, {kRdma, ""}}));
  expect_untouched(rig.ask(plain_pod({{kRdma, ""}})));
  expect_untouched(rig.ask(plain_pod({{kNetwork, ""}})));
  CHECK(rig.ask(plain_pod({{kRdma, ""}, {kNetwork, "net"}})).networks() == "default/net");
  CHECK(rig.ask(plain_pod()).networks() == "default/gpu1-macvlan");
}

TEST_CASE("the rdma key wants a resource with every network", "[inject]") {
  Rig rig;
  rig.add_rails(2);
  rig.put(Kind::network, network_object("ai", "bare", {{kRdma, "gpu-rails"}}));
  expect_refusal(rig.ask(plain_pod({{kRdma, "gpu-rails"}})), "no-resource",
                 {"ai/bare has none", kResource});
  rig.put(Kind::network,
          network_object("ai", "bare", {{kRdma, "gpu-rails"}, {kResource, "memory"}}));
  expect_refusal(rig.ask(plain_pod({{kRdma, "gpu-rails"}})), "no-resource", {"ai/bare has none"});
  rig.put(Kind::network, network_object("ai", "bare", {{kRdma, "gpu-rails"}, {kResource, "a/b"}}));
  CHECK(rig.ask(plain_pod({{kRdma, "gpu-rails"}})).allowed());
}

TEST_CASE("the network key goes without resources", "[inject]") {
  Rig rig;
  rig.put(Kind::network, network_object("default", "a", {{kNetwork, "all"}}));
  const Verdict bare = rig.ask(plain_pod({{kNetwork, "all"}}));
  CHECK(bare.networks() == "default/a");
  CHECK(bare.patch.size() == 1);
  CHECK(bare.warnings().empty());
  rig.put(Kind::network, network_object("default", "b", {{kNetwork, "all"}, {kResource, "x/y"}}));
  const Verdict mixed = rig.ask(plain_pod({{kNetwork, "all"}}));
  CHECK(mixed.networks() == "default/a, default/b");
  CHECK(mixed.amount(0, "x/y") == "1/1");
  REQUIRE(mixed.warnings().size() == 1);
  CHECK_THAT(mixed.warnings()[0], Catch::Contains("have a resource: default/a"));
}

TEST_CASE("net1, net2 … follow the masters, or the order that somebody gives", "[inject]") {
  Rig rig;
  const auto put = [&](const std::string& name, const json& order, const std::string& master) {
    json annotations{{kNetwork, "all"}};
    if (!order.is_null()) {
      annotations[kRailOrderKey] = order;
    }
    rig.put(Kind::network,
            network_object("default", name, annotations,
                           master == "broken" ? json("{") : json{{"master", master}}));
  };
  put("a", nullptr, "enp10s0");
  put("b", nullptr, "enp2s0");
  put("c", nullptr, "broken");
  put("d", "2", "enp1s0");
  put("e", "1", "enp9s0");
  const Verdict verdict = rig.ask(plain_pod({{kNetwork, "all"}}));
  CHECK(verdict.networks() == "default/e, default/d, default/b, default/a, default/c");
  REQUIRE(verdict.warnings().size() == 1);
  CHECK_THAT(verdict.warnings()[0], Catch::StartsWith("macvlan-rdma: network default/c: its "
                                                      "configuration is broken: not JSON"));
}

TEST_CASE("Spiderpool's objects count as well, each once", "[inject]") {
  Rig rig;
  const auto spec = [](const std::string& master, const std::string& resource) {
    return json{{"cniType", "macvlan"},
                {"macvlan", {{"master", {master}}, {"rdmaResourceName", resource}}}};
  };
  rig.put(Kind::spider, spider_object("ai", "one", {{kRdma, "v"}}, spec("enp10s0", "a/one")));
  rig.put(Kind::spider, spider_object("ai", "two", {{kRdma, "v"}}, spec("enp2s0", "a/two")));
  rig.put(Kind::network, network_object("ai", "two", {{kRdma, "v"}}, {{"master", "enp2s0"}}));
  const Verdict verdict = rig.ask(plain_pod({{kRdma, "v"}}));
  CHECK(verdict.networks() == "ai/two, ai/one");
  CHECK(verdict.amount(0, "a/one") == "1/1");
  CHECK(verdict.amount(0, "a/two") == "1/1");
}

TEST_CASE("without a match the pod is refused, and told what there is", "[inject]") {
  Rig rig;
  const json pod = plain_pod({{kRdma, "gpu-rail"}});
  expect_refusal(rig.ask(pod), "no-match",
                 {kRdma + ": \"gpu-rail\"", "the pod asks for", "has that annotation at all"});
  rig.add_rails(8);
  rig.put(Kind::network, network_object("ai", "x", {{kRdma, "spare"}, {kResource, "a/b"}}));
  const Verdict verdict = rig.ask(pod);
  expect_refusal(verdict, "no-match",
                 {"values that exist: \"gpu-rails\" (8 networks), \"spare\" (1 network)"});
  CHECK(verdict.response.at("status").at("code") == 403);
  CHECK(verdict.response.at("status").at("reason") == "Forbidden");
  rig.put(Kind::network, network_object("ai", "y", {{kNetwork, "gpu-rail"}}));
  expect_refusal(rig.ask(pod), "no-match", {"there is " + kNetwork + ": \"gpu-rail\""});
  rig.put(Kind::space, space_object("training", {{kNetwork, "nothing"}}));
  expect_refusal(rig.ask(plain_pod()), "no-match", {"which the namespace asks for"});
}

TEST_CASE("texts are bounded, and fit on one line", "[inject]") {
  Rig rig;
  for (int i = 0; i < 100; ++i) {
    rig.put(Kind::network, network_object("default", "n" + std::to_string(i),
                                          {{kRdma, std::string(200, 'v') + std::to_string(i)}}));
  }
  const Verdict verdict = rig.ask(plain_pod({{kRdma, std::string(50'000, '\n')}}));
  expect_refusal(verdict, "no-match", {"\\x0a"});
  CHECK(verdict.answer.message.find('\n') == std::string::npos);
  for (int i = 0; i < 30; ++i) {
    rig.put(Kind::network,
            network_object("default", std::string(200, 'n') + std::to_string(i),
                           {{kNetwork, "flawed"}, {kRailOrderKey, std::string(300, 'x')}}, "{"));
  }
  const Verdict warned = rig.ask(plain_pod({{kNetwork, "flawed"}}));
  CHECK(warned.warnings().size() == 6);
  CHECK(warned.warnings().back() == "macvlan-rdma: and 25 more warnings");
  for (const std::string& warning : warned.warnings()) {
    CHECK(warning.size() <= 256);
  }
}

TEST_CASE("no name breaks a line", "[inject]") {
  Rig rig;
  rig.put(Kind::network, network_object("a\nb", "c\xff", {{kRdma, "v"}, {kRailOrderKey, "x"}}));
  const Verdict refused = rig.ask(plain_pod({{kRdma, "v"}}));
  expect_refusal(refused, "no-resource", {"a\\x0ab/c\\xff has none"});
  rig.settings.same_namespace = true;
  expect_refusal(rig.ask(plain_pod({{kRdma, "v"}})), "no-match", {"a\\x0ab/c\\xff for one"});
}

TEST_CASE("in its own namespace only, if that is wanted", "[inject]") {
  Rig rig;
  rig.settings.same_namespace = true;
  rig.add_rails(2);
  const json pod = plain_pod({{kRdma, "gpu-rails"}});
  expect_refusal(rig.ask(pod), "no-match",
                 {"in namespace training", "default/gpu1-macvlan for one", "--same-namespace",
                  "no network definition has that annotation at all"});
  json own = rail_object(3);
  own["metadata"]["namespace"] = "training";
  rig.put(Kind::network, own);
  CHECK(rig.ask(pod).networks() == "training/gpu3-macvlan");
  rig.settings.same_namespace = false;
  CHECK(rig.ask(pod).networks() ==
        "default/gpu1-macvlan, default/gpu2-macvlan, training/gpu3-macvlan");
}

TEST_CASE("namespaces that are not covered are left alone", "[inject]") {
  Rig rig;
  rig.add_rails(1);
  json review = review_of(plain_pod({{kRdma, "gpu-rails"}}));
  const auto outcome = [&](const std::string& space) {
    review["request"]["namespace"] = space;
    return rig.ask_review(review).answer.outcome;
  };
  CHECK(outcome("kube-system") == "untouched");
  CHECK(outcome("training") == "patched");
  rig.settings.namespace_exclude = {"training"};
  CHECK(outcome("kube-system") == "patched");
  CHECK(outcome("training") == "untouched");
  rig.settings.namespace_include = {"training", "ai"};
  CHECK(outcome("training") == "untouched");
  CHECK(outcome("ai") == "patched");
  CHECK(outcome("other") == "untouched");
}

TEST_CASE("the namespace is the request's", "[inject]") {
  Rig rig;
  rig.put(Kind::network, network_object("training", "net", {{kNetwork, "v"}}));
  json pod = plain_pod({{kNetwork, "v"}, {kNetworksKey, "net"}});
  pod["metadata"].erase("namespace");
  expect_untouched(rig.ask(pod));
}

TEST_CASE("a pod on the host's network is left alone", "[inject]") {
  Rig rig;
  rig.add_rails(1);
  json pod = plain_pod({{kRdma, "no such value"}});
  pod["spec"]["hostNetwork"] = true;
  expect_untouched(rig.ask(pod));
  pod["spec"]["hostNetwork"] = false;
  expect_refusal(rig.ask(pod), "no-match", {});
}

TEST_CASE("the mirror of a static pod is left alone", "[inject]") {
  Rig rig;
  rig.add_rails(1);
  expect_untouched(
      rig.ask(plain_pod({{kRdma, "none either"}, {"kubernetes.io/config.mirror", "3f"}})));
}

TEST_CASE("what is not known yet is refused for now", "[inject]") {
  mvr::webhook::Settings settings;
  mvr::webhook::Cluster cluster;
  const json pod = plain_pod({{kRdma, "gpu-rails"}});
  const auto status = [&](const json& review) {
    const auto answer = mvr::webhook::answer(settings, cluster, review.dump());
    CHECK(answer.status == 200);
    const json response = json::parse(answer.body).at("response");
    return response.value("status", json());
  };
  const json not_yet = status(review_of(pod));
  CHECK(not_yet.at("code") == 503);
  CHECK(not_yet.at("reason") == "ServiceUnavailable");
  CHECK(not_yet.at("details").at("retryAfterSeconds") == 1);
  json excluded = review_of(pod);
  excluded["request"]["namespace"] = "kube-system";
  CHECK(status(excluded).is_null());
}

TEST_CASE("a namespace that no watch has shown yet is refused for now, unless the pod says all",
          "[inject]") {
  Rig rig;
  rig.add_rails(1);
  json review = review_of(plain_pod());
  review["request"]["namespace"] = "just-made";
  const Verdict verdict = rig.ask_review(review);
  expect_refusal(verdict, "not-synced", {"namespace just-made is not known yet"});
  CHECK(verdict.response.at("status").at("code") == 503);
  review["request"]["object"] = plain_pod({{kRdma, "gpu-rails"}});
  CHECK(rig.ask_review(review).answer.outcome == "patched");
  review["request"]["object"] = plain_pod({{kRdma, ""}});
  CHECK(rig.ask_review(review).answer.outcome == "untouched");
}

TEST_CASE("a dry run is answered as any other", "[inject]") {
  Rig rig;
  rig.add_rails(8);
  json review = review_of(plain_pod({{kRdma, "gpu-rails"}}));
  const std::string body = rig.ask_review(review).answer.body;
  review["request"]["dryRun"] = true;
  CHECK(rig.ask_review(review).answer.body == body);
}

TEST_CASE("what is ignored is said", "[inject]") {
  Rig rig;
  rig.add_rails(1);
  rig.put(Kind::space, space_object("training", {{kRdma, "other"}}));
  const auto warnings = rig.ask(plain_pod({{kRdma, "gpu-rails"}, {kNetwork, "x"}})).warnings();
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0] == "macvlan-rdma: the pod's " + kNetwork + ": \"x\" is ignored: it has " +
                           kRdma + ": \"gpu-rails\"");
  CHECK(warnings[1] == "macvlan-rdma: the namespace's " + kRdma +
                           ": \"other\" does not count: the pod has " + kRdma + ": \"gpu-rails\"");
  rig.put(Kind::space, space_object("training", {{kRdma, "gpu-rails"}}));
  CHECK(rig.ask(plain_pod({{kRdma, "gpu-rails"}})).warnings().empty());
}
