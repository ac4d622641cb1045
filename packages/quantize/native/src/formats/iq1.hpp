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

// Sums over the sorted values of `lanes` sub-blocks, so that every cut costs the same: Σwx and Σw of the first j, in IQ1_M of the first
// and the last eight values apart.
template <int size, int lanes>
struct IQ1Sums {
  static constexpr int halves = size == 32 ? 1 : 2, shifts = 2 * halves;
  alignas(32) float x[halves][size + 1][lanes], w[halves][size + 1][lanes];

  void set(int lane, const float* values, const float* weight, const int* order) {
    for (int half = 0; half < halves; ++half) {
      float sumX = 0, sumW = 0;
      x[half][0][lane] = w[half][0][lane] = 0;
      for (int j = 0; j < size; ++j) {
        const int i = order[j];
        const bool here = halves == 1 || i / 8 == half;
        sumX = here ? sumX + weight[i] * values[i] : sumX;
        sumW = here ? sumW + weight[i] : sumW;
        x[half][j + 1][lane] = sumX;
        w[half][j + 1][lane] = sumW;
      }
    }
  }

  // Σwqx and Σwq² of a cut, rounded as llama.cpp does it.
  void explain(int lane, int first, int second, int shift, float& lx, float& l2) const {
    if constexpr (halves == 1) {
      const float* q = iq1Shifted[shift];
      const float x1 = x[0][first][lane], x2 = x[0][second][lane], w1 = w[0][first][lane], w2 = w[0][second][lane];
      lx = x1 * q[0] + (x2 - x1) * q[1] + (x[0][size][lane] - x2) * q[2];
      l2 = w1 * q[0] * q[0] + (w2 - w1) * q[1] * q[1] + (w[0][size][lane] - w2) * q[2] * q[2];
    } else {
      // Neighbouring levels are 1 apart, so that Σwqx = q₂·Σwx less the sums before both cuts.
      float halfX[2], half2[2];
      for (int half = 0; half < 2; ++half) {
        const float* q = iq1Shifted[half == 0 ? shift >> 1 : shift & 1];
        halfX[half] = x[half][size][lane] * q[2] - (x[half][first][lane] + x[half][second][lane]);
        half2[half] = w[half][size][lane] * q[2] * q[2] + w[half][first][lane] * (q[0] * q[0] - q[1] * q[1]) +
                      w[half][second][lane] * (q[1] * q[1] - q[2] * q[2]);
      }
      lx = halfX[0] + halfX[1];
      l2 = half2[0] + half2[1];
    }
  }
};

// The best cut so far: one is better when it explains more of Σwx², which is (Σwqx)² / Σwq².
struct IQ1Best {
  IQ1Cut cut;
  float score = -3.402823466e+38f;

  template <class Sums>
  void consider(const Sums& sums, int lane, int first, int second) {
    for (int shift = 0; shift < Sums::shifts; ++shift) {
      float lx, l2;
      sums.explain(lane, first, second, shift, lx, l2);
      if (!(l2 > 0 && lx * lx > score * l2)) continue;
      cut = {first, second, shift, lx / l2};
      score = cut.scale * lx;
    }
  }

  template <int size, int lanes>
  void considerAll(const IQ1Sums<size, lanes>& sums, int lane) {
    for (int first = 0; first <= size; ++first)
      for (int second = first; second <= size; ++second) consider(sums, lane, first, second);
  }
};

// Levels and scale of a sub-block by its best cut.
template <class Search, int size>
inline void settleIQ1(const float* x, const float* weight, const int* order, IQ1Cut cut, const Grid& grid, IQ1Fit& fit) {
  int levels[size];
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

// The sub-blocks of a block. Search::sort gives the positions of values in ascending order, equal ones as they come; Search::cuts the best
// cut of each sub-block that is used; Search::point the point near a code.
template <class Search, int size>
inline void fitIQ1(const float* x, const float* weight, float allZero, const Grid& grid, IQ1Fit (&fits)[256 / size]) {
  constexpr int count = 256 / size;
  int order[count][size];
  bool used[count];
  IQ1Cut cuts[count];
  for (int i = 0; i < count; ++i) {
    std::uint32_t max = 0;
    for (int k = 0; k < size; ++k) {
      const std::uint32_t magnitude = bitsOfFloat(x[size * i + k]) & 0x7fffffffu;
      max = magnitude > max ? magnitude : max;
    }
    used[i] = !(floatOfBits(max) < allZero);
    if (used[i]) Search::template sort<size>(x + size * i, order[i]);
  }
  Search::template cuts<size>(x, weight, order, used, cuts);
  for (int i = 0; i < count; ++i)
    if (used[i] && cuts[i].first >= 0) settleIQ1<Search, size>(x + size * i, weight + size * i, order[i], cuts[i], grid, fits[i]);
}

// The greatest scale; infinite or NaN when one of them is.
inline float largestScale(const IQ1Fit* fits, int count) {
  float largest = 0;
  for (int i = 0; i < count; ++i) largest = fits[i].scale < largest ? largest : fits[i].scale;
  return largest;
}

}  // namespace
}  // namespace qt
