// Q1_0 and Q2_0: signs under the mean magnitude of 128 values; −1, 0 or 1 under the largest of 64.
#include "formats.hpp"
#include "search.hpp"

namespace qt::reference {

bool encodeQ1_0(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t i = 0; i < columns; i += 128, out += 18) {
    float sum = 0;
    for (int j = 0; j < 128; ++j) sum += std::fabs(x[i + j]);
    if (!putHalf(sum / 128, i, out, tooLarge)) return false;
    std::memset(out + 2, 0, 16);
    for (int j = 0; j < 128; ++j) out[2 + j / 8] |= static_cast<std::uint8_t>((x[i + j] >= 0) << j % 8);
  }
  return true;
}

bool encodeQ2_0(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t i = 0; i < columns; i += 64, out += 18) {
    const float d = std::fabs(largest(x + i, 64)), quotient = 1 / d;
    const float inverse = std::isfinite(quotient) ? quotient : 0.0f;
    if (!putHalf(d, i, out, tooLarge)) return false;
    std::memset(out + 2, 0, 16);
    for (int j = 0; j < 64; ++j) {
      const int digit = static_cast<int>(std::round(x[i + j] * inverse)) + 1;
      out[2 + j / 4] |= static_cast<std::uint8_t>(digit << 2 * (j % 4));
    }
  }
  return true;
}

}  // namespace qt::reference
