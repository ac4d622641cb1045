// IQ1_M, 1.75 bits: layout in qt/blocks/iq.hpp.
#pragma once
#include "iq1.hpp"

namespace qt {
namespace {

// False, and the scale told, when the block must be refused.
template <class Search>
inline bool encodeIQ1_MBlock(const float* x, const float* importance, const Grid& grid, std::uint8_t* out, float& refused) {
  if (isBeyondHalf(x, 256, refused)) return false;
  const float sigma = iq1Sigma(x);
  float weight[256];
  for (int i = 0; i < 256; ++i) weight[i] = importance == nullptr ? x[i] * x[i] : importance[i] * std::sqrt(sigma + x[i] * x[i]);
  IQ1Fit fits[16];
  fitIQ1<Search, 16>(x, weight, 1e-7f, grid, fits);
  const float largest = largestScale(fits, 16);
  if (!(largest < INFINITY)) {
    refused = largest;
    return false;
  }
  std::uint32_t scales[4] = {};
  float d = largest / 15, lx = 0, l2 = 0;
  for (int i = 0; i < 16; ++i) {
    const int first = grid.at[fits[i].codes[0]], last = grid.at[fits[i].codes[1]];
    out[2 * i] = static_cast<std::uint8_t>(first);
    out[2 * i + 1] = static_cast<std::uint8_t>(last);
    out[32 + i] = static_cast<std::uint8_t>(first >> 8 | last >> 8 << 4);
    if (!(largest > 0)) continue;
    out[32 + i] = static_cast<std::uint8_t>(out[32 + i] | (fits[i].shift >> 1) << 3 | (fits[i].shift & 1) << 7);
    const int level = within(0, 7, nearestInt(0.5f * (1 / d * fits[i].scale - 1)));
    scales[i / 4] |= static_cast<std::uint32_t>(level) << 3 * (i % 4);
    // The common scale is fitted once more to all that is stored.
    for (int k = 0; k < 16; ++k) {
      const float* shifted = iq1Shifted[k < 8 ? fits[i].shift >> 1 : fits[i].shift & 1];
      const float q = shifted[grid.level(fits[i].codes[k / 8], k % 8)] * static_cast<float>(2 * level + 1);
      lx += weight[16 * i + k] * q * x[16 * i + k];
      l2 += weight[16 * i + k] * q * q;
    }
  }
  if (l2 > 0) d = lx / l2;
  const std::uint32_t half = largest > 0 ? halfBits(d * 1.1125f) : 0;
  if ((half & 0x7c00) == 0x7c00) {
    refused = d;
    return false;
  }
  for (int i = 0; i < 4; ++i) storeU16(scales[i] | (half >> 4 * i & 15) << 12, out + 48 + 2 * i);
  return true;
}

}  // namespace
}  // namespace qt
