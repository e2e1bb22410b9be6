// SPDX-License-Identifier: Apache-2.0
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mvr/base/fd.hpp"

namespace mvr {

/// A ring of the smallest size, which nobody ever submits anything to. What is registered with it
/// lives as long as the ring, and a ring is taken apart by a worker.
void close_later(Fd fd) {
  if (!fd) {
    return;
  }
  io_uring_params params{};
  const Fd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1U, &params)));
  if (ring) {
    const int file = fd.get();
    ::syscall(SYS_io_uring_register, ring.get(), IORING_REGISTER_FILES, &file, 1U);
  }
  fd = Fd();  // before the ring goes: ours must not be the last reference
}

}  // namespace mvr
