// SPDX-License-Identifier: Apache-2.0
// One call at a time for an attachment, and no gap between two.
#include <algorithm>
#include <memory>
#include <vector>

#include "mvr/state/journal.hpp"
#include "support/unit_journal.hpp"

using mvr::Code;
using namespace mvr::state;
using namespace mvr::test;
using IfMissing = Journal::IfMissing;

TEST_CASE("while one call holds the journal another one waits in vain", "[journal]") {
  const ScratchDir dir;
  Journal journal = open_journal(dir.path());
  unwrap(journal.write(make_record()));
  const auto second = Journal::open(dir.path(), kNet1Attachment, soon());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::interrupted);
}

TEST_CASE("a killed call's journal is read by the next one", "[journal]") {
  const ScratchDir dir;
  const Gate written;
  {
    Forked writer([&] {
      auto journal = Journal::open(dir.path(), kNet1Attachment, later());
      if (journal && journal->write(make_record())) {
        written.open();
      }
      return ::pause();
    });
    REQUIRE(written.pass());
    CHECK_FALSE(Journal::open(dir.path(), kNet1Attachment, soon()));
  }
  CHECK(open_journal(dir.path()).record() == make_record());
}

TEST_CASE("who waits for a journal sees that it was removed", "[journal]") {
  const ScratchDir dir;
  const Gate done;
  auto journal = std::make_optional(open_journal(dir.path()));
  unwrap(journal->write(make_record()));
  Forked waiter([&] {
    journal.reset();  // the lock is the open file's, which a child shares
    const auto found = Journal::open(dir.path(), kNet1Attachment, later());
    done.open();
    return found && !found->record() ? 0 : 1;
  });
  CHECK_FALSE(done.is_open_within(30));
  unwrap(journal->remove());
  CHECK(waiter.wait() == 0);
}

TEST_CASE("who waits for a journal that is replaced waits for the new one", "[journal]") {
  const ScratchDir dir;
  const Gate done;
  auto journal = std::make_optional(open_journal(dir.path()));
  Record record = make_record();
  unwrap(journal->write(record));
  Forked waiter([&] {
    journal.reset();
    const auto found = Journal::open(dir.path(), kNet1Attachment, later());
    done.open();
    return found && found->record() && found->record()->is_complete ? 0 : 1;
  });
  CHECK_FALSE(done.is_open_within(20));
  for (std::uint32_t table = 1; table <= 20; ++table) {
    record.table = table;
    unwrap(journal->write(record));
  }
  CHECK_FALSE(done.is_open_within(20));
  record.is_complete = true;
  unwrap(journal->write(record));
  journal.reset();
  CHECK(waiter.wait() == 0);
}

TEST_CASE("of several first writers exactly one wins", "[journal]") {
  constexpr int kWriters = 8;
  constexpr int kWon = 10;
  constexpr int kTooLate = 20;
  for (int round = 0; round < 5; ++round) {
    const ScratchDir dir;
    const Gate opened;
    const Gate start;
    std::vector<std::unique_ptr<Forked>> writers;
    for (int i = 0; i < kWriters; ++i) {
      writers.push_back(std::make_unique<Forked>([&] {
        auto journal = Journal::open(dir.path(), kNet1Attachment, later());
        opened.open();
        if (!journal || !start.pass()) {
          return 1;
        }
        const auto written = journal->write(make_record());
        if (!written) {
          return written.error().code == Code::try_again ? kTooLate : 2;
        }
        opened.open();
        return start.pass() ? kWon : 3;
      }));
    }
    for (int i = 0; i < kWriters; ++i) {
      REQUIRE(opened.pass());
    }
    for (int i = 0; i < kWriters; ++i) {
      start.open();
    }
    REQUIRE(opened.pass());  // the winner holds the journal until the others are through
    start.open();
    std::vector<int> ends;
    for (const auto& writer : writers) {
      ends.push_back(writer->wait());
    }
    CHECK(std::ranges::count(ends, kWon) == 1);
    CHECK(std::ranges::count(ends, kTooLate) == kWriters - 1);
    CHECK(open_journal(dir.path()).record() == make_record());
  }
}

TEST_CASE("a second writer of a journal that has come meanwhile must try again", "[journal]") {
  const ScratchDir dir;
  Journal first = open_journal(dir.path());
  Journal second = open_journal(dir.path());
  unwrap(first.write(make_record()));
  const auto written = second.write(make_record());
  REQUIRE_FALSE(written);
  CHECK(written.error().code == Code::try_again);
  CHECK(std::ranges::distance(std::filesystem::directory_iterator(dir.path())) == 1);
  unwrap(second.remove());
  CHECK(unwrap(read_records(dir.path())).size() == 1);
}

