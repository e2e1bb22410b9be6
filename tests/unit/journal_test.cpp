// SPDX-License-Identifier: Apache-2.0
#include "mvr/state/journal.hpp"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>

#include "support/unit_journal.hpp"

using mvr::Code;
using namespace mvr::state;
using namespace mvr::test;
namespace cni = mvr::cni;

TEST_CASE("what is written to a journal is what the next call reads", "[journal]") {
  const ScratchDir dir;
  const std::string state = dir.file("state");
  CHECK_FALSE(open_journal(state).record());
  CHECK_FALSE(std::filesystem::exists(state));
  Record record = make_record();
  {
    Journal journal = open_journal(state);
    unwrap(journal.write(record));
    CHECK(journal.record() == record);
  }
  CHECK(open_journal(state).record() == record);
  record.is_complete = true;
  record.ipam = cni::AddResult{};
  {
    Journal journal = open_journal(state);
    unwrap(journal.write(record));
  }
  CHECK(open_journal(state).record() == record);
  CHECK(unwrap(read_records(state)) == std::vector{record});
}

TEST_CASE("a journal is for its owner alone", "[journal]") {
  const ScratchDir dir;
  const std::string state = dir.file("state");
  ::umask(0);
  Journal journal = open_journal(state);
  unwrap(journal.write(make_record()));
  CHECK(mode_of(state) == 0700);
  CHECK(mode_of(journal_file(state)) == 0600);
  CHECK(std::ranges::distance(std::filesystem::directory_iterator(state)) == 1);
}

TEST_CASE("attachments do not share a journal", "[journal]") {
  const ScratchDir dir;
  const Attachment net2{"gpu2-macvlan", "0123abcd", "net2"};
  Journal first = open_journal(dir.path());
  Journal second = open_journal(dir.path(), net2);
  unwrap(first.write(make_record()));
  unwrap(second.write(make_record(net2)));
  CHECK(unwrap(read_records(dir.path())).size() == 2);
  unwrap(first.remove());
  CHECK(unwrap(read_records(dir.path())) == std::vector{make_record(net2)});
}

TEST_CASE("a removed journal is gone, and so is a torn one beside it", "[journal]") {
  const ScratchDir dir;
  Journal journal = open_journal(dir.path());
  unwrap(journal.write(make_record()));
  write_text(journal_file(dir.path()) + ".new", "{");
  unwrap(journal.remove());
  CHECK_FALSE(journal.record());
  CHECK(std::filesystem::is_empty(dir.path()));
  unwrap(journal.remove());
  Journal missing = unwrap(Journal::open(dir.file("none"), kNet1Attachment, soon()));
  unwrap(missing.remove());
}

TEST_CASE("a directory that others can write is refused", "[journal]") {
  const ScratchDir dir;
  for (const mode_t mode : {0770U, 0702U, 0777U}) {
    REQUIRE(::chmod(dir.path().c_str(), mode) == 0);
    const auto journal = Journal::open(dir.path(), kNet1Attachment, soon());
    REQUIRE_FALSE(journal);
    CHECK(journal.error().code == Code::io);
  }
  REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
  CHECK(Journal::open(dir.path(), kNet1Attachment, soon()));
}

TEST_CASE("a directory that others made meanwhile is not believed", "[journal]") {
  const ScratchDir dir;
  const std::string state = dir.file("state");
  Journal journal = open_journal(state);
  REQUIRE(::mkdir(state.c_str(), 0700) == 0);
  REQUIRE(::chmod(state.c_str(), 0777) == 0);
  const auto written = journal.write(make_record());
  REQUIRE_FALSE(written);
  CHECK(written.error().code == Code::io);
  CHECK(std::filesystem::is_empty(state));
}

TEST_CASE("a symbolic link is no state directory", "[journal]") {
  const ScratchDir dir;
  std::filesystem::create_directory(dir.file("real"));
  std::filesystem::create_symlink(dir.file("real"), dir.file("state"));
  const auto journal = Journal::open(dir.file("state"), kNet1Attachment, soon());
  REQUIRE_FALSE(journal);
  CHECK(journal.error().code == Code::io);
}

