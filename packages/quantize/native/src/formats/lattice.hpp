// What the IQ2 and IQ3 types have in common. Values are taken without their signs; a group of 8 (or 4) becomes a point of the grid,
// and a sub-block of 16 or 32 has a scale: x = ±scale·(2·level + 1). Scales of 256 values are stored in 4 bits: d·(2·l + 1).
// Internal linkage: included under different instruction sets.
#pragma once
#include <cmath>
#include <cstdint>

#include "../halves.hpp"
#include "block_store.hpp"
#include "grid.hpp"

namespace qt {
namespace {

// The result for one sub-block. One of nothing but zeros is not stored: the others are 0, too.
struct LatticeFit {
  bool stored = false;
  float scale = 0;
  std::uint16_t codes[8] = {};
  std::uint8_t signs[4] = {};  // one bit a value, of eight values each; set for negative ones
};

// Which groups are searched once more with the scale found: all, all if one is off the grid, or those that are.
enum class Research { Always, All, OffGrid };

inline bool isZero(const LatticeFit* fits, int count) {
  for (int i = 0; i < count; ++i)
    if (fits[i].scale > 0) return false;
  return true;
}

// One format: struct Format {
//   size, group: values of a sub-block and of a point; bits, levels: of a level
//   tries, step: scales max/(2·levels − 1 + step·i) are tried for i from −tries to tries
//   evenSigns: the number of negative signs of eight values is even, the eighth sign is not stored
//   allZero: below it a sub-block is nothing but zeros
//   sigma: of the weight importance·√(sigma·Σx²/256 + x²)
//   startsFitted: `max` is not the largest value but 3 · the scale that fits levels 0 to 4 best
//   research: what is searched again in the end
//   fudge: what d is multiplied with in the end
//   plainWeight(mean, x): the weight of a value of no known importance; mean is sigma·Σx²/256
//   grid(), pack(fits, scales, out)
// };

// x without its sign, eight values at once. Where an odd number is negative and that cannot be stored, the sign of the value whose
// loss counts least is turned around.
template <class Format>
inline std::uint8_t takeSigns(const float* x, const float* weight, float* magnitudes) {
  int negative = 0, signs = 0;
  for (int i = 0; i < 8; ++i) {
    const bool below = !(x[i] >= 0);
    magnitudes[i] = below ? -x[i] : x[i];
    negative += below;
    signs |= below << i;
  }
  if (!Format::evenSigns || negative % 2 == 0) return static_cast<std::uint8_t>(signs);
  int least = 0;
  float loss = weight[0] * x[0] * x[0];
  for (int i = 1; i < 8; ++i) {
    const float candidate = weight[i] * x[i] * x[i];
    if (!(candidate < loss)) continue;
    loss = candidate;
    least = i;
  }
  magnitudes[least] = -magnitudes[least];
  return static_cast<std::uint8_t>(signs ^ 1 << least);
}

// `fit(weight, magnitudes, max, grid, result)` finds scale and codes of one sub-block, if it is to be stored; its signs are known.
// False, and `scale` told, when the block must be refused.
template <class Format, class Fit>
inline bool encodeLattice(const float* x, const float* importance, const Grid& grid, Fit fit, std::uint8_t* out, float& refused) {
  constexpr int size = Format::size, parts = 256 / size;
  if (isBeyondHalf(x, 256, refused)) return false;
  float sum = 0;
  for (int i = 0; i < 256; ++i) sum += x[i] * x[i];
  const float mean = Format::sigma * sum / 256;
  LatticeFit fits[parts];
  float largest = 0;
  for (int part = 0; part < parts; ++part) {
    const float* values = x + size * part;
    alignas(64) float weight[size], magnitudes[size];
    for (int i = 0; i < size; ++i)
      weight[i] = importance == nullptr ? Format::plainWeight(mean, values[i]) : importance[size * part + i] * std::sqrt(mean + values[i] * values[i]);
    float heaviest = 0;
    for (int i = 0; i < size; ++i) heaviest = weight[i] < heaviest ? heaviest : weight[i];
    if (!(heaviest < INFINITY)) {
      refused = heaviest;
      return false;
    }
    LatticeFit& result = fits[part];
    for (int k = 0; k < size / 8; ++k) result.signs[k] = takeSigns<Format>(values + 8 * k, weight + 8 * k, magnitudes + 8 * k);
    float max = magnitudes[0];
    for (int i = 1; i < size; ++i) max = max > magnitudes[i] ? max : magnitudes[i];
    if (!(max < Format::allZero || max == 0)) fit(weight, magnitudes, max, grid, result);
    if (result.scale < 0) {
      result.scale = -result.scale;
      for (std::uint8_t& signs : result.signs) signs = static_cast<std::uint8_t>(~signs);
    }
    if (!result.stored) result = {};
    if (!(result.scale < INFINITY)) {
      refused = result.scale;
      return false;
    }
    largest = largest > result.scale ? largest : result.scale;
  }
  const float d = largest / 31;
  const std::uint16_t half = halfBits(d * Format::fudge);
  if ((half & 0x7c00) == 0x7c00) {
    refused = d;
    return false;
  }
  int levels[parts] = {};
  if (largest > 0)
    for (int part = 0; part < parts; ++part) levels[part] = within(0, 15, nearestInt(0.5f * (1 / d * fits[part].scale - 1)));
  Format::pack(half, fits, levels, grid, out);
  return true;
}

}  // namespace
}  // namespace qt
