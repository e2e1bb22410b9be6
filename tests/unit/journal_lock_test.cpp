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
  const auto put = [&](const std::string& name, const std::string& text, bool is_old = true) {
    write_text(dir.file(name), text);
    if (is_old) {
      const auto hour_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
      std::filesystem::last_write_time(dir.file(name), hour_ago);
    }
  };
  put("claim.json", "");
  put("half.json.new", "{\"format\":");
  put("young.json", "", false);
  put("young.json.new", "{", false);
  put("broken.json", "{");
  put("notes.txt", "");
  std::filesystem::create_symlink(dir.file("notes.txt"), dir.file("link.json"));
  Journal living = open_journal(directory);
  unwrap(living.write(make_record()));
  Journal claimed = open_journal(directory, {"other", "0123abcd", "net1"}, IfMissing::claim);
  const std::string claim = dir.file(digest({"other", "0123abcd", "net1"}) + ".json");
  std::filesystem::last_write_time(
      claim, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));

  CHECK(remove_debris(directory) == 2);
  CHECK_FALSE(std::filesystem::exists(dir.file("claim.json")));
  CHECK_FALSE(std::filesystem::exists(dir.file("half.json.new")));
  for (const char* name :
       {"young.json", "young.json.new", "broken.json", "notes.txt", "link.json"}) {
    INFO(name);
    CHECK(std::filesystem::exists(std::filesystem::symlink_status(dir.file(name))));
  }
  CHECK(std::filesystem::exists(claim));
  CHECK(unwrap(read_records(directory)).size() == 1);
  CHECK(remove_debris(dir.file("none")) == 0);
}
