// SPDX-License-Identifier: Apache-2.0
// Networks beside each other.
#include <algorithm>
#include <map>
#include <span>

#include "cni/json.hpp"
#include "ops/validate.hpp"

namespace mvr::ops {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kNumberedNics = 64;  // net1 to net64 have tables of their own

std::string name_of(const Network& network) {
  const std::string& name = network.origin.object;
  return (name.empty() ? "another one" : '"' + name + '"') + " (" + network.origin.file + ':' +
         std::to_string(network.origin.line_of()) + ')';
}

/// NICs of it have a table.
bool is_routed(const cni::NetConf& conf) {
  return conf.tune_pod_routes && !conf.ipam_type.empty();
}

std::string join_words(const char* key, std::uint32_t number) {
  return std::string(key) + ' ' + std::to_string(number);
}

class Together {
 public:
  explicit Together(std::vector<Finding>& findings) : findings_(findings) {}

  void check_definitions(const std::vector<Definition>& definitions) {
    std::map<std::string, const Definition*> seen;
    for (const Definition& one : definitions) {
      const auto [first, is_new] = seen.try_emplace(one.name, &one);
      if (!is_new) {
        const Origin& other = first->second->origin;
        findings_.push_back(one.origin.find(
            Severity::problem,
            "there is a NetworkAttachmentDefinition " + one.name + " already, in " + other.file +
                ':' + std::to_string(other.line_of("/metadata/name")) + "; one replaces the other",
            "/metadata/name"));
      }
    }
  }

  /// Each with those before it, as far as that says something new.
  void check_all(const std::vector<ReadNetwork>& networks) {
    for (auto one = networks.begin(); one != networks.end(); ++one) {
      const std::span<const ReadNetwork> before(networks.begin(), one);
      if (is_routed(one->conf)) {
        check_numbered(*one);
        const auto first = std::ranges::find_if(
            before, [](const ReadNetwork& other) { return is_routed(other.conf); });
        if (first != before.end()) {
          check_bases(*first, *one);
        }
        static_cast<void>(std::ranges::any_of(before, [&](const ReadNetwork& other) {
          return is_routed(other.conf) && check_tables(other, *one);
        }));
      }
      static_cast<void>(std::ranges::any_of(
          before, [&](const ReadNetwork& other) { return check_subnets(other, *one); }));
    }
  }

 private:
  /// A table by number that an interface by name has as well.
  void check_numbered(const ReadNetwork& one) {
    const std::uint32_t base = one.conf.route_table_base;
    const std::uint32_t table = one.conf.route_table;
    if (table > base && table - base <= kNumberedNics) {
      find(Severity::warning, one, "routeTable",
           join_words("routeTable", table) + ": is the table of an interface net" +
               std::to_string(table - base) + " too (routeTableBase " + std::to_string(base) +
               "); a pod cannot have both");
    }
  }

  void find(Severity severity, const ReadNetwork& one, const std::string& key,
            const std::string& text) {
    findings_.push_back(one.network.origin.find(severity, text, '/' + key));
  }

  void check_bases(const ReadNetwork& first, const ReadNetwork& second) {
    const auto compare = [&](const char* key, std::uint32_t a, std::uint32_t b) {
      if (a != b) {
        find(Severity::warning, second, key,
             join_words(key, b) + ": network " + name_of(first.network) + " has " +
                 std::to_string(a) + "; all NICs of a pod must agree on it");
      }
    };
    compare("routeTableBase", first.conf.route_table_base, second.conf.route_table_base);
    compare("rulePriorityBase", first.conf.rule_priority_base, second.conf.rule_priority_base);
  }

