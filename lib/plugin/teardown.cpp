// SPDX-License-Identifier: Apache-2.0
#include "plugin/teardown.hpp"

#include <errno.h>

#include <algorithm>

#include "mvr/base/text.hpp"
#include "mvr/plan/step.hpp"
#include "plugin/delegate.hpp"
#include "plugin/node.hpp"
#include "plugin/rdma.hpp"

namespace mvr::plugin {
namespace {

using plan::PodState;
using plan::Step;

/// What the kernel says to a route whose NIC is down, or has lost its address, or its next hop.
bool has_lost_its_way(const Error& error) {
  switch (error.sys_errno) {
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENODEV:
    case EINVAL:
      return true;
    default:
      return false;
  }
}

class Teardown {
 public:
  Teardown(const Call& call, const Remains& remains, state::Journal& journal, const Budget& budget)
      : call_(call),
        remains_(remains),
        journal_(journal),
        budget_(budget),
        may_answer_(remains.pod != nullptr) {}

  std::vector<Error> run() {
    if (releases_over_link(call_.conf)) {
      note(start_ipam());
      note(collect_ipam());
    }
    note(return_rdma_device());
    note(open_kernel());
    if (kernel_) {
      note(release_node_routes(call_, *kernel_, journal_, Budget::grace(kGrace)));
    }
    note(remove_routing());
    call_.timeline.end_phase("routing");
    // RTM_DELLINK waits 16 to 20 ms for the kernel's readers; IPAM works meanwhile.
    if (!may_answer_) {
      note(start_ipam());
    }
    note(remove_link());
    if (!may_answer_) {
      note(start_ipam());
    }
    note(remove_shared());
    if (kernel_) {
      note(release_vlan(call_, *kernel_, journal_, Budget::grace(kGrace)));
    }
    if (remains_.record) {
      note(withdraw_device(*remains_.record));
    }
    call_.timeline.end_phase("link");
    note(collect_ipam());
    call_.timeline.end_phase("ipam");
    return std::move(errors_);
  }

 private:
  void note(Result<void> done) {
    if (!done) {
      errors_.push_back(std::move(done).error());
    }
  }

  void note(std::vector<Error> errors) { std::ranges::move(errors, std::back_inserter(errors_)); }

  Result<void> return_rdma_device() {
    if (!remains_.record || !remains_.record->rdma) {
      return {};
    }
    Result<void> done = return_rdma(call_, *remains_.host, journal_);
    call_.timeline.end_phase("rdma");
    return done ? done
                : fail(std::move(done)
                           .error()
                           .in("return RDMA device " + remains_.record->rdma->name + " to the node")
                           .as(Code::rdma_busy));
  }

  /// Without a pod the node's own part is left.
  Result<void> open_kernel() {
    const net::Netns& pod = remains_.pod != nullptr ? *remains_.pod : *remains_.host;
    kernel_ = MVR_TRY(plan::open_linux_kernel(*remains_.host, pod));
    return {};
  }

  [[nodiscard]] bool has_pod() const { return kernel_ && remains_.pod != nullptr; }

  /// The NIC's own routing, and the shared one if no other NIC of ours is there.
  Result<void> remove_routing() {
    if (!has_pod()) {
      return {};
    }
    // The lock: whether this NIC is the last one must stay true until the shared objects are gone.
    const auto lock = lock_pod(call_, *remains_.pod);
    const PodState pod = MVR_TRY(plan::observe_pod(*kernel_));
    const net::Link* link = find_link(remains_, pod);
    link_ = link != nullptr ? std::optional(*link) : std::nullopt;
    is_last_ = is_last(pod, link);
    if (!remains_.record) {
      note(release_lost_routes(call_, *kernel_, pod, find_addresses(remains_, pod, link)));
    }
    restore_default(pod, link);
    const std::uint32_t table = find_table(remains_, pod, link);
    note(remove_all(call_, *kernel_, removal_steps(pod, [&](std::uint32_t other) {
                      return is_last_ || (table != 0 && table == other);
                    })));
    if (link != nullptr) {
      std::vector<Error> errors = remove_all(call_, *kernel_, address_steps(pod, *link));
      may_answer_ = !errors.empty();
      note(std::move(errors));
    } else {
      may_answer_ = false;
    }
    return {};
  }

  /// An overlay NIC that is down or has lost its address cannot have its default back; ours goes
  /// all the same.
  void restore_default(const PodState& pod, const net::Link* link) {
    constexpr const char* kWhat = "the pod's default route does not come back";
    for (Error& error : remove_all(call_, *kernel_, restore_steps(remains_, pod, link))) {
      if (has_lost_its_way(error)) {
        call_.log.line(LogLevel::warn, std::string(kWhat) + ": " + error.msg,
                       {{"details", error.details}});
      } else {
        errors_.push_back(std::move(error).in(kWhat));  // the next DEL tries again
      }
    }
  }