TEST_CASE("a file that no journal wrote counts as none, and can be replaced", "[journal]") {
  const std::string good = format_record(make_record());
  const std::string foreign = format_record(make_record({"other", "0123abcd", "net1"}));
  for (const std::string& text :
       {std::string(), std::string("{"), good.substr(0, good.size() / 2), std::string("null"),
        std::string("[]"), std::string("\0\0\0", 3), foreign, std::string(100, '['),
        std::string(2 * 1024 * 1024, ' ') + good}) {
    INFO(text.substr(0, 80));
    const ScratchDir dir;
    write_text(journal_file(dir.path()), text);
    Journal journal = open_journal(dir.path());
    CHECK_FALSE(journal.record());
    unwrap(journal.write(make_record()));
    CHECK(unwrap(read_records(dir.path())) == std::vector{make_record()});
  }
}

TEST_CASE("a symbolic link in a journal's place is not followed", "[journal]") {
  const ScratchDir dir;
  write_text(dir.file("target"), format_record(make_record()));
  std::filesystem::create_symlink("target", journal_file(dir.path()));
  const auto journal = Journal::open(dir.path(), kNet1Attachment, soon());
  REQUIRE_FALSE(journal);
  CHECK(journal.error().code == Code::io);
  CHECK(unwrap(read_records(dir.path())).empty());
}

TEST_CASE("a symbolic link in the temporary file's place is not followed", "[journal]") {
  const ScratchDir dir;
  write_text(dir.file("target"), "precious");
  std::filesystem::create_symlink("target", journal_file(dir.path()) + ".new");
  Journal journal = open_journal(dir.path());
  const auto written = journal.write(make_record());
  REQUIRE_FALSE(written);
  CHECK(written.error().code == Code::io);
  CHECK(read_text(dir.file("target")) == "precious");
}

TEST_CASE("a fifo in a journal's place blocks nobody", "[journal]") {
  const ScratchDir dir;
  REQUIRE(::mkfifo(journal_file(dir.path()).c_str(), 0600) == 0);
  Journal journal = open_journal(dir.path());
  CHECK_FALSE(journal.record());
  CHECK(unwrap(read_records(dir.path())).empty());
  unwrap(journal.write(make_record()));
  CHECK(unwrap(read_records(dir.path())).size() == 1);
}

TEST_CASE("a directory in a journal's place is an error, not a crash", "[journal]") {
  const ScratchDir dir;
  std::filesystem::create_directory(journal_file(dir.path()));
  const auto journal = Journal::open(dir.path(), kNet1Attachment, soon());
  REQUIRE_FALSE(journal);
  CHECK(journal.error().code == Code::io);
  CHECK(unwrap(read_records(dir.path())).empty());
}

TEST_CASE("only journals are listed", "[journal]") {
  const ScratchDir dir;
  Journal journal = open_journal(dir.path());
  unwrap(journal.write(make_record()));
  write_text(dir.file("README"), format_record(make_record()));
  write_text(dir.file("broken.json"), "{");
  write_text(journal_file(dir.path()) + ".new", format_record(make_record()));
  CHECK(unwrap(read_records(dir.path())) == std::vector{make_record()});
  CHECK(unwrap(read_records(dir.file("none"))).empty());
}

TEST_CASE("a record that cannot be read is not taken for none", "[journal]") {
  const ScratchDir dir;
  CHECK_FALSE(read_records(dir.file(std::string(NAME_MAX + 1, 'x'))));
  CHECK(unwrap(read_records(dir.file("none"))).empty());
  const auto fails_by = [](int error) { return mvr::sys_error(mvr::Code::io, error, "open"); };
  for (const int error : {EIO, EMFILE, ENOMEM, EACCES}) {
    CHECK(mvr::state::may_be_there(fails_by(error)));
  }
  for (const int error : {0, ENOENT, ENOTDIR, ELOOP, EISDIR, ENAMETOOLONG}) {
    CHECK_FALSE(mvr::state::may_be_there(fails_by(error)));
  }
}
