// SPDX-License-Identifier: Apache-2.0
/// \file
/// One connection of the server. Expensive to include.
#pragma once

// Before Asio 1.74, which uses std::exchange without it.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "webhook/metrics.hpp"
#include "webhook/roster.hpp"
#include "webhook/server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace mvr::webhook {

/// What all sessions of a server share.
struct Hall {
  Hall(const ServerLimits& its_limits, Handler its_handler, Metrics& its_metrics)
      : limits(its_limits),
        handler(std::move(its_handler)),
        metrics(its_metrics),
        roster(its_limits.connections) {}

  ServerLimits limits;
  Handler handler;
  Metrics& metrics;
  Roster roster;
  std::atomic<std::size_t> large_bodies = 0;
  std::atomic<bool> is_leaving = false;  ///< each answer ends its connection
};

/// Keeps itself alive by the operation it waits for. All of it runs on the strand of its socket.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using ErrorCode = boost::system::error_code;

  Session(Hall& hall, Socket socket, boost::asio::ssl::context& context);
  Session(const Session&) = delete;
  Session(Session&&) = delete;
  Session& operator=(const Session&) = delete;
  Session& operator=(Session&&) = delete;
  ~Session();

  /// To be called on the strand.
  void start(Roster::Id id);

  /// May be called by any thread.
  void evict();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Milliseconds = std::chrono::milliseconds;

  void on_handshake(ErrorCode error);
  void await_request();
  void await_bytes();
  void on_first_bytes(ErrorCode error, std::size_t count);
  void read_head();
  void on_head(ErrorCode error);
  void begin_body();
  void invite_body();
  void read_body();
  void on_body(ErrorCode error);
  void on_bad_request(ErrorCode error, const char* late);
  Request request();
  bool take_large_place();
  void give_large_place();

  void refuse(int status, std::string_view reason);
  void send(const Response& response, bool is_last);
  void on_sent(ErrorCode error, bool is_last);
  void say_goodbye();
  void discard();
  void close(std::string_view reason);

  /// Ends what waits for the peer after the time: by closing, for this reason, or, where there is
  /// an answer to being late, by cancelling.
  void arm(Milliseconds limit, std::string_view ending);
  void on_timer(std::string_view ending);

  Hall& hall_;
  boost::asio::ssl::stream<Socket> stream_;
  boost::asio::steady_timer timer_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::string output_;
  Roster::Id id_ = 0;
  std::size_t discarded_ = 0;
  bool is_late_ = false;
  bool has_large_place_ = false;
  bool is_closed_ = false;
};

}  // namespace mvr::webhook