  Result<void> remove_link() {
    if (!link_) {
      return {};
    }
    constexpr const char* kStep = "remove the NIC";
    const auto start = Clock::now();
    Result<void> done = kernel_->delete_link(plan::Where::pod, link_->index);
    if (!done && plan::is_gone(done.error())) {
      done = {};
    }
    note_step(kStep, start, done);
    if (!done) {
      return fail(std::move(done).error().in(kStep).as(Code::link_failed));
    }
    may_answer_ = false;
    return {};
  }

  /// The NICs that were there when we looked may all have been on their way out, and have seen
  /// ours. Who finds none left takes along what they shared.
  Result<void> remove_shared() {
    if (!has_pod() || is_last_) {
      return {};
    }
    const auto lock = lock_pod(call_, *remains_.pod);
    if (std::ranges::none_of(MVR_TRY(kernel_->read_pod_links()), net::is_ours)) {
      note(sweep(call_, *kernel_));
    }
    return {};
  }

  /// Once; a second time does nothing.
  Result<void> start_ipam() {
    if (call_.conf.ipam_type.empty() || std::exchange(has_asked_ipam_, true)) {
      return {};
    }
    plugin_.emplace(MVR_TRY(find_ipam(call_)));
    child_.emplace(MVR_TRY(plugin_->start("DEL", call_.config, budget_)));
    return {};
  }

  Result<void> collect_ipam() {
    if (!child_) {
      return {};
    }
    ipam::Child child = *std::move(child_);
    child_.reset();
    return plugin_->collect("DEL", std::move(child), call_.config, call_.conf.cni_version, budget_);
  }

  void note_step(const std::string& what, Clock::time_point start, const Result<void>& done) const {
    const auto took = Clock::now() - start;
    call_.timeline.step(what, std::chrono::duration_cast<std::chrono::microseconds>(took), done);
  }

  const Call& call_;
  const Remains& remains_;
  state::Journal& journal_;
  const Budget& budget_;
  std::vector<Error> errors_;
  std::unique_ptr<plan::Kernel> kernel_;
  std::optional<net::Link> link_;  ///< to be removed
  bool may_answer_;                ///< for the addresses; IPAM must not give them away yet
  bool is_last_ = false;           ///< of our NICs in the pod
  bool has_asked_ipam_ = false;
  std::optional<ipam::Plugin> plugin_;
  std::optional<ipam::Child> child_;
};

}  // namespace

std::vector<Error> remove_all(const Call& call, plan::Kernel& kernel,
                              const std::vector<Step>& steps) {
  std::vector<Error> errors;
  for (const Step& step : steps) {
    const auto start = Clock::now();
    Result<void> done = plan::apply(kernel, step);
    if (!done && plan::is_gone(done.error())) {
      done = {};
    }
    const auto took = Clock::now() - start;
    call.timeline.step(plan::describe(step),
                       std::chrono::duration_cast<std::chrono::microseconds>(took), done);
    if (!done) {
      errors.push_back(std::move(done).error());
    }
  }
  return errors;
}

std::optional<state::ScopedLock> lock_pod(const Call& call, const net::Netns& pod) {
  constexpr std::chrono::seconds kPatience{2};
  auto lock = state::ScopedLock::acquire(pod.fd.get(), Budget::grace(kPatience));
  if (!lock) {
    call.log.line(LogLevel::warn,
                  "somebody holds the lock of netns " + pod.path + "; going on without it");
    return std::nullopt;
  }
  return *std::move(lock);
}

std::vector<Error> sweep(const Call& call, plan::Kernel& kernel) {
  const Result<PodState> pod = plan::observe_pod(kernel);
  if (!pod) {
    return {pod.error()};
  }
  return remove_all(call, kernel, removal_steps(*pod, [](std::uint32_t) { return true; }));
}

std::vector<Error> tear_down(const Call& call, const Remains& remains, state::Journal& journal,
                             const Budget& budget) {
  std::vector<Error> errors = Teardown(call, remains, journal, budget).run();
  // What failed has to be found again; an empty journal says nothing.
  if (errors.empty() || !journal.record()) {
    if (Result<void> removed = journal.remove(); !removed) {
      errors.push_back(std::move(removed).error());
    }
  }
  return errors;
}

Result<void> summarize(std::vector<Error> errors) {
  if (errors.empty()) {
    return {};
  }
  if (errors.size() == 1) {
    return fail(std::move(errors.front()));
  }
  std::vector<std::string> texts;
  std::vector<std::string> details;
  for (Error& error : errors) {
    texts.push_back(std::move(error.msg));
    if (!error.details.empty()) {
      details.push_back(std::move(error.details));
    }
  }
  return fail(Code::cleanup_incomplete, join(texts, "; "), join(details, "; "));
}

}  // namespace mvr::plugin
