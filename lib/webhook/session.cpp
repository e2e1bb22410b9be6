// SPDX-License-Identifier: Apache-2.0
#include "webhook/session.hpp"

#include "mvr/base/text.hpp"
#include "webhook/certificate.hpp"
#include "webhook/http_text.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

namespace mvr::webhook {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

/// What a buffer holds at most, and what it may keep while nothing is asked.
constexpr std::size_t kMostBuffered = 128U << 10U;
constexpr std::size_t kKeptBuffer = 16U << 10U;

/// A client that goes on sending what is not wanted does not get to read why, unless we listen for
/// a little longer (RFC 9112, section 9.6).
constexpr std::chrono::milliseconds kGoodbye{2'000};
constexpr std::size_t kMostDiscarded = 4U << 20U;

/// Who is late is told so, and not just left.
constexpr std::string_view kAnswer;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

Session::Session(Hall& hall, Socket socket, asio::ssl::context& context)
    : hall_(hall),
      stream_(std::move(socket), context),
      timer_(stream_.get_executor()),
      buffer_(kMostBuffered) {
  ++hall_.metrics.open_connections;
}

Session::~Session() {
  give_large_place();
  hall_.roster.leave(id_);
  --hall_.metrics.open_connections;
}

void Session::start(Roster::Id id) {
  id_ = id;
  error_code ignored;
  stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
  arm(hall_.limits.handshake, "handshake");
  stream_.async_handshake(
      asio::ssl::stream_base::server,
      [self = shared_from_this()](error_code error) { self->on_handshake(error); });
}

void Session::evict() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] { self->close("evicted"); });
}

void Session::on_handshake(ErrorCode error) {
  if (error) {
    close("handshake");
    return;
  }
  // Go's clients connect in advance, and use such a connection perhaps a minute later: what is
  // fresh is not closed sooner than what has been used, unless its place is wanted.
  await_bytes();
}

void Session::await_request() {
  hall_.roster.change(id_, Phase::idle);
  await_bytes();
}

void Session::await_bytes() {
  if (buffer_.size() > 0) {
    hall_.roster.change(id_, Phase::reading);
    arm(hall_.limits.head_time, kAnswer);
    read_head();
    return;
  }
  if (buffer_.capacity() > kKeptBuffer) {
    buffer_.shrink_to_fit();
  }
  arm(hall_.limits.idle, "idle");
  stream_.async_read_some(buffer_.prepare(kKeptBuffer / 4),
                          [self = shared_from_this()](error_code error, std::size_t count) {
                            self->on_first_bytes(error, count);
                          });
}

void Session::on_first_bytes(ErrorCode error, std::size_t count) {
  if (error) {
    close("closed");
    return;
  }
  buffer_.commit(count);
  arm(hall_.limits.head_time, kAnswer);
  read_head();
}

void Session::read_head() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(hall_.limits.head));
  parser_->body_limit(hall_.limits.body);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code error, std::size_t) { self->on_head(error); });
}

void Session::on_head(ErrorCode error) {
  if (error) {
    on_bad_request(error, "the head of the request took too long");
    return;
  }
  hall_.roster.change(id_, Phase::reading);
  if (const auto answer = hall_.handler.screen(request())) {
    send(*answer, /*is_last=*/!parser_->is_done());
    return;
  }
  begin_body();
}

void Session::begin_body() {
  if (parser_->is_done()) {
    on_body({});
    return;
  }
  if (!take_large_place()) {
    refuse(503, "too many large requests at a time; try again");
    return;
  }
  arm(hall_.limits.body_time, kAnswer);
  const auto expect = parser_->get().find(http::field::expect);
  if (expect != parser_->get().end() && to_lower(view(expect->value())) == "100-continue") {
    invite_body();
    return;
  }
  read_body();
}

void Session::invite_body() {
  output_ = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(output_),
                    [self = shared_from_this()](error_code error, std::size_t) {
                      error ? self->close("closed") : self->read_body();
                    });
}

void Session::read_body() {
  http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code error, std::size_t) { self->on_body(error); });
}

void Session::on_body(ErrorCode error) {
  if (error) {
    on_bad_request(error, "the body of the request took too long");
    return;
  }
  timer_.cancel();
  hall_.roster.change(id_, Phase::answering);
  send(hall_.handler.respond(request()), /*is_last=*/false);
}

