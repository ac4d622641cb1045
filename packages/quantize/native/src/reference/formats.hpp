// One function a type: a row of whole blocks into bytes, in plain loops and in the order of ggml-quants.c.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "../halves.hpp"

namespace qt::reference {

// The scale that would be stored as infinity, and the first value of its block in the row.
struct TooLarge {
  std::int64_t index = 0;
  float scale = 0;
};

// False when the row must be refused. `importance` has one weight a column, or is null.
using EncodeRow = bool (*)(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);

bool encodeF32(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeF16(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeBF16(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ8_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ5_1(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ5_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ4_1(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ4_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ8_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ6_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ5_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ4_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ3_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ2_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ4_NL(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ4_XS(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ3_S(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ3_XXS(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ2_S(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ2_XS(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ2_XXS(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ1_M(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeIQ1_S(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeTQ1_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeTQ2_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeMXFP4(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeNVFP4(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ1_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);
bool encodeQ2_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge);

// False, and the scale noted, when the stored number would be infinite.
inline bool putHalf(float value, std::int64_t index, std::uint8_t* out, TooLarge& tooLarge) {
  const std::uint16_t bits = halfBits(value);
  std::memcpy(out, &bits, sizeof bits);
  if ((bits & 0x7c00) != 0x7c00) return true;
  tooLarge = {index, value};
  return false;
}

inline float storedHalf(float value) { return halfToFloat(halfBits(value)); }

}  // namespace qt::reference
