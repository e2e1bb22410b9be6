// SPDX-License-Identifier: Apache-2.0
#include "webhook/api_client.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "webhook/openssl.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace mvr::webhook {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::size_t kMaxCa = 4U << 20U;
constexpr std::size_t kMaxToken = 64U << 10U;
constexpr std::uint32_t kMaxHead = 64U << 10U;

using Parser = http::response_parser<http::buffer_body>;
using Secured = asio::ssl::stream<beast::tcp_stream&>;

/// A server that has vanished without a word is found within half a minute, even where a watch
/// would wait for minutes. \source tcp(7)
void find_dead_peers(int socket) {
  const auto set = [socket](int level, int name, int value) {
    ::setsockopt(socket, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

Result<std::string> read_token(const std::string& path) {
  std::string token = MVR_TRY(in("token", read_file(path, kMaxToken)));
  token.erase(token.find_last_not_of(" \t\r\n") + 1);
  for (const char c : token) {
    if (c <= ' ' || c > '~') {
      return fail(Code::bad_config, "token " + path + " has characters that no token has");
    }
  }
  return token;
}

Result<std::shared_ptr<SSL_CTX>> make_client_context(const ApiServer& server) {
  std::shared_ptr<SSL_CTX> context = make_context(::TLS_client_method());
  const std::string ca =
      MVR_TRY(in("authority of the API server", read_file(server.ca_file, kMaxCa)));
  MVR_TRY(in(server.ca_file, trust(context.get(), ca, /*is_announced=*/false)));
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

/// Whom the certificate must name.
void expect_name(SSL* ssl, const ApiServer& server) {
  const std::string& name = server.name.empty() ? server.address : server.name;
  X509_VERIFY_PARAM* const param = ::SSL_get0_param(ssl);
  if (::X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) != 1) {
    ::ERR_clear_error();
    ::X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size());
    // SSL_set_tlsext_host_name without its macro's cast.
    ::SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(name.c_str()));
  }
}

std::string to_host(const ApiServer& server) {
  const std::string& name = server.name.empty() ? server.address : server.name;
  const bool is_v6 = name.find(':') != std::string::npos;
  return (is_v6 ? '[' + name + ']' : name) + ':' + std::to_string(server.port);
}

}  // namespace

/// A connection. All of it runs in the thread that waits for an operation, but for the stop.
struct ApiClient::State {
  explicit State(const std::stop_token& stop)
      : stream(context),
        stopper(stop, [this] { asio::post(context, [this] { stream.close(); }); }) {}

  /// Runs one operation to its end, or ends it after the time.
  template <typename Start>
  error_code await(Milliseconds limit, Start start) {
    error_code result;
    stream.expires_after(limit);
    start([&result](error_code error, auto&&...) { result = error; });
    context.restart();
    context.run();
    stream.expires_never();
    return result;
  }

  /// The same with the stream that is on top.
  template <typename Start>
  error_code await_top(Milliseconds limit, Start start) {
    return await(limit, [&](auto done) {
      secured ? start(*secured, std::move(done)) : start(stream, std::move(done));
    });
  }

  Result<void> secure(const ApiServer& server, Milliseconds limit);
  [[nodiscard]] bool is_reusable() const {
    return !parser || (parser->is_done() && parser->get().keep_alive());
  }

  asio::io_context context{1};
  beast::tcp_stream stream;
  std::optional<Secured> secured;
  beast::flat_buffer buffer;
  std::optional<Parser> parser;
  std::array<char, 32U << 10U> bytes{};
  std::stop_callback<std::function<void()>> stopper;  // last: it uses what is above
};

namespace {

Error network_error(const error_code& error, const std::stop_token& stop, const std::string& what) {
  if (stop.stop_requested()) {
    return {Code::interrupted, 0, what + ": stopped"};
  }
  if (error == beast::error::timeout) {
    return {Code::try_again, ETIMEDOUT, what + ": nothing came in time"};
  }
  return {Code::unavailable, 0, what + ": " + error.message()};
}

}  // namespace

Result<void> ApiClient::State::secure(const ApiServer& server, Milliseconds limit) {
  const std::shared_ptr<SSL_CTX> trusted = MVR_TRY(make_client_context(server));
  // Asio's context frees what it is given, and the connection has its own share in it.
  ::SSL_CTX_up_ref(trusted.get());
  asio::ssl::context borrowed(trusted.get());
  secured.emplace(stream, borrowed);
  expect_name(secured->native_handle(), server);
  const error_code error = await(limit, [&](auto done) {
    secured->async_handshake(asio::ssl::stream_base::client, std::move(done));
  });
  const long verdict = ::SSL_get_verify_result(secured->native_handle());
  if (error && verdict != X509_V_OK) {
    return fail(Code::unavailable, "certificate of the API server: " +
                                       std::string(::X509_verify_cert_error_string(verdict)));
  }
  return error ? Result<void>(fail(network_error(error, {}, "TLS"))) : Result<void>();
}

