// IQ1_S and IQ1_M, in plain loops and in the order of ggml-quants.c.
#include "../formats/iq1_m.hpp"
#include "../formats/iq1_s.hpp"
#include "formats.hpp"

namespace qt::reference {
namespace {

constexpr float largestFloat = 3.402823466e+38f;

struct Search {
  template <int size>
  static void sort(const float* x, int* order) {
    for (int i = 0; i < size; ++i) {
      int at = i;
      for (; at > 0 && x[i] < x[order[at - 1]]; --at) order[at] = order[at - 1];
      order[at] = i;
    }
  }

  // The point near `code` of least weighted squared error, of equals the first.
  static std::uint16_t point(const Grid& grid, std::uint16_t code, const float* x, const float* weight, float scale, const float* shifted) {
    const std::uint16_t* list = grid.near(grid.at[code]);
    float least = largestFloat;
    std::uint16_t found = list[1];
    for (int n = 1; n <= list[0]; ++n) {
      float error = 0;
      for (int i = 0; i < 8; ++i) {
        const float difference = scale * shifted[grid.level(list[n], i)] - x[i];
        error += weight[i] * difference * difference;
      }
      if (!(error < least)) continue;
      least = error;
      found = list[n];
    }
    return found;
  }

  // Sums over the sorted values make every cut cost the same.
  static IQ1Cut cutOf32(const float* x, const float* weight, const int* order) {
    float sumX[33], sumW[33];
    sumX[0] = sumW[0] = 0;
    for (int j = 0; j < 32; ++j) {
      sumX[j + 1] = sumX[j] + weight[order[j]] * x[order[j]];
      sumW[j + 1] = sumW[j] + weight[order[j]];
    }
    IQ1Cut best;
    float score = -largestFloat;
    for (int first = 0; first <= 32; ++first)
      for (int second = first; second <= 32; ++second)
        for (int shift = 0; shift < 2; ++shift) {
          const float* q = iq1Shifted[shift];
          const float lx = sumX[first] * q[0] + (sumX[second] - sumX[first]) * q[1] + (sumX[32] - sumX[second]) * q[2];
          const float l2 = sumW[first] * q[0] * q[0] + (sumW[second] - sumW[first]) * q[1] * q[1] + (sumW[32] - sumW[second]) * q[2] * q[2];
          if (!(l2 > 0 && lx * lx > score * l2)) continue;
          best = {first, second, shift, lx / l2};
          score = best.scale * lx;
        }
    return best;
  }

  // The same with sums for each half. Neighbouring levels are 1 apart, so that Σwqx = q₂·Σwx less the sums before both cuts.
  static IQ1Cut cutOf16(const float* x, const float* weight, const int* order) {
    float sumX[2][17] = {}, sumW[2][17] = {};
    for (int j = 0; j < 16; ++j)
      for (int half = 0; half < 2; ++half) {
        const int i = order[j];
        const bool here = i / 8 == half;
        sumX[half][j + 1] = here ? sumX[half][j] + weight[i] * x[i] : sumX[half][j];
        sumW[half][j + 1] = here ? sumW[half][j] + weight[i] : sumW[half][j];
      }
    IQ1Cut best;
    float score = -largestFloat;
    for (int first = 0; first <= 16; ++first)
      for (int second = first; second <= 16; ++second) {
        float lx[2][2], l2[2][2];  // by half and shift
        for (int half = 0; half < 2; ++half)
          for (int down = 0; down < 2; ++down) {
            const float* q = iq1Shifted[down];
            lx[half][down] = sumX[half][16] * q[2] - (sumX[half][first] + sumX[half][second]);
            l2[half][down] = sumW[half][16] * q[2] * q[2] + sumW[half][first] * (q[0] * q[0] - q[1] * q[1]) +
                             sumW[half][second] * (q[1] * q[1] - q[2] * q[2]);
          }
        for (int shift = 0; shift < 4; ++shift) {
          const float sumQX = lx[0][shift >> 1] + lx[1][shift & 1], sumQ2 = l2[0][shift >> 1] + l2[1][shift & 1];
          if (!(sumQ2 > 0 && sumQX * sumQX > score * sumQ2)) continue;
          best = {first, second, shift, sumQX / sumQ2};
          score = best.scale * sumQX;
        }
      }
    return best;
  }
};

}  // namespace

bool encodeIQ1_S(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t i = 0; i < columns; i += 256, out += 50) {
    tooLarge.index = i;
    if (!encodeIQ1_SBlock<Search>(x + i, importance == nullptr ? nullptr : importance + i, gridOfIQ1(), out, tooLarge.scale)) return false;
  }
  return true;
}

bool encodeIQ1_M(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t i = 0; i < columns; i += 256, out += 56) {
    tooLarge.index = i;
    if (!encodeIQ1_MBlock<Search>(x + i, importance == nullptr ? nullptr : importance + i, gridOfIQ1(), out, tooLarge.scale)) return false;
  }
  return true;
}

}  // namespace qt::reference
