// IQ3_XXS, 3.0625 bits: layout in qt/blocks/iq.hpp.
#pragma once
#include "lattice.hpp"

namespace qt {
namespace {

struct IQ3_XXS {
  static constexpr int size = 32, group = 4, bits = 3, levels = 8, tries = 15;
  static constexpr float step = 0.2f, allZero = 1e-8f, sigma = 2, fudge = 1.0125f;
  static constexpr bool evenSigns = true;
  static constexpr bool startsFitted = false;
  static constexpr Research research = Research::OffGrid;
  static constexpr int bytes = 98;
  static float plainWeight(float, float x) { return x * x; }
  static const Grid& grid() { return gridOfIQ3_XXS(); }

  static void pack(std::uint16_t d, const LatticeFit* fits, const int* scales, const Grid& grid, std::uint8_t* out) {
    storeU16(d, out);
    for (int i = 0; i < 8; ++i) {
      for (int k = 0; k < 8; ++k) out[2 + 8 * i + k] = static_cast<std::uint8_t>(grid.at[fits[i].codes[k]]);
      std::uint32_t signs = 0;
      for (int k = 0; k < 4; ++k) signs |= (fits[i].signs[k] & 127u) << 7 * k;
      storeU32(signs | static_cast<std::uint32_t>(scales[i]) << 28, out + 66 + 4 * i);
    }
    if (isZero(fits, 8)) std::memset(out, 0, bytes);
  }
};

}  // namespace
}  // namespace qt
