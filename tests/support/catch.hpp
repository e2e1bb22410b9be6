// SPDX-License-Identifier: Apache-2.0
/// \file
/// Catch2, whichever major version the distribution has: 3 (Debian 13) or 2 (Debian 12).
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
