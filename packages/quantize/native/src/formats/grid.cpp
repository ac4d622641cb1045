#include "grid.hpp"

#include <cstddef>

#include <qt/blocks/codebooks.hpp>

namespace qt {
namespace {

// Squared distances of levels are at most 8·2² (4·7²).
constexpr int farthest = 4 * 7 * 7 + 1;

// Lists the points at the `nearest` smallest distances that occur.
void listNeighbours(Grid& grid, std::uint16_t code, int nearest) {
  static thread_local std::vector<std::uint8_t> distances;
  distances.resize(grid.points.size());
  bool occurs[farthest] = {};
  for (std::size_t p = 0; p < grid.points.size(); ++p) {
    int sum = 0;
    for (int i = 0; i < grid.values; ++i) {
      const int difference = grid.level(grid.points[p], i) - grid.level(code, i);
      sum += difference * difference;
    }
    distances[p] = static_cast<std::uint8_t>(sum);
    occurs[sum] = true;
  }
  grid.at[code] = -1 - static_cast<std::int32_t>(grid.neighbours.size());
  const std::size_t length = grid.neighbours.size();
  grid.neighbours.push_back(0);
  for (int distance = 0, found = 0; distance < farthest && found < nearest; ++distance) {
    if (!occurs[distance]) continue;
    ++found;
    for (std::size_t p = 0; p < grid.points.size(); ++p)
      if (distances[p] == distance) grid.neighbours.push_back(grid.points[p]);
  }
  grid.neighbours[length] = static_cast<std::uint16_t>(grid.neighbours.size() - length - 1);
  while ((grid.neighbours.size() - length - 1) % 8 != 0) grid.neighbours.push_back(grid.neighbours[length + 1]);
}

// `levels` is how many each value has; codebooks are packed in 16 bits a point whatever the number of levels.
template <int Points>
Grid makeGrid(const std::uint16_t (&packed)[Points], int values, int bits, int levels, int nearest) {
  Grid grid{values, bits, {}, std::vector<std::int32_t>(std::size_t{1} << (values * bits)), {}};
  std::vector<bool> isPoint(grid.at.size());
  for (int p = 0; p < Points; ++p) {
    int code = 0;
    for (int i = 0; i < values; ++i) code |= (packed[p] >> 16 / values * i & ((1 << bits) - 1)) << bits * i;
    grid.points.push_back(static_cast<std::uint16_t>(code));
    grid.at[static_cast<std::size_t>(code)] = p;
    isPoint[static_cast<std::size_t>(code)] = true;
  }
  for (std::size_t code = 0; code < grid.at.size(); ++code) {
    bool reached = true;
    for (int i = 0; i < values; ++i) reached = reached && grid.level(static_cast<std::uint16_t>(code), i) < levels;
    if (reached && !isPoint[code]) listNeighbours(grid, static_cast<std::uint16_t>(code), nearest);
  }
  return grid;
}

}  // namespace

const Grid& gridOfIQ2_XXS() {
  static const Grid grid = makeGrid(iq2xxsPacked, 8, 2, 3, 2);
  return grid;
}
const Grid& gridOfIQ2_XS() {
  static const Grid grid = makeGrid(iq2xsPacked, 8, 2, 3, 2);
  return grid;
}
const Grid& gridOfIQ2_S() {
  static const Grid grid = makeGrid(iq2sPacked, 8, 2, 3, 1);
  return grid;
}
const Grid& gridOfIQ3_XXS() {
  static const Grid grid = makeGrid(iq3xxsPacked, 4, 3, 8, 2);
  return grid;
}
const Grid& gridOfIQ3_S() {
  static const Grid grid = makeGrid(iq3sPacked, 4, 3, 8, 3);
  return grid;
}
const Grid& gridOfIQ1() {
  static const Grid grid = makeGrid(iq1sPacked, 8, 2, 3, 3);
  return grid;
}

}  // namespace qt
