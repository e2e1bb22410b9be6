// SPDX-License-Identifier: Apache-2.0
/// \file
/// Sends reviews to a webhook over connections that are kept, and says how long the answers took.
/// At a rate, a review has its moment, whether or not those before have been answered, and its time
/// is counted from that moment: a webhook that is late is late for all that come behind as well.
/// Usage: bench-webhook-load PORT CA REVIEWS RATE COUNT CONNECTIONS
///   REVIEWS  a file with a review on each line, sent in turn; "-" = GET /healthz instead, which is
///            all but the review
///   RATE     reviews a second; 0 = each connection's next one when the last is answered
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

struct Load {
  std::vector<std::string> requests;
  std::string expected;  ///< in each answer
  double rate = 0;
  std::size_t count = 0;
  std::size_t sent = 0;
  std::size_t failed = 0;
  std::vector<float> milliseconds = {};
  Clock::time_point start = Clock::now();

  /// The moment of the next review; nothing when all have been sent.
  std::optional<Clock::time_point> take() {
    if (sent == count) {
      return std::nullopt;
    }
    const double seconds = rate > 0 ? static_cast<double>(sent) / rate : 0;
    ++sent;
    return rate > 0 ? start + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(seconds))
                    : Clock::now();
  }
};

class Connection {
 public:
  Connection(asio::io_context& context, asio::ssl::context& tls, Load& load)
      : load_(load), stream_(context, tls), timer_(context) {}

  void open(const asio::ip::tcp::endpoint& server) {
    stream_.next_layer().connect(server);
    stream_.next_layer().set_option(asio::ip::tcp::no_delay(true));
    stream_.handshake(asio::ssl::stream_base::client);
  }

  void next() {
    const auto moment = load_.take();
    if (!moment) {
      return;
    }
    moment_ = *moment;
    request_ = &load_.requests[load_.sent % load_.requests.size()];
    timer_.expires_at(moment_);
    timer_.async_wait([this](error_code) { send(); });
  }

 private:
  void send() {
    asio::async_write(stream_, asio::buffer(*request_),
                      [this](error_code error, std::size_t) { error ? fail() : receive(); });
  }

  void receive() {
    response_ = {};
    http::async_read(stream_, buffer_, response_, [this](error_code error, std::size_t) {
      const bool is_good = response_.body().find(load_.expected) != std::string::npos;
      if (error || response_.result() != http::status::ok || !is_good) {
        fail();
        return;
      }
      const std::chrono::duration<float, std::milli> time = Clock::now() - moment_;
      load_.milliseconds.push_back(time.count());
      next();
    });
  }

  void fail() {
    ++load_.failed;
    std::fprintf(stderr, "%s\n", response_.body().c_str());
  }

  Load& load_;
  asio::ssl::stream<asio::ip::tcp::socket> stream_;
  asio::steady_timer timer_;
  boost::beast::flat_buffer buffer_;
  http::response<http::string_body> response_;
  const std::string* request_ = nullptr;
  Clock::time_point moment_;
};

std::vector<std::string> read_requests(const std::string& path) {
  if (path == "-") {
    return {"GET /healthz HTTP/1.1\r\nHost: webhook\r\n\r\n"};
  }
  std::vector<std::string> requests;
  std::ifstream file(path);
  for (std::string review; std::getline(file, review);) {
    requests.push_back(
        "POST /inject?timeout=5s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\n"
        "Content-Length: " +
        std::to_string(review.size()) + "\r\n\r\n" + review);
  }
  return requests;
}

double percentile(const std::vector<float>& sorted, double share) {
  const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return static_cast<double>(sorted[index]);
}

void report(Load& load) {
  const std::chrono::duration<double> time = Clock::now() - load.start;
  std::vector<float>& all = load.milliseconds;
  std::ranges::sort(all);
  if (all.empty()) {
    all.push_back(0);
  }
  std::printf(
      "{\"count\": %zu, \"failed\": %zu, \"seconds\": %.3f, \"p50\": %.3f, \"p90\": %.3f, "
      "\"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f}\n",
      all.size(), load.failed, time.count(), percentile(all, 0.5), percentile(all, 0.9),
      percentile(all, 0.99), percentile(all, 0.999), percentile(all, 1));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    return 2;
  }
  asio::io_context context;
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.load_verify_file(argv[2]);
  tls.set_verify_mode(asio::ssl::verify_peer);
  Load load{.requests = read_requests(argv[3]),
            .expected = std::string(argv[3]) == "-" ? "ok" : "\"patch\":",
            .rate = std::atof(argv[4]),
            .count = static_cast<std::size_t>(std::atoll(argv[5]))};
  const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(),
                                       static_cast<unsigned short>(std::atoi(argv[1])));
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = std::atoi(argv[6]); i > 0; --i) {
    connections.push_back(std::make_unique<Connection>(context, tls, load));
    connections.back()->open(server);
  }
  load.milliseconds.reserve(load.count);
  load.start = Clock::now();
  for (const auto& connection : connections) {
    connection->next();
  }
  context.run();
  report(load);
  return load.failed == 0 && load.sent == load.count ? 0 : 1;
}
