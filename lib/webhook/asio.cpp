// SPDX-License-Identifier: Apache-2.0
// The bodies of Asio's and Beast's functions that are no templates, once for all sources.
#include <utility>

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
