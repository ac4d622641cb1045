// Scales of MXFP4 and NVFP4, floats of 8 bits. Internal linkage: included under different instruction sets.
#pragma once
#include <cmath>
#include <cstdint>

#include <qt/blocks/half.hpp>

namespace qt {

// E8M0: ⌊log₂ magnitude⌋ − 2, so that the greatest value, 6, reaches it. The logarithm is the one of float32, which just below a power
// of two is that power's. Numbers below 2⁻¹²⁵, for which there is no exponent, get the least.
static inline std::uint8_t exponentFor(float magnitude) {
  if (!(magnitude > 0)) return 0;
  const int exponent = static_cast<int>(std::floor(static_cast<float>(std::log2(static_cast<double>(magnitude))))) + 125;
  return static_cast<std::uint8_t>(exponent < 0 ? 0 : exponent);
}

// Unsigned E4M3 of bias 7 for a number of 0 or more; ties go up, and as in ggml everything from 256 on becomes 448.
static inline std::uint8_t e4m3Bits(float x) {
  if (!(x > 0)) return 0;
  const std::uint32_t bits = bitsOfFloat(x);
  const int exponent = static_cast<int>(bits >> 23) - 120;
  if (exponent <= 0) {
    const int steps = static_cast<int>(x * 512.0f + 0.5f);
    return static_cast<std::uint8_t>(steps > 7 ? 7 : steps);
  }
  const std::uint32_t rounded = (static_cast<std::uint32_t>(exponent) << 3 | (bits >> 20 & 7)) + (bits >> 19 & 1);
  return static_cast<std::uint8_t>(rounded >= 0x78 ? 0x7E : rounded);
}

}  // namespace qt
