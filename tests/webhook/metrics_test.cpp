// SPDX-License-Identifier: Apache-2.0
#include "webhook/metrics.hpp"

#include <algorithm>
#include <regex>
#include <set>
#include <thread>
#include <vector>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"

using mvr::split;
using mvr::webhook::Metrics;
using namespace std::chrono_literals;

namespace {

bool has_line(const std::string& text, std::string_view line) {
  const auto lines = split(text, '\n');
  return std::ranges::find(lines, line) != lines.end();
}

}  // namespace

TEST_CASE("each metric has its help, its type and samples of its name alone", "[metrics]") {
  Metrics metrics;
  metrics.requests.add("200");
  metrics.refusals.add("a \"b\"\\\n");
  metrics.watch("network").restarts.add("gone");
  std::string text = metrics.write();
  CHECK(text.ends_with('\n'));
  text.pop_back();
  const std::regex sample(
      R"re(([a-z_]+?)(_bucket|_sum|_count)?(\{[a-z]+="([^"\\\n]|\\.)*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+)re");
  std::set<std::string> known;
  std::string current;
  for (const std::string_view line : split(text, '\n')) {
    const auto words = split(line, ' ');
    INFO(line);
    if (line.starts_with("# HELP ")) {
      current = words.at(2);
      CHECK(known.insert(current).second);
    } else if (line.starts_with("# TYPE ")) {
      CHECK(words.at(2) == current);
    } else {
      std::cmatch match;
      REQUIRE(std::regex_match(line.data(), line.data() + line.size(), match, sample));
      CHECK(line.starts_with(current));
    }
  }
  CHECK(has_line(text, R"(macvlan_rdma_webhook_refusals_total{reason="a \"b\"\\\n"} 1)"));
}

TEST_CASE("a bucket counts what is below its bound as well", "[metrics]") {
  Metrics metrics;
  for (const auto time : {50us, 100us, 101us, 3'000us, 10'000'000us}) {
    metrics.latency.observe(time);
  }
  const std::string text = metrics.write();
  const auto bucket = [](const char* bound) {
    return std::string("macvlan_rdma_webhook_review_seconds_bucket{le=\"") + bound + "\"} ";
  };
  CHECK(has_line(text, bucket("0.0001") + '2'));
  CHECK(has_line(text, bucket("0.00025") + '3'));
  CHECK(has_line(text, bucket("0.0025") + '3'));
  CHECK(has_line(text, bucket("0.005") + '4'));
  CHECK(has_line(text, bucket("5") + '4'));
  CHECK(has_line(text, bucket("+Inf") + '5'));
  CHECK(has_line(text, "macvlan_rdma_webhook_review_seconds_count 5"));
  CHECK(has_line(text, "macvlan_rdma_webhook_review_seconds_sum 10.003251"));
}

TEST_CASE("a collection tells how old it is", "[metrics]") {
  Metrics metrics;
  auto& watch = metrics.watch("network");
  CHECK(has_line(metrics.write(), R"(macvlan_rdma_webhook_cache_age_seconds{kind="network"} -1)"));
  CHECK(has_line(metrics.write(), R"(macvlan_rdma_webhook_cache_synced{kind="network"} 0)"));
  watch.touch();
  watch.is_synced = true;
  watch.objects = 8;
  CHECK(watch.age() >= 0);
  CHECK(watch.age() < 5);
  CHECK(has_line(metrics.write(), R"(macvlan_rdma_webhook_cache_objects{kind="network"} 8)"));
}

TEST_CASE("words that come from outside do not grow without end", "[metrics]") {
  Metrics metrics;
  for (int i = 0; i < 1000; ++i) {
    metrics.refusals.add(std::to_string(i));
  }
  const auto values = metrics.refusals.values();
  CHECK(values.size() == 101);
  CHECK(values.at("other") == 900);
}

TEST_CASE("nothing that is counted by several threads is lost", "[metrics]") {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        metrics.requests.add("200");
        metrics.latency.observe(1ms);
        if (j % 100 == 0) {
          static_cast<void>(metrics.write());
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const std::string text = metrics.write();
  CHECK(has_line(text, "macvlan_rdma_webhook_requests_total{code=\"200\"} 4000"));
  CHECK(has_line(text, "macvlan_rdma_webhook_review_seconds_count 4000"));
  CHECK(has_line(text, "macvlan_rdma_webhook_review_seconds_sum 4"));
}
