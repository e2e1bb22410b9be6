// SPDX-License-Identifier: Apache-2.0
#include "webhook/server.hpp"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "webhook/certificate.hpp"
#include "webhook/openssl.hpp"
#include "webhook/session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

namespace mvr::webhook {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// After a failure that the next connection would meet as well, such as no descriptors left.
constexpr std::chrono::milliseconds kAcceptPause{100};

/// How often the end asks whether it has become urgent.
constexpr std::chrono::milliseconds kUrgencyPause{100};

Error listen_error(const error_code& error, const std::string& where) {
  return sys_error(Code::io, error.value(), "listen at " + where);
}

Result<tcp::acceptor> listen_at(const asio::any_io_executor& executor,
                                const tcp::endpoint& endpoint, const std::string& where) {
  tcp::acceptor acceptor(executor);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) {
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error && endpoint.address().is_v6()) {
    // Of all addresses those of IPv4 as well.
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  }
  if (!error) {
    acceptor.bind(endpoint, error);
  }
  if (!error) {
    acceptor.listen(tcp::acceptor::max_listen_connections, error);
  }
  if (error) {
    return fail(listen_error(error, where));
  }
  return acceptor;
}

Result<tcp::acceptor> listen(const asio::any_io_executor& executor,
                             const ServerSettings& settings) {
  const std::string where = (settings.address.empty() ? "all addresses" : settings.address) +
                            ", port " + std::to_string(settings.port);
  if (settings.address.empty()) {
    auto both = listen_at(executor, tcp::endpoint(tcp::v6(), settings.port), where);
    // A kernel may have no IPv6 at all.
    const bool has_no_ipv6 = !both && (both.error().sys_errno == EAFNOSUPPORT ||
                                       both.error().sys_errno == EADDRNOTAVAIL);
    return has_no_ipv6 ? listen_at(executor, tcp::endpoint(tcp::v4(), settings.port), where)
                       : std::move(both);
  }
  error_code error;
  const auto address = asio::ip::make_address(settings.address, error);
  if (error) {
    return fail(listen_error(error, where));
  }
  return listen_at(executor, tcp::endpoint(address, settings.port), where);
}

}  // namespace

struct Server::State {
  State(const ServerSettings& settings, Handler handler, const Certificates& its_certificates,
        Metrics& metrics)
      : certificates(its_certificates),
        hall(settings.limits, std::move(handler), metrics),
        context(static_cast<int>(settings.threads)),
        acceptor(asio::make_strand(context)),
        pause(acceptor.get_executor()) {}

  void accept();
  void admit(tcp::socket socket);
  void wait_and_accept();
  bool wait_empty(std::chrono::steady_clock::time_point until,
                  const std::function<bool()>& is_urgent);

  const Certificates& certificates;
  Hall hall;  // before the context, whose sessions refer to it until it is gone
  asio::io_context context;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::uint16_t port = 0;
  std::vector<std::thread> threads;
};

void Server::State::accept() {
  acceptor.async_accept(asio::make_strand(context), [this](error_code error, tcp::socket socket) {
    if (!acceptor.is_open()) {
      return;
    }
    if (!error) {
      admit(std::move(socket));
      accept();
    } else if (error == asio::error::connection_aborted) {
      accept();
    } else {
      hall.metrics.connections.add("not accepted");
      wait_and_accept();
    }
  });
}

void Server::State::wait_and_accept() {
  pause.expires_after(kAcceptPause);
  pause.async_wait([this](error_code) {
    if (acceptor.is_open()) {
      accept();
    }
  });
}

void Server::State::admit(tcp::socket socket) {
  // Asio's context frees what it is given, and a connection has its own share in it.
  const auto shared = certificates.current().context;
  ::SSL_CTX_up_ref(shared.get());
  asio::ssl::context borrowed(shared.get());
  const auto executor = socket.get_executor();
  const auto session = std::make_shared<Session>(hall, std::move(socket), borrowed);
  const auto id = hall.roster.enter([weak = std::weak_ptr(session)] {
    if (const auto living = weak.lock()) {
      living->evict();
    }
  });
  if (!id) {
    hall.metrics.connections.add("refused");
    return;
  }
  asio::post(executor, [session, id] { session->start(*id); });
}

bool Server::State::wait_empty(std::chrono::steady_clock::time_point until,
                               const std::function<bool()>& is_urgent) {
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    if (hall.roster.wait_empty(std::min(until, now + kUrgencyPause))) {
      return true;
    }
    if (now >= until || (is_urgent && is_urgent())) {
      return false;
    }
  }
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {
}
Server::Server(Server&&) noexcept = default;

Result<Server> Server::start(const ServerSettings& settings, Handler handler,
                             const Certificates& certificates, Metrics& metrics) {
  auto state = std::make_unique<State>(settings, std::move(handler), certificates, metrics);
  state->acceptor = MVR_TRY(listen(state->acceptor.get_executor(), settings));
  state->port = state->acceptor.local_endpoint().port();
  state->accept();
  for (unsigned i = 0; i < settings.threads; ++i) {
    state->threads.emplace_back([&context = state->context] { context.run(); });
  }
  return Server(std::move(state));
}

Server::~Server() {
  if (state_) {
    drain(std::chrono::milliseconds(0));
  }
}

std::uint16_t Server::port() const {
  return state_->port;
}

void Server::discourage() {
  state_->hall.is_leaving = true;
}

bool Server::drain(std::chrono::milliseconds limit, const std::function<bool()>& is_urgent) {
  const auto until = std::chrono::steady_clock::now() + limit;
  discourage();
  asio::post(state_->acceptor.get_executor(), [state = state_.get()] {
    error_code ignored;
    state->acceptor.close(ignored);
    state->pause.cancel();
    state->hall.roster.close_waiting();
  });
  const bool is_empty = state_->wait_empty(until, is_urgent);
  state_->context.stop();
  for (std::thread& thread : state_->threads) {
    thread.join();
  }
  state_->threads.clear();
  return is_empty;
}

}  // namespace mvr::webhook
