// F32, F16 and BF16: one value a block.
#include "formats.hpp"

namespace qt::reference {

bool encodeF32(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge&) {
  if (columns > 0) std::memcpy(out, x, static_cast<std::size_t>(columns) * sizeof(float));
  return true;
}

bool encodeF16(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t i = 0; i < columns; ++i)
    if (!putHalf(x[i], i, out + 2 * i, tooLarge)) return false;
  return true;
}

bool encodeBF16(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t i = 0; i < columns; ++i) {
    const std::uint16_t bits = bfloatBits(x[i]);
    std::memcpy(out + 2 * i, &bits, sizeof bits);
    if ((bits & 0x7f80) != 0x7f80) continue;
    tooLarge = {i, x[i]};
    return false;
  }
  return true;
}

}  // namespace qt::reference