  /// Whether the second's tables are those of the first; says so.
  bool check_tables(const ReadNetwork& first, const ReadNetwork& second) {
    const cni::NetConf& a = first.conf;
    const cni::NetConf& b = second.conf;
    const auto refuse = [&](const ReadNetwork& one, const ReadNetwork& other,
                            const std::string& what) {
      find(Severity::problem, one, "routeTable",
           join_words("routeTable", one.conf.route_table) + ": network " + name_of(other.network) +
               what);
      return true;
    };
    constexpr const char* kBase =
        " has it as routeTableBase, for the overlay NIC; a pod with both would mix their routes";
    if (b.route_table != 0 && a.route_table == b.route_table) {
      return refuse(second, first,
                    " has the same table; ADD of the second fails in a pod with both");
    }
    if (b.route_table != 0 && b.route_table == a.route_table_base) {
      return refuse(second, first, kBase);
    }
    if (a.route_table != 0 && a.route_table == b.route_table_base) {
      return refuse(first, second, kBase);
    }
    const std::uint64_t priority = std::uint64_t{b.route_table} + b.rule_priority_base;
    if (a.route_table != 0 && b.route_table != 0 &&
        std::uint64_t{a.route_table} + a.rule_priority_base == priority) {
      return refuse(second, first,
                    " has rules of the same priority " + std::to_string(priority) +
                        "; nobody can say which come first in a pod with both");
    }
    return false;
  }

  /// Addresses from one to the other, both included.
  struct Range {
    ip::Address first;
    ip::Address last;
    std::string subnet;
    std::string pointer;
  };

  static ip::Address last_of(const ip::Prefix& subnet) {
    const ip::Address network = subnet.network().address;
    std::vector<std::uint8_t> bytes(network.bytes().begin(), network.bytes().end());
    for (std::size_t bit = subnet.length; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
    }
    return *ip::Address::from_bytes(bytes);
  }

  static std::optional<ip::Address> read_address(const Json& range, const char* key) {
    const std::string* text = cni::as_string(cni::find_value(range, key));
    return text != nullptr ? ip::Address::parse(*text) : std::nullopt;
  }

  static void append(const Json& range, const std::string& pointer, std::vector<Range>& ranges) {
    const std::string* text = cni::as_string(cni::find_value(range, "subnet"));
    const auto subnet = text != nullptr ? ip::Prefix::parse(*text) : std::nullopt;
    if (subnet) {
      ranges.push_back({read_address(range, "rangeStart").value_or(subnet->network().address),
                        read_address(range, "rangeEnd").value_or(last_of(*subnet)),
                        subnet->network().to_string(), pointer});
    }
  }

  /// Of both forms that host-local takes.
  static std::vector<Range> list_ranges(const ReadNetwork& one) {
    std::vector<Range> ranges;
    const Json* ipam = cni::find_value(one.network.config, "ipam");
    if (one.conf.ipam_type != "host-local" || ipam == nullptr) {
      return ranges;
    }
    append(*ipam, "/ipam", ranges);
    const Json* sets = cni::find_value(*ipam, "ranges");
    for (std::size_t i = 0; sets != nullptr && sets->is_array() && i < sets->size(); ++i) {
      const Json& set = (*sets)[i];
      for (std::size_t j = 0; set.is_array() && j < set.size(); ++j) {
        append(set[j], "/ipam/ranges/" + std::to_string(i) + '/' + std::to_string(j), ranges);
      }
    }
    return ranges;
  }

  /// Networks of one name share host-local's leases.
  bool check_subnets(const ReadNetwork& first, const ReadNetwork& second) {
    if (first.conf.name == second.conf.name) {
      return false;
    }
    for (const Range& b : list_ranges(second)) {
      for (const Range& a : list_ranges(first)) {
        if (a.first.family() == b.first.family() && a.first <= b.last && b.first <= a.last) {
          findings_.push_back(second.network.origin.find(
              Severity::warning,
              "ipam: host-local has addresses of " + b.subnet + " that it has for network " +
                  name_of(first.network) +
                  " too, and counts them apart; on one rail the same address is given twice",
              b.pointer));
          return true;
        }
      }
    }
    return false;
  }

  std::vector<Finding>& findings_;
};

}  // namespace

void check_together(const std::vector<ReadNetwork>& networks,
                    const std::vector<Definition>& definitions, std::vector<Finding>& findings) {
  Together together(findings);
  together.check_definitions(definitions);
  together.check_all(networks);
}

}  // namespace mvr::ops
