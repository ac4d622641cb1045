// IQ2_XS, 2.3125 bits: layout in qt/blocks/iq.hpp.
#pragma once
#include "lattice.hpp"

namespace qt {
namespace {

struct IQ2_XS {
  static constexpr int size = 16, group = 8, bits = 2, levels = 3, tries = 9;
  static constexpr float step = 0.1f, allZero = 1e-15f, sigma = 1, fudge = 1;
  static constexpr bool evenSigns = true;
  static constexpr bool startsFitted = false;
  static constexpr Research research = Research::OffGrid;
  static constexpr int bytes = 74;
  static float plainWeight(float mean, float x) { return std::sqrt(mean + x * x); }
  static const Grid& grid() { return gridOfIQ2_XS(); }

  static void pack(std::uint16_t d, const LatticeFit* fits, const int* scales, const Grid& grid, std::uint8_t* out) {
    storeU16(d, out);
    for (int i = 0; i < 16; ++i)
      for (int k = 0; k < 2; ++k)
        storeU16(static_cast<std::uint32_t>(grid.at[fits[i].codes[k]]) | (fits[i].signs[k] & 127u) << 9, out + 2 + 4 * i + 2 * k);
    for (int i = 0; i < 8; ++i) out[66 + i] = static_cast<std::uint8_t>(scales[2 * i] | scales[2 * i + 1] << 4);
    if (isZero(fits, 16)) std::memset(out, 0, bytes);
  }
};

}  // namespace
}  // namespace qt
