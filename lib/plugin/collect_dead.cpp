// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/capabilities.hpp"
#include "mvr/plan/kernel.hpp"
#include "mvr/plugin/collect.hpp"
#include "plugin/collect.hpp"
#include "plugin/node.hpp"

namespace mvr::plugin {
namespace {

using Fate = Collected::Fate;

/// For each attachment, IPAM included.
constexpr std::chrono::seconds kTime{30};

/// Nothing for one that is alive.
Result<std::string> why_dead(const net::Netns& host, const state::Record& record) {
  const auto pod = MVR_TRY(reopen_pod(host, record));
  if (!pod) {
    return MVR_TRY(is_heard_of(host, record)) ? "" : "its namespace is gone";
  }
  if (!record.is_complete) {
    return "its ADD has not ended well";
  }
  return MVR_TRY(is_alive(host, pod, record)) ? "" : "its NIC is gone";
}

/// A configuration that knows of no IPAM: each journal knows its own.
cni::NetConf make_conf(const CollectOptions& options) {
  cni::NetConf conf;
  conf.state_dir = options.state_dir;
  return conf;
}

/// One attachment after the other, each with a call of its own.
class Collector {
 public:
  Collector(const CollectOptions& options, const net::Netns& host, Log& log)
      : options_(options), host_(host), log_(log), conf_(make_conf(options)) {}

  /// Fails only when interrupted.
  Result<Collected> run(const state::Record& record) {
    const Budget budget = MVR_TRY(Budget::start(kTime));
    Timeline timeline(log_, "");
    const Call call{env_, conf_, config_, budget, log_, timeline, {}};
    Collected collected{record.attachment, record.pod};
    const auto is_to_go = [&](const state::Record& now) -> Result<bool> {
      collected.reason = MVR_TRY(why_dead(host_, now));
      return !collected.reason.empty() && !options_.is_dry_run;
    };
    const Budget no_wait = Budget::grace({});
    const auto done = collect(call, host_, record.attachment, no_wait, is_to_go);
    MVR_TRY(check_signals());
    judge(done, collected);
    return collected;
  }

 private:
  /// An attachment whose time is used up is not the end of it all.
  static Result<void> check_signals() {
    const Budget another = MVR_TRY(Budget::start(kTime));
    return another.check();
  }

  void judge(const Result<bool>& done, Collected& collected) const {
    if (done) {
      collected.fate = *done ? Fate::undone : collected.reason.empty() ? Fate::alive : Fate::dead;
    } else if (collected.reason.empty() && done.error().code == Code::interrupted) {
      collected.fate = Fate::busy;  // its lock is held
    } else {
      collected.fate = Fate::failed;
      collected.reason = done.error().msg + " (journal " +
                         state::journal_path(options_.state_dir, collected.attachment) + ')';
    }
  }

  const CollectOptions& options_;
  const net::Netns& host_;
  Log& log_;
  const cni::Environment env_;
  const cni::NetConf conf_;
  const std::string config_;
};

}  // namespace

Result<void> collect_dead(const CollectOptions& options, Log& log,
                          const std::function<void(const Collected&)>& report) {
  static_cast<void>(MVR_TRY(drop_capabilities()));
  const net::Netns host = MVR_TRY(net::open_own_netns());
  Collector collector(options, host, log);
  for (const state::Record& record : MVR_TRY(state::read_records(options.state_dir))) {
    report(MVR_TRY(collector.run(record)));
  }
  if (!options.is_dry_run) {
    MVR_TRY(state::remove_debris(options.state_dir));
  }
  for (const std::string& file : MVR_TRY(state::find_unreadable(options.state_dir))) {
    Collected unreadable{{}, "", Fate::failed};
    unreadable.reason = "journal " + file + " says nothing that is understood";
    report(unreadable);
  }
  return {};
}

}  // namespace mvr::plugin
