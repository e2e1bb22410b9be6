// SPDX-License-Identifier: Apache-2.0
// An attachment's RDMA device in its journal.
#include <nlohmann/json.hpp>

#include "support/unit_journal.hpp"

using namespace mvr::state;
using namespace mvr::test;
using Json = nlohmann::json;

namespace {

Record rdma_record() {
  Record record = make_record();
  record.rdma = RdmaRecord{mvr::rdma::DeviceIndex{0xffffffff},
                           "rocep11s0",
                           2,
                           mvr::net::IfIndex{11},
                           0xf41694fffead0cde,
                           "0000:0b:00.0",
                           true,
                           {3, 0xffffffff, 0}};
  return record;
}

Json json_of(const Record& record) {
  return Json::parse(format_record(record));
}

/// The record of a file whose RDMA device has been changed.
template <typename Change>
std::optional<Record> parse_with(const Change& change) {
  Json json = json_of(rdma_record());
  change(json.at("rdma"));
  return parse_record(json.dump());
}

}  // namespace

TEST_CASE("a record's RDMA device is read back as it was written", "[journal]") {
  CHECK(parse_record(format_record(rdma_record())) == rdma_record());
  Record record = rdma_record();
  record.rdma = RdmaRecord{};
  CHECK(parse_record(format_record(record)) == record);
}

TEST_CASE("a record without an RDMA device says nothing of one", "[journal]") {
  CHECK_FALSE(json_of(make_record()).contains("rdma"));
  CHECK(parse_record(format_record(make_record())) == make_record());
}

TEST_CASE("a record whose RDMA device is none is none", "[journal]") {
  for (const Json& wrong : {Json(nullptr), Json(1), Json("rocep11s0"), Json::array(),
                            Json::object(), Json::array({1, 2})}) {
    INFO(wrong.dump());
    CHECK_FALSE(parse_with([&](Json& rdma) { rdma = wrong; }));
  }
}

TEST_CASE("a record whose RDMA device lacks a field is none", "[journal]") {
  for (const char* key : {"index", "name", "port", "guid", "pci", "netdev", "moved", "gids"}) {
    INFO(key);
    CHECK_FALSE(parse_with([&](Json& rdma) { rdma.erase(key); }));
  }
}

TEST_CASE("a record whose RDMA device has a field of another type is none", "[journal]") {
  const Json whole = json_of(rdma_record()).at("rdma");
  for (const char* key : {"index", "name", "port", "guid", "pci", "netdev", "moved", "gids"}) {
    for (const Json& wrong : {Json(nullptr), Json(1.5), Json::array({"7"}), Json::object(),
                              whole.at(key).is_string() ? Json(7) : Json("7")}) {
      INFO(key << " = " << wrong.dump());
      CHECK_FALSE(parse_with([&](Json& rdma) { rdma[key] = wrong; }));
    }
  }
}

TEST_CASE("a record whose RDMA device has a number that does not fit is none", "[journal]") {
  for (const char* key : {"index", "port", "netdev"}) {
    for (const Json& wrong : {Json(4294967296), Json(-4294967296)}) {
      INFO(key << " = " << wrong.dump());
      CHECK_FALSE(parse_with([&](Json& rdma) { rdma[key] = wrong; }));
    }
  }
  for (const char* key : {"index", "guid"}) {
    CHECK_FALSE(parse_with([&](Json& rdma) { rdma[key] = -1; }));
  }
}

TEST_CASE("a record with a GID index that is none is none", "[journal]") {
  for (const Json& wrong : {Json(-1), Json(4294967296), Json(1.5), Json("3"), Json(nullptr)}) {
    INFO(wrong.dump());
    CHECK_FALSE(parse_with([&](Json& rdma) { rdma["gids"] = {3, wrong}; }));
  }
  CHECK(parse_with([](Json& rdma) { rdma["gids"] = Json::array(); })->rdma->gid_indexes.empty());
}

TEST_CASE("a record is read with what it does not know of an RDMA device", "[journal]") {
  CHECK(parse_with([](Json& rdma) { rdma["comment"] = "by hand"; }) == rdma_record());
}

TEST_CASE("a journal keeps the RDMA device for those who look for its holder", "[journal]") {
  const ScratchDir dir;
  Journal journal = open_journal(dir.path(), kNet1Attachment, Journal::IfMissing::claim);
  unwrap(journal.write(rdma_record()));
  const auto records = unwrap(read_records(dir.path()));
  REQUIRE(records.size() == 1);
  CHECK(records[0] == rdma_record());
}
