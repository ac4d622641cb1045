// IQ1_S, 1.5625 bits: layout in qt/blocks/iq.hpp.
#pragma once
#include "iq1.hpp"

namespace qt {
namespace {

// False, and the scale told, when the block must be refused.
template <class Search>
inline bool encodeIQ1_SBlock(const float* x, const float* importance, const Grid& grid, std::uint8_t* out, float& refused) {
  if (isBeyondHalf(x, 256, refused)) return false;
  const float sigma = iq1Sigma(x);
  IQ1Fit fits[8];
  float weight[256];
  for (int i = 0; i < 256; ++i) weight[i] = (importance == nullptr ? 1.0f : importance[i]) * std::sqrt(sigma + x[i] * x[i]);
  fitIQ1<Search, 32>(x, weight, 1e-12f, grid, fits);
  const float largest = largestScale(fits, 8), d = largest / 15;
  const std::uint16_t half = halfBits(d * 1.125f);
  if (!(largest < INFINITY) || (half & 0x7c00) == 0x7c00) {
    refused = d;
    return false;
  }
  storeU16(half, out);
  for (int i = 0; i < 8; ++i) {
    std::uint32_t high = 0;
    for (int k = 0; k < 4; ++k) {
      const int point = grid.at[fits[i].codes[k]];
      out[2 + 4 * i + k] = static_cast<std::uint8_t>(point);
      high |= static_cast<std::uint32_t>(point >> 8) << 3 * k;
    }
    if (largest > 0) high |= static_cast<std::uint32_t>(within(0, 7, nearestInt(0.5f * (1 / d * fits[i].scale - 1))) | fits[i].shift << 3) << 12;
    storeU16(high, out + 34 + 2 * i);
  }
  return true;
}

}  // namespace
}  // namespace qt
