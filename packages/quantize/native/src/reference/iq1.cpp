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

  template <int size>
  static void cuts(const float* x, const float* weight, const int (*order)[size], const bool* used, IQ1Cut* cuts) {
    for (int i = 0; i < 256 / size; ++i) {
      if (!used[i]) continue;
      IQ1Sums<size, 1> sums;
      IQ1Best best;
      sums.set(0, x + size * i, weight + size * i, order[i]);
      best.considerAll(sums, 0);
      cuts[i] = best.cut;
    }
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
