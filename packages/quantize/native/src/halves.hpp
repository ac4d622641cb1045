// float32 to float16 and bfloat16, to nearest, ties to even. Internal linkage: included under different instruction sets.
#pragma once
#include <cstdint>

#include <qt/blocks/half.hpp>

namespace qt {

// Beyond 65504 it becomes infinite.
static inline std::uint16_t halfBits(float value) {
  const std::uint32_t bits = bitsOfFloat(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  // Below 2⁻¹⁴ a half counts multiples of 2⁻²⁴, which adding 0.5 rounds to.
  if (magnitude < 0x38800000u) return static_cast<std::uint16_t>(sign | (bitsOfFloat(floatOfBits(magnitude) + 0.5f) - 0x3f000000u));
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13));
}

static inline std::uint16_t bfloatBits(float value) {
  const std::uint32_t bits = bitsOfFloat(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace qt
