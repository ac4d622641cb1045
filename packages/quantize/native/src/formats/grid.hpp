// The codebooks of the IQ1, IQ2 and IQ3 types as encoders see them: a point is a code, the levels of 8 (or 4) values in 2 (or 3) bits
// each, lowest first. Not every code is a point; for the others the points nearby are listed. Its functions are always inlined: compiled
// under different flags they must not merge.
#pragma once
#include <cstdint>
#include <vector>

namespace qt {

struct Grid {
  int values = 0;  // of a point
  int bits = 0;    // of a level
  std::vector<std::uint16_t> points;
  // By code: the index of the point, or −1 − the place of its list.
  std::vector<std::int32_t> at;
  // Each list is its length and the codes of the points at the smallest few distances, nearest first, of equal distance the first
  // first. Up to a multiple of eight codes the first one is repeated.
  std::vector<std::uint16_t> neighbours;

  [[gnu::always_inline]] const std::uint16_t* near(std::int32_t place) const { return neighbours.data() + (-1 - place); }
  [[gnu::always_inline]] int level(std::uint16_t code, int i) const { return code >> bits * i & ((1 << bits) - 1); }
};

// Made when first asked for, in a few milliseconds.
const Grid& gridOfIQ2_XXS();
const Grid& gridOfIQ2_XS();
const Grid& gridOfIQ2_S();
const Grid& gridOfIQ3_XXS();
const Grid& gridOfIQ3_S();
const Grid& gridOfIQ1();

}  // namespace qt
