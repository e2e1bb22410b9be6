// SPDX-License-Identifier: Apache-2.0
/// \file
/// Delegation to an IPAM plugin: a process that gets our environment and our standard input.
/// \source CNI specification 1.1.0 section 4 "Plugin Delegation"
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/cni/result.hpp"
#include "mvr/cni/version.hpp"

namespace mvr::ipam {

/// Our ends of a plugin's standard streams.
struct Streams {
  Fd in;
  Fd out;
  Fd err;
};

/// A running plugin. Destroyed before `finish`, its process group is killed and reaped.
class Child {
 public:
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// What the plugin left behind.
  struct Exit {
    int status = 0;  ///< as waitpid(2) reports it
    std::string out;
    std::string err;
  };

  /// Feeds the rest of the input, collects standard output (at most 16 MiB) and standard error
  /// (passed on to ours, the last 4 KiB kept), and waits for the end of the plugin itself: what it
  /// started and left behind may keep the streams open and lives on.
  /// On a failure, a signal or the end of the time the process group is killed and reaped.
  /// To be called once. Errors: interrupted, ipam_failed (too much output), io; `details` is the
  /// standard error.
  Result<Exit> finish(const Budget& budget);

 private:
  friend class Plugin;
  Child(std::string type, pid_t pid, Streams streams, std::string input);

  Result<void> open_pidfd();
  void feed();
  Result<void> pump(const Budget& budget, Exit& exit);
  Result<void> drain(const Budget& budget, Exit& exit);
  Result<std::size_t> read_out(std::size_t limit, Exit& exit);
  Result<std::size_t> read_err(std::size_t limit, const Budget& budget, Exit& exit);
  Result<void> reap(Exit& exit);
  void kill_group();

  std::string type_;
  pid_t pid_;  ///< also the number of its process group; -1 = reaped
  Fd pidfd_;   ///< readable when the plugin has ended
  Streams streams_;
  std::string input_;
  std::size_t fed_ = 0;  ///< bytes of the input that are written
};

/// One IPAM plugin and the configuration it is called with.
class Plugin {
 public:
  /// Finds `type` in the directories of `cni_path`; empty entries are skipped. It must be a regular
  /// file. Fails with Code::ipam_failed, naming the directories that were searched.
  /// \param variables "CNI_NETNS=…", which the plugin gets in the place of ours
  static Result<Plugin> find(std::string_view type, std::string_view cni_path,
                             std::vector<std::string> variables = {});

  /// Starts the plugin with CNI_COMMAND=`verb` and this standard input, of which as much is written
  /// as the pipe takes. It dies with us (PR_SET_PDEATHSIG) and leads a process group of its own.
  /// ETXTBSY is tried again, five times in 100 ms. SIGCHLD gets its default disposition.
  /// Fails with Code::ipam_failed and the errno when it cannot be executed.
  [[nodiscard]] Result<Child> start(std::string_view verb, std::string input,
                                    const Budget& budget) const;

  /// ADD; the result must hold at least one address. `config` is the exact text we were given.
  /// A plugin's own error document keeps its code; all else is Code::ipam_failed. A failed ADD may
  /// have left a lease: the caller sends DEL.
  [[nodiscard]] Result<cni::AddResult> add(const std::string& config, const cni::Version& version,
                                           const Budget& budget) const;

  /// DEL, CHECK, STATUS or GC: nothing but success or failure. A plugin that knows no STATUS or GC
  /// has nothing to say against it: success.
  [[nodiscard]] Result<void> call(std::string_view verb, const std::string& config,
                                  const cni::Version& version, const Budget& budget) const;

  /// The second half of `call` for a child that was started earlier.
  [[nodiscard]] Result<void> collect(std::string_view verb, Child child, const std::string& config,
                                     const cni::Version& version, const Budget& budget) const;

 private:
  Plugin(std::string_view type, std::string path, std::vector<std::string> variables)
      : type_(type), path_(std::move(path)), variables_(std::move(variables)) {}

  [[nodiscard]] Result<Child::Exit> conclude(std::string_view verb, Child child,
                                             const std::string& config, const cni::Version& version,
                                             const Budget& budget) const;

  std::string type_;
  std::string path_;
  std::vector<std::string> variables_;
};

/// What a refused ADD is to say. Codes of the specification are carried, whatever the text, and so
/// is a plugin's own, such as that of Go's library for an error without one (999); but where it
/// stands for a placeholder that somebody has left in the configuration, that is told, as
/// Code::ipam_failed with the plugin's own words in the details.
Error explain_refusal(std::string_view type, Error error);

}  // namespace mvr::ipam
