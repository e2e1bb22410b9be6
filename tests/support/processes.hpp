// SPDX-License-Identifier: Apache-2.0
/// \file
/// Daemons under test: whatever they start, and leave running, ends with the test.
#pragma once

namespace mvr::test {

/// Goes on as a process of a new PID namespace (pid_namespaces(7)), with a /proc that shows nothing
/// else; the process that called waits for it and ends with its status. Daemons, shims and monitors
/// that leave their parents stay in the namespace and are killed when the test ends, however that
/// happens. Call it before anything else; skips the test without root.
void isolate_processes();

}  // namespace mvr::test
