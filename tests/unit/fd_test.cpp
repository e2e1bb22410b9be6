// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/fd.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "support/print.hpp"
#include "support/unit_dir.hpp"

using mvr::close_later;
using mvr::Code;
using mvr::Fd;
using mvr::read_all;
using mvr::read_file;
using mvr::write_all;
using namespace mvr::test;

namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

Fd open_null() {
  Fd fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  REQUIRE(fd);
  return fd;
}

}  // namespace

TEST_CASE("a descriptor is closed by its last owner", "[fd]") {
  int number = -1;
  {
    Fd first = open_null();
    number = first.get();
    const Fd second = std::move(first);
    CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): what a moved-from one is
    CHECK(second.get() == number);
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("a descriptor that is assigned over is closed", "[fd]") {
  Fd first = open_null();
  const int number = first.get();
  first = Fd();
  CHECK_FALSE(first);
  CHECK_FALSE(is_open(number));
}

TEST_CASE("a file is read up to its limit and not beyond", "[fd]") {
  const ScratchDir dir;
  for (const std::size_t size : {0UL, 1UL, 16'383UL, 16'384UL, 16'385UL, 100'000UL}) {
    const std::string text(size, 'x');
    write_text(dir.file("f"), text);
    CHECK(unwrap(read_file(dir.file("f"), size)) == text);
    CHECK(unwrap(read_file(dir.file("f"), size + 1)) == text);
    if (size > 0) {
      const auto read = read_file(dir.file("f"), size - 1);
      REQUIRE_FALSE(read);
      CHECK(read.error().sys_errno == EFBIG);
      CHECK(read.error().code == Code::io);
    }
  }
}

TEST_CASE("a file that is not there is an error that names it", "[fd]") {
  const auto read = read_file("/nonexistent/file", 10);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Code::io);
  CHECK(read.error().sys_errno == ENOENT);
  CHECK(read.error().msg.find("/nonexistent/file") != std::string::npos);
  CHECK_FALSE(read_file("/", 10));
}

TEST_CASE("a pipe is read to its end, and written whole", "[fd]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reader(ends[0]);
  const std::string text(200'000, 'x');  // more than a pipe holds
  Forked writer([&] { return write_all(ends[1], text) ? 0 : 1; });
  ::close(ends[1]);
  CHECK(unwrap(read_all(reader.get(), text.size())) == text);
  CHECK(writer.wait() == 0);
}

TEST_CASE("what cannot be read or written is an error", "[fd]") {
  CHECK_FALSE(read_all(-1, 10));
  CHECK_FALSE(write_all(-1, "x"));
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto written = write_all(full.get(), "x");
  REQUIRE_FALSE(written);
  CHECK(written.error().sys_errno == ENOSPC);
  CHECK(write_all(-1, ""));
}

TEST_CASE("a descriptor that is closed later is ours no more, and is closed", "[fd]") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Fd reader(ends[0]);
  close_later(Fd(ends[1]));
  CHECK_FALSE(is_open(ends[1]));
  char byte = 0;
  CHECK(::read(reader.get(), &byte, 1) == 0);  // the pipe's end, once the last writer is gone
}

TEST_CASE("closing nothing later does nothing", "[fd]") {
  close_later(Fd());
  SUCCEED();
}
