// MXFP4 and NVFP4: four-bit floats under a scale that is a float of 8 bits, in the order of ggml-quants.c.
#include <qt/blocks/fp4.hpp>

#include "../formats/fp8.hpp"
#include "formats.hpp"
#include "search.hpp"

namespace qt::reference {
namespace {

// The value nearest to x under the scale, of equally near ones the first.
int nearestLevel(float x, float scale) {
  int level = 0;
  float least = std::fabs(e2m1Values[0] * scale - x);
  for (int i = 1; i < 16; ++i) {
    const float error = std::fabs(e2m1Values[i] * scale - x);
    if (!(error < least)) continue;
    least = error;
    level = i;
  }
  return level;
}

void putLevels(const float* x, int n, float scale, std::uint8_t* out) {
  for (int i = 0; i < n / 2; ++i) out[i] = static_cast<std::uint8_t>(nearestLevel(x[i], scale) | nearestLevel(x[i + n / 2], scale) << 4);
}

}  // namespace

bool encodeMXFP4(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge&) {
  for (std::int64_t i = 0; i < columns; i += 32, out += 17) {
    out[0] = exponentFor(std::fabs(largest(x + i, 32)));
    putLevels(x + i, 32, halvedE8M0(out[0]), out + 1);
  }
  return true;
}

bool encodeNVFP4(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge&) {
  for (std::int64_t i = 0; i < columns; i += 64, out += 36)
    for (int k = 0; k < 4; ++k) {
      const float* part = x + i + 16 * k;
      out[k] = e4m3Bits(std::fabs(largest(part, 16)) / 6.0f);
      putLevels(part, 16, halvedE4M3(out[k]), out + 4 + 8 * k);
    }
  return true;
}

}  // namespace qt::reference