ApiClient::ApiClient(ApiServer server, std::stop_token stop)
    : server_(std::move(server)), stop_(std::move(stop)) {
}
ApiClient::~ApiClient() = default;

void ApiClient::drop() {
  state_.reset();
}

Result<void> ApiClient::connect(Milliseconds limit) {
  const std::string what = "connect to " + to_host(server_);
  error_code error;
  const auto address = asio::ip::make_address(server_.address, error);
  if (error) {
    return fail(Code::bad_config, what + ": no address in digits");
  }
  auto state = std::make_unique<State>(stop_);
  error = state->await(limit, [&](auto done) {
    state->stream.async_connect(asio::ip::tcp::endpoint(address, server_.port), std::move(done));
  });
  if (error) {
    return fail(network_error(error, stop_, what));
  }
  find_dead_peers(state->stream.socket().native_handle());
  if (server_.is_tls) {
    MVR_TRY(in(what, state->secure(server_, limit)));
  }
  state_ = std::move(state);
  return {};
}

Result<ApiClient::Head> ApiClient::get(const std::string& target, std::string_view accept,
                                       Milliseconds limit) {
  std::string text = "GET " + target + " HTTP/1.1\r\nHost: " + to_host(server_) +
                     "\r\nUser-Agent: macvlan-rdma-webhook\r\nAccept: " + std::string(accept);
  if (!server_.token_file.empty()) {
    text += "\r\nAuthorization: Bearer " + MVR_TRY(read_token(server_.token_file));
  }
  text += "\r\n\r\n";
  if (!state_ || !state_->is_reusable()) {
    state_.reset();
    MVR_TRY(connect(limit));
  }
  State& state = *state_;
  error_code error = state.await_top(limit, [&](auto& stream, auto done) {
    asio::async_write(stream, asio::buffer(text), std::move(done));
  });
  state.parser.emplace();
  state.parser->header_limit(kMaxHead);
  // Beast 1.74 takes none for nothing at all.
  state.parser->body_limit(std::numeric_limits<std::uint64_t>::max());
  if (!error) {
    error = state.await_top(limit, [&](auto& stream, auto done) {
      http::async_read_header(stream, state.buffer, *state.parser, std::move(done));
    });
  }
  if (error) {
    state_.reset();
    return fail(network_error(error, stop_, "GET " + target));
  }
  const auto& message = state.parser->get();
  const auto wait = message[http::field::retry_after];
  return Head{.status = static_cast<int>(message.result_int()),
              .retry_after = std::chrono::seconds(
                  parse_number<std::uint16_t>({wait.data(), wait.size()}).value_or(0))};
}

Result<std::string_view> ApiClient::read_some(Milliseconds limit) {
  while (state_ && !state_->parser->is_done()) {
    State& state = *state_;
    auto& body = state.parser->get().body();
    body.data = state.bytes.data();
    body.size = state.bytes.size();
    const error_code error = state.await_top(limit, [&](auto& stream, auto done) {
      http::async_read_some(stream, state.buffer, *state.parser, std::move(done));
    });
    const std::size_t count = state.bytes.size() - body.size;
    // What came before the failure was sent as well; the failure is met again by the next call.
    if (count > 0) {
      return std::string_view(state.bytes.data(), count);
    }
    if (error && error != http::error::need_buffer) {
      state_.reset();
      return fail(network_error(error, stop_, "read"));
    }
  }
  return std::string_view();
}

Result<std::string> ApiClient::read_all(std::size_t most, Milliseconds limit) {
  const auto until = steady_clock::now() + limit;
  std::string text;
  for (;;) {
    const auto left = std::chrono::ceil<Milliseconds>(until - steady_clock::now());
    const std::string_view piece = MVR_TRY(read_some(std::max(left, Milliseconds(1))));
    if (piece.empty()) {
      return text;
    }
    if (text.size() + piece.size() > most) {
      state_.reset();
      return fail(Code::limited, "the answer is longer than " + std::to_string(most) + " bytes");
    }
    text += piece;
  }
}

}  // namespace mvr::webhook
