// What IQ1_S and IQ1_M have in common. Levels −1, 0, 1 are shifted by ±⅛, and eight of them are a point of the grid:
// x = scale·(level ± ⅛). The best cut of the sorted values into three levels is found by trying all of them, then each eight levels
// are moved to a point. Internal linkage: included under different instruction sets.
#pragma once
#include <cmath>
#include <cstdint>

#include "../halves.hpp"
#include "block_store.hpp"
#include "grid.hpp"

namespace qt {
namespace {

// What levels 0, 1, 2 stand for: shifted up, shifted down.
constexpr float iq1Shifted[2][3] = {{-0.875f, 0.125f, 1.125f}, {-1.125f, -0.125f, 0.875f}};

// Sorted values before `first` are of level 0, before `second` of level 1. IQ1_S: `shift` is 1 for down. IQ1_M: 2 for the first eight
// values down, plus 1 for the last.
struct IQ1Cut {
  int first = -1, second = -1, shift = 0;
  float scale = 0;
};

// A sub-block; one that is not stored has scale and codes of 0.
struct IQ1Fit {
  float scale = 0;
  int shift = 0;
  std::uint16_t codes[4] = {};
};

inline float iq1Sigma(const float* x) {
  float sum = 0;
  for (int i = 0; i < 256; ++i) sum += x[i] * x[i];
  return 2 * sum / 256;
}

// Search::sort gives the positions of values in ascending order, equal ones as they come; Search::cutOf16 and 32 the best cut of them;
// Search::point the point near a code.
template <class Search, int size>
inline void fitIQ1(const float* x, const float* weight, float allZero, const Grid& grid, IQ1Fit& fit) {
  std::uint32_t max = 0;
  for (int i = 0; i < size; ++i) max = (bitsOfFloat(x[i]) & 0x7fffffffu) > max ? bitsOfFloat(x[i]) & 0x7fffffffu : max;
  if (floatOfBits(max) < allZero) return;
  int order[size], levels[size];
  Search::template sort<size>(x, order);
  IQ1Cut cut = size == 32 ? Search::cutOf32(x, weight, order) : Search::cutOf16(x, weight, order);
  if (cut.first < 0) return;
  for (int j = 0; j < size; ++j) levels[order[j]] = j < cut.first ? 0 : j < cut.second ? 1 : 2;
  if (cut.scale < 0) {
    for (int& level : levels) level = 2 - level;
    cut.scale = -cut.scale;
    cut.shift = (size == 32 ? 1 : 3) - cut.shift;
  }
  fit.scale = cut.scale;
  fit.shift = cut.shift;
  const auto shifted = [&](int k) { return iq1Shifted[size == 32 ? cut.shift : k == 0 ? cut.shift >> 1 : cut.shift & 1]; };
  bool onGrid = true;
  for (int k = 0; k < size / 8; ++k) {
    int code = 0;
    for (int i = 0; i < 8; ++i) code |= levels[8 * k + i] << 2 * i;
    fit.codes[k] = static_cast<std::uint16_t>(code);
    if (grid.at[fit.codes[k]] >= 0) continue;
    onGrid = false;
    fit.codes[k] = Search::point(grid, fit.codes[k], x + 8 * k, weight + 8 * k, cut.scale, shifted(k));
  }
  if (onGrid) return;
  float lx = 0, l2 = 0;
  for (int i = 0; i < size; ++i) {
    const float q = shifted(i / 8)[grid.level(fit.codes[i / 8], i % 8)];
    lx += weight[i] * q * x[i];
    l2 += weight[i] * q * q;
  }
  if (lx > 0 && l2 > 0) fit.scale = lx / l2;
}

// The greatest scale; infinite or NaN when one of them is.
inline float largestScale(const IQ1Fit* fits, int count) {
  float largest = 0;
  for (int i = 0; i < count; ++i) largest = fits[i].scale < largest ? largest : fits[i].scale;
  return largest;
}

}  // namespace
}  // namespace qt
