// SPDX-License-Identifier: Apache-2.0
#include "ops/topology.hpp"

#include <algorithm>
#include <limits>

namespace mvr::ops {
namespace {

using Cost = std::int64_t;
using Costs = std::vector<std::vector<Cost>>;

/// A pair of a distance costs more than 64 pairs of the one before, and any of them more than being
/// out of order.
Cost cost_of(Distance distance, std::size_t row, std::size_t column) {
  constexpr int kOrderBits = 20;
  constexpr int kLevelBits = 6;
  const auto level = static_cast<int>(distance);
  const Cost apart = static_cast<Cost>(row) - static_cast<Cost>(column);
  return (level == 0 ? 0 : Cost{1} << (kOrderBits + kLevelBits * (level - 1))) + apart * apart;
}

/// The Hungarian method by shortest augmenting paths. Row and column 0 of the potentials stand for
/// "none yet".
/// \param costs at least as many columns as rows \return for each column its row + 1; 0 = none
/// \source R. Jonker, A. Volgenant: A shortest augmenting path algorithm for dense and sparse
/// linear assignment problems, Computing 38, 1987
class Assignment {
 public:
  explicit Assignment(const Costs& costs)
      : costs_(costs),
        width_(costs.front().size()),
        row_potential_(costs.size() + 1),
        column_potential_(width_ + 1),
        row_of_(width_ + 1) {
    for (std::size_t row = 1; row <= costs.size(); ++row) {
      augment(row);
    }
  }

  [[nodiscard]] const std::vector<std::size_t>& row_of() const { return row_of_; }

 private:
  void augment(std::size_t row) {
    constexpr Cost kFar = std::numeric_limits<Cost>::max();
    std::vector<Cost> slack(width_ + 1, kFar);
    std::vector<bool> is_seen(width_ + 1);
    std::vector<std::size_t> before(width_ + 1);
    row_of_[0] = row;
    std::size_t column = 0;
    do {
      is_seen[column] = true;
      column = step(column, slack, is_seen, before);
    } while (row_of_[column] != 0);
    for (; column != 0; column = before[column]) {
      row_of_[column] = row_of_[before[column]];
    }
  }

  /// The nearest column that has not been seen; the potentials make its edge free.
  std::size_t step(std::size_t from, std::vector<Cost>& slack, const std::vector<bool>& is_seen,
                   std::vector<std::size_t>& before) {
    const std::size_t row = row_of_[from];
    Cost least = std::numeric_limits<Cost>::max();
    std::size_t nearest = 0;
    for (std::size_t column = 1; column <= width_; ++column) {
      if (is_seen[column]) {
        continue;
      }
      const Cost cost =
          costs_[row - 1][column - 1] - row_potential_[row] - column_potential_[column];
      if (cost < slack[column]) {
        slack[column] = cost;
        before[column] = from;
      }
      if (slack[column] < least) {
        least = slack[column];
        nearest = column;
      }
    }
    for (std::size_t column = 0; column <= width_; ++column) {
      if (is_seen[column]) {
        row_potential_[row_of_[column]] += least;
        column_potential_[column] -= least;
      } else {
        slack[column] -= column == 0 ? 0 : least;
      }
    }
    return nearest;
  }

  const Costs& costs_;
  std::size_t width_;
  std::vector<Cost> row_potential_;
  std::vector<Cost> column_potential_;
  std::vector<std::size_t> row_of_;
};

/// At least as many columns as rows; \param is_turned for that rows become columns
Costs make_costs(const std::vector<std::vector<Distance>>& distances, bool is_turned) {
  const std::size_t height = distances.size();
  const std::size_t width = distances.front().size();
  Costs costs(is_turned ? width : height, std::vector<Cost>(is_turned ? height : width));
  for (std::size_t row = 0; row < height; ++row) {
    for (std::size_t column = 0; column < width; ++column) {
      (is_turned ? costs[column][row] : costs[row][column]) =
          cost_of(distances[row][column], row, column);
    }
  }
  return costs;
}

/// Devices between the nearest that both are behind and this one: the ports of switches.
std::size_t count_bridges(const PciDevice& device, std::size_t common) {
  return device.path.size() - std::min(device.path.size(), common + 1);
}

}  // namespace

std::string_view to_string(Distance distance) {
  switch (distance) {
    case Distance::pix:
      return "PIX";
    case Distance::pxb:
      return "PXB";
    case Distance::phb:
      return "PHB";
    case Distance::node:
      return "NODE";
    case Distance::sys:
      break;
  }
  return "SYS";
}

std::string_view explain(Distance distance) {
  switch (distance) {
    case Distance::pix:
      return "behind the same PCIe switch";
    case Distance::pxb:
      return "by several PCIe switches";
    case Distance::phb:
      return "by the same PCIe host bridge";
    case Distance::node:
      return "on the same NUMA node";
    case Distance::sys:
      break;
  }
  return "on another NUMA node";
}

Distance distance_between(const PciDevice& one, const PciDevice& other) {
  const auto ends = std::ranges::mismatch(one.path, other.path);
  const auto common = static_cast<std::size_t>(ends.in1 - one.path.begin());
  if (common == 0) {
    return one.numa >= 0 && one.numa == other.numa ? Distance::node : Distance::sys;
  }
  if (common == 1) {
    return Distance::phb;
  }
  const std::size_t most = std::max(count_bridges(one, common), count_bridges(other, common));
  return most <= 1 ? Distance::pix : Distance::pxb;
}

std::vector<std::optional<std::size_t>> assign(
    const std::vector<std::vector<Distance>>& distances) {
  std::vector<std::optional<std::size_t>> columns(distances.size());
  const std::size_t width = distances.empty() ? 0 : distances.front().size();
  if (width == 0) {
    return columns;
  }
  const bool is_turned = distances.size() > width;
  const Costs costs = make_costs(distances, is_turned);
  const Assignment done(costs);
  for (std::size_t column = 1; column < done.row_of().size(); ++column) {
    if (const std::size_t row = done.row_of()[column]; row != 0) {
      columns[is_turned ? column - 1 : row - 1] = is_turned ? row - 1 : column - 1;
    }
  }
  return columns;
}

}  // namespace mvr::ops