void Session::on_bad_request(ErrorCode error, const char* late) {
  if (is_late_) {
    refuse(408, late);
  } else if (error == http::error::end_of_stream || error == http::error::partial_message ||
             error.category() != http::make_error_code(http::error::bad_method).category()) {
    close("closed");
  } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    refuse(431, "the head of the request is too long");
  } else if (error == http::error::body_limit) {
    refuse(413, "the body of the request is too long");
  } else {
    refuse(400, "malformed HTTP: " + error.message());
  }
}

Request Session::request() {
  const auto& message = parser_->get();
  const std::string_view target = view(message.target());
  return {.method = view(message.method_string()),
          .path = target.substr(0, target.find('?')),
          .content_type = view(message[http::field::content_type]),
          .body = message.body(),
          .is_client_known = is_client_known(stream_.native_handle())};
}

bool Session::take_large_place() {
  const auto length = parser_->content_length();
  if (length && *length <= hall_.limits.small_body) {
    return true;
  }
  has_large_place_ = ++hall_.large_bodies <= hall_.limits.large_bodies;
  if (!has_large_place_) {
    --hall_.large_bodies;
  }
  return has_large_place_;
}

void Session::give_large_place() {
  if (std::exchange(has_large_place_, false)) {
    --hall_.large_bodies;
  }
}

void Session::refuse(int status, std::string_view reason) {
  send({.status = status, .body = status_text(status, reason)}, /*is_last=*/true);
}

void Session::send(const Response& response, bool is_last) {
  hall_.metrics.requests.add(std::to_string(response.status));
  const bool is_head = parser_->is_header_done() && parser_->get().method() == http::verb::head;
  const bool is_kept = !is_last && !hall_.is_leaving && parser_->get().keep_alive();
  output_ = to_http(response, is_kept, is_head);
  // The body was read by the handler only: a connection that waits needs no memory for it.
  parser_.reset();
  give_large_place();
  hall_.roster.change(id_, Phase::writing);
  arm(hall_.limits.write_time, "timeout");
  asio::async_write(stream_, asio::buffer(output_),
                    [self = shared_from_this(), is_kept](error_code error, std::size_t) {
                      self->on_sent(error, !is_kept);
                    });
}

void Session::on_sent(ErrorCode error, bool is_last) {
  output_ = {};
  if (error) {
    close("closed");
  } else if (is_last) {
    say_goodbye();
  } else {
    await_request();
  }
}

void Session::say_goodbye() {
  arm(kGoodbye, "answered");
  stream_.async_shutdown([self = shared_from_this()](error_code) {
    error_code ignored;
    self->stream_.next_layer().shutdown(Socket::shutdown_send, ignored);
    self->discard();
  });
}

void Session::discard() {
  buffer_.clear();
  stream_.next_layer().async_read_some(
      buffer_.prepare(kKeptBuffer),
      [self = shared_from_this()](error_code error, std::size_t count) {
        self->discarded_ += count;
        if (error || self->discarded_ > kMostDiscarded) {
          self->close("answered");
        } else {
          self->discard();
        }
      });
}

void Session::close(std::string_view reason) {
  if (std::exchange(is_closed_, true)) {
    return;
  }
  hall_.metrics.connections.add(reason);
  hall_.roster.leave(id_);
  timer_.cancel();
  error_code ignored;
  stream_.next_layer().close(ignored);
}

void Session::arm(Milliseconds limit, std::string_view ending) {
  is_late_ = false;
  timer_.expires_after(limit);
  timer_.async_wait([weak = weak_from_this(), ending](error_code error) {
    if (const auto self = error ? nullptr : weak.lock()) {
      self->on_timer(ending);
    }
  });
}

void Session::on_timer(std::string_view ending) {
  // It may have been set anew when this was on its way already.
  if (timer_.expiry() > asio::steady_timer::clock_type::now()) {
    return;
  }
  if (ending != kAnswer) {
    close(ending);
    return;
  }
  is_late_ = true;
  error_code ignored;
  stream_.next_layer().cancel(ignored);
}

}  // namespace mvr::webhook
