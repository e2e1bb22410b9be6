// SPDX-License-Identifier: Apache-2.0
// The floor: what our ADD makes, made again by a program that knows beforehand what to make.
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "bench/floor_file.hpp"
#include "bench/watch.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::bench {

namespace {

using test::Command;
using test::SentMessage;

/// Out of the way of bench-floor's sockets.
constexpr std::int32_t kNetnsFd = 100;

nlmsghdr* header_of(std::string& bytes) {
  return reinterpret_cast<nlmsghdr*>(bytes.data());
}

ifinfomsg* info_of(std::string& bytes) {
  return reinterpret_cast<ifinfomsg*>(bytes.data() + NLMSG_HDRLEN);
}

/// The link gets the index that the later messages know it by, and the namespace's descriptor the
/// number that bench-floor gives it.
void prepare_link(std::string& bytes, int index) {
  info_of(bytes)->ifi_index = index;
  for (std::size_t at = NLMSG_LENGTH(sizeof(ifinfomsg)); at + RTA_LENGTH(0) <= bytes.size();) {
    const auto* part = reinterpret_cast<const rtattr*>(bytes.data() + at);
    REQUIRE(part->rta_len >= RTA_LENGTH(0));
    if (part->rta_type == IFLA_NET_NS_FD) {
      std::memcpy(bytes.data() + at + RTA_LENGTH(0), &kNetnsFd, sizeof(kNetnsFd));
    }
    at += RTA_ALIGN(part->rta_len);
  }
}

SentMessage make_dellink(int index) {
  SentMessage message{.is_hosts = false,
                      .bytes = std::string(NLMSG_LENGTH(sizeof(ifinfomsg)), '\0')};
  *header_of(message.bytes) = {.nlmsg_len = static_cast<std::uint32_t>(message.bytes.size()),
                               .nlmsg_type = RTM_DELLINK,
                               .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                               .nlmsg_seq = 1,
                               .nlmsg_pid = 0};
  info_of(message.bytes)->ifi_index = index;
  return message;
}

/// What takes away again that does not go with the link.
std::vector<SentMessage> invert(const std::vector<SentMessage>& messages) {
  std::vector<SentMessage> inverse;
  for (SentMessage message : messages) {
    nlmsghdr* header = header_of(message.bytes);
    if (header->nlmsg_type == RTM_NEWRULE || header->nlmsg_type == RTM_NEWROUTE) {
      ++header->nlmsg_type;
      header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
      inverse.push_back(std::move(message));
    }
  }
  return inverse;
}

/// Writes the file and returns the program that sends it.
Command make_sender(const Place& place, const std::string& name,
                    const std::vector<SentMessage>& messages, bool goes_on) {
  FloorHead head;
  REQUIRE(place.pod.netns.size() < head.netns.size());
  std::copy(place.pod.netns.begin(), place.pod.netns.end(), head.netns.begin());
  head.netns_fd = kNetnsFd;
  head.goes_on = goes_on ? 1 : 0;
  head.needs_host = std::any_of(messages.begin(), messages.end(),
                                [](const SentMessage& message) { return message.is_hosts; })
                        ? 1
                        : 0;
  std::string content(reinterpret_cast<const char*>(&head), sizeof(head));
  for (const SentMessage& message : messages) {
    const FloorPart part{message.is_hosts ? 1U : 0U,
                         static_cast<std::uint32_t>(message.bytes.size())};
    content.append(reinterpret_cast<const char*>(&part), sizeof(part));
    content += message.bytes;
    content.resize(NLMSG_ALIGN(content.size()));
  }
  const std::string path = std::string(test::kScratchDir) + "/" + name;
  test::put_file(path, content);
  return {.argv = {tool_path("floor"), path}, .clean_env = true};
}

}  // namespace

Contestant make_floor(const Place& place) {
  int index = 0;
  Lines wanted;
  std::vector<SentMessage> messages = watch_add(place, [&] {
    index = test::ip_json(place.pod.name, {"link", "show", "net1"}).at(0).at("ifindex");
    wanted = read_pod(place);
  });
  for (SentMessage& message : messages) {
    nlmsghdr* header = header_of(message.bytes);
    header->nlmsg_flags |= NLM_F_ACK;
    if (header->nlmsg_type == RTM_NEWLINK && (header->nlmsg_flags & NLM_F_CREATE) != 0) {
      prepare_link(message.bytes, index);
    }
  }
  const Command add = make_sender(place, "floor-add", messages, false);
  const Command del = make_sender(place, "floor-del", {make_dellink(index)}, false);
  const Command tidy = make_sender(place, "floor-tidy", invert(messages), true);
  Contestant contestant{
      .name = "floor",
      .note = std::to_string(messages.size()) + " prepared messages; DEL: RTM_DELLINK alone",
      .verbs = {{Verb::add, [=](Meter& meter) { meter.run(add); }},
                {Verb::del, [=](Meter& meter) { meter.run(del); }}},
      .tidy = [=] { Meter::run_unmeasured(tidy); }};
  verify(contestant, place, wanted);
  return contestant;
}

}  // namespace mvr::bench