TEST_CASE("an attachment without a journal can be claimed", "[journal]") {
  const ScratchDir dir;
  const std::string state = dir.file("state");
  {
    Journal claimed = open_journal(state, kNet1Attachment, IfMissing::claim);
    CHECK_FALSE(claimed.record());
    CHECK(mode_of(state) == 0700);
    CHECK(mode_of(journal_file(state)) == 0600);
    CHECK_FALSE(Journal::open(state, kNet1Attachment, soon()));
    CHECK_FALSE(Journal::open(state, kNet1Attachment, soon(), IfMissing::claim));
    CHECK(unwrap(read_records(state)).empty());
    unwrap(claimed.remove());
    CHECK(std::filesystem::is_empty(state));
  }
  CHECK_FALSE(open_journal(state).record());
}

TEST_CASE("who waits for a claimed attachment begins when the claim ends", "[journal]") {
  const ScratchDir dir;
  const Gate done;
  auto claimed = std::make_optional(open_journal(dir.path(), kNet1Attachment, IfMissing::claim));
  Forked waiter([&] {
    claimed.reset();
    auto journal = Journal::open(dir.path(), kNet1Attachment, later());
    done.open();
    return journal && !journal->record() && journal->write(make_record()) ? 0 : 1;
  });
  CHECK_FALSE(done.is_open_within(20));
  unwrap(claimed->remove());
  CHECK(waiter.wait() == 0);
  CHECK(unwrap(read_records(dir.path())) == std::vector{make_record()});
}

TEST_CASE("a claim that cannot be made is no obstacle", "[journal]") {
  Journal journal = open_journal("/proc/none/state", kNet1Attachment, IfMissing::claim);
  CHECK_FALSE(journal.record());
  unwrap(journal.remove());
}

TEST_CASE("a claim finds the record of an attachment that has one", "[journal]") {
  const ScratchDir dir;
  {
    Journal journal = open_journal(dir.path());
    unwrap(journal.write(make_record()));
  }
  CHECK(open_journal(dir.path(), kNet1Attachment, IfMissing::claim).record() == make_record());
}

TEST_CASE("what killed calls have left beside journals is removed, if it is old", "[journal]") {
  const ScratchDir dir;
  const std::string directory = dir.path();
  const auto age = [&](const std::string& name) {
    std::filesystem::last_write_time(
        dir.file(name), std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  };
  const auto name = [](char digit) { return std::string(32, digit) + ".json"; };
  const std::vector<std::string> debris{name('0'), name('1') + ".new"};
  const std::vector<std::string> others{name('3'), "other.json", "other.new", "notes.txt"};
  write_text(dir.file(name('0')), "");
  write_text(dir.file(name('1') + ".new"), "{\"format\":");
  for (const std::string& other : others) {
    write_text(dir.file(other), other == name('3') ? "{" : "");
  }
  for (const auto& files : {debris, others}) {
    std::ranges::for_each(files, age);
  }
  const std::vector<std::string> young{name('2'), name('2') + ".new"};
  for (const std::string& file : young) {
    write_text(dir.file(file), "");
  }
  std::filesystem::create_symlink(dir.file("notes.txt"), dir.file(name('4')));
  Journal living = open_journal(directory);
  unwrap(living.write(make_record()));
  const Attachment other{"other", "0123abcd", "net1"};
  Journal claimed = open_journal(directory, other, IfMissing::claim);
  age(digest(other) + ".json");

  CHECK(unwrap(remove_debris(directory)) == 2);
  const auto is_there = [&](const std::string& file) {
    return std::filesystem::exists(std::filesystem::symlink_status(dir.file(file)));
  };
  CHECK(std::ranges::none_of(debris, is_there));
  CHECK(std::ranges::all_of(others, is_there));
  CHECK(std::ranges::all_of(young, is_there));
  CHECK(is_there(name('4')));
  CHECK(is_there(digest(other) + ".json"));
  CHECK(unwrap(read_records(directory)).size() == 1);
  CHECK(unwrap(find_unreadable(directory)) == std::vector{dir.file(name('3'))});
}

TEST_CASE("nothing is removed from a directory that is missing or anybody's", "[journal]") {
  const ScratchDir dir;
  CHECK(unwrap(remove_debris(dir.file("none"))) == 0);
  std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
  CHECK_FALSE(remove_debris(dir.path()));
}
