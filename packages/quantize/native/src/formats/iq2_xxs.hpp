// IQ2_XXS, 2.0625 bits: layout in qt/blocks/iq.hpp.
#pragma once
#include "lattice.hpp"

namespace qt {
namespace {

struct IQ2_XXS {
  static constexpr int size = 32, group = 8, bits = 2, levels = 3, tries = 6;
  static constexpr float step = 0.1f, allZero = 1e-15f, sigma = 1, fudge = 1;
  static constexpr bool evenSigns = true;
  static constexpr bool startsFitted = true;
  static constexpr Research research = Research::Always;
  static constexpr int bytes = 66;
  static float plainWeight(float mean, float x) { return std::sqrt(mean + x * x); }
  static const Grid& grid() { return gridOfIQ2_XXS(); }

  static void pack(std::uint16_t d, const LatticeFit* fits, const int* scales, const Grid& grid, std::uint8_t* out) {
    storeU16(d, out);
    for (int i = 0; i < 8; ++i) {
      std::uint32_t signs = 0;
      for (int k = 0; k < 4; ++k) {
        out[2 + 8 * i + k] = static_cast<std::uint8_t>(grid.at[fits[i].codes[k]]);
        signs |= (fits[i].signs[k] & 127u) << 7 * k;
      }
      storeU32(signs | static_cast<std::uint32_t>(scales[i]) << 28, out + 6 + 8 * i);
    }
    if (isZero(fits, 8)) std::memset(out, 0, bytes);
  }
};

}  // namespace
}  // namespace qt
