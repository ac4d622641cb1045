// The 256 numbers from −1 (or 0) to 1 that an 8-bit moment can be: seven decades, each with twice as many steps as the one below
// ("dynamic tree quantisation", Dettmers, arXiv 1511.04561; the table is that of bitsandbytes).
#pragma once
#include <array>
#include <cstdint>

namespace qt {

struct MomentCodes {
  std::array<float, 256> values;   // ascending
  std::array<float, 255> borders;  // halfway between neighbours
  std::uint8_t leastPositive;      // the first code above zero

  // The code nearest to x. What is above zero stays so: a second moment of zero would make the next step as long as 1/ε.
  std::uint8_t nearest(float x) const {
    std::uint32_t code = 0;
    for (std::uint32_t half = 128; half > 0; half >>= 1)
      if (x > borders[code + half - 1]) code += half;
    return x > 0 && code < leastPositive ? leastPositive : static_cast<std::uint8_t>(code);
  }
};

const MomentCodes& signedCodes();
const MomentCodes& unsignedCodes();

}  // namespace qt
