// IQ2_S, 2.5625 bits: layout in qt/blocks/iq.hpp.
#pragma once
#include "lattice.hpp"

namespace qt {
namespace {

struct IQ2_S {
  static constexpr int size = 16, group = 8, bits = 2, levels = 3, tries = 9;
  static constexpr float step = 0.1f, allZero = 1e-8f, sigma = 2, fudge = 0.9875f;
  static constexpr bool evenSigns = false;
  static constexpr bool startsFitted = false;
  static constexpr Research research = Research::OffGrid;
  static constexpr int bytes = 82;
  static float plainWeight(float mean, float x) { return 0.25f * mean + x * x; }
  static const Grid& grid() { return gridOfIQ2_S(); }

  static void pack(std::uint16_t d, const LatticeFit* fits, const int* scales, const Grid& grid, std::uint8_t* out) {
    std::memset(out, 0, bytes);
    storeU16(d, out);
    for (int i = 0; i < 32; ++i) {
      const LatticeFit& fit = fits[i / 2];
      const int point = grid.at[fit.codes[i % 2]];
      out[2 + i] = static_cast<std::uint8_t>(point);
      out[34 + i] = fit.signs[i % 2];
      out[66 + i / 4] = static_cast<std::uint8_t>(out[66 + i / 4] | point >> 8 << 2 * (i % 4));
    }
    for (int i = 0; i < 8; ++i) out[74 + i] = static_cast<std::uint8_t>(scales[2 * i] | scales[2 * i + 1] << 4);
  }
};

}  // namespace
}  // namespace qt
