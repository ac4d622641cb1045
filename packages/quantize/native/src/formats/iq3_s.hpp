// IQ3_S, 3.4375 bits: layout in qt/blocks/iq.hpp.
#pragma once
#include "lattice.hpp"

namespace qt {
namespace {

struct IQ3_S {
  static constexpr int size = 32, group = 4, bits = 3, levels = 8, tries = 9;
  static constexpr float step = 0.2f, allZero = 0, sigma = 2, fudge = 1.033f;
  static constexpr bool evenSigns = false;
  static constexpr bool startsFitted = false;
  static constexpr Research research = Research::All;
  static constexpr int bytes = 110;
  static float plainWeight(float, float x) { return x * x; }
  static const Grid& grid() { return gridOfIQ3_S(); }

  // As in ggml-quants.c, a sub-block of zeros takes no place among the points and signs: those after it move up, their scales and
  // ninth bits do not.
  static void pack(std::uint16_t d, const LatticeFit* fits, const int* scales, const Grid& grid, std::uint8_t* out) {
    std::memset(out, 0, bytes);
    storeU16(d, out);
    std::uint8_t *points = out + 2, *signs = out + 74;
    for (int i = 0; i < 8; ++i) {
      if (!fits[i].stored) continue;
      for (int k = 0; k < 8; ++k) {
        const int point = grid.at[fits[i].codes[k]];
        *points++ = static_cast<std::uint8_t>(point);
        out[66 + i] = static_cast<std::uint8_t>(out[66 + i] | point >> 8 << k);
      }
      for (int k = 0; k < 4; ++k) *signs++ = fits[i].signs[k];
    }
    for (int i = 0; i < 4; ++i) out[106 + i] = static_cast<std::uint8_t>(scales[2 * i] | scales[2 * i + 1] << 4);
  }
};

}  // namespace
}  // namespace qt
