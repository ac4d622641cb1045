// TQ1_0 and TQ2_0: −1, 0 or 1 under one scale, the largest magnitude of 256 values.
#include "formats.hpp"
#include "search.hpp"

namespace qt::reference {
namespace {

// Digits 0, 1, 2 of 256 values; half away from zero.
bool digits(const float* x, std::int64_t index, std::uint8_t* digit, std::uint8_t* scale, TooLarge& tooLarge) {
  const float d = std::fabs(largest(x, 256)), quotient = 1 / d;
  const float inverse = std::isfinite(quotient) ? quotient : 0.0f;
  for (int i = 0; i < 256; ++i) digit[i] = static_cast<std::uint8_t>(static_cast<int>(std::round(x[i] * inverse)) + 1);
  return putHalf(d, index, scale, tooLarge);
}

// `count` digits, `stride` apart, as a fraction of 3⁵ in 8 bits, rounded up.
std::uint8_t fraction(const std::uint8_t* digit, int count, int stride) {
  int number = 0;
  for (int k = 0; k < 5; ++k) number = number * 3 + (k < count ? digit[stride * k] : 0);
  return static_cast<std::uint8_t>((number * 256 + 242) / 243);
}

}  // namespace

bool encodeTQ1_0(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge& tooLarge) {
  std::uint8_t digit[256];
  for (std::int64_t i = 0; i < columns; i += 256, out += 54) {
    if (!digits(x + i, i, digit, out + 52, tooLarge)) return false;
    for (int k = 0; k < 32; ++k) out[k] = fraction(digit + k, 5, 32);
    for (int k = 0; k < 16; ++k) out[32 + k] = fraction(digit + 160 + k, 5, 16);
    for (int k = 0; k < 4; ++k) out[48 + k] = fraction(digit + 240 + k, 4, 4);
  }
  return true;
}

bool encodeTQ2_0(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge& tooLarge) {
  std::uint8_t digit[256];
  for (std::int64_t i = 0; i < columns; i += 256, out += 66) {
    if (!digits(x + i, i, digit, out + 64, tooLarge)) return false;
    for (int k = 0; k < 64; ++k) {
      const std::uint8_t* at = digit + 128 * (k / 32) + k % 32;
      out[k] = static_cast<std::uint8_t>(at[0] | at[32] << 2 | at[64] << 4 | at[96] << 6);
    }
  }
  return true;
}

}  // namespace qt::reference
