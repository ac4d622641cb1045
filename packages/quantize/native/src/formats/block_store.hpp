// Small pieces of packing. Internal linkage: included under different instruction sets.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include <qt/blocks/half.hpp>

namespace qt {

static inline void storeU16(std::uint32_t value, std::uint8_t* out) {
  const auto bits = static_cast<std::uint16_t>(value);
  std::memcpy(out, &bits, sizeof bits);
}
static inline void storeU32(std::uint32_t value, std::uint8_t* out) { std::memcpy(out, &value, sizeof value); }

// To nearest, ties to even, by adding 1.5·2²³; beyond ±2²² it wraps around.
static inline int nearestInt(float value) { return static_cast<int>(bitsOfFloat(value + 12582912.0f) & 0x7fffffu) - 0x400000; }
static inline int within(int low, int high, int l) { return l < low ? low : l > high ? high : l; }

// True, and the first such value told: no float16 scale holds it, and its powers would overflow in sums.
static inline bool isBeyondHalf(const float* x, int n, float& refused) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
  if (largest < 0x1p30f) return false;
  for (int i = n - 1; i >= 0; --i) refused = std::fabs(x[i]) < 0x1p30f ? refused : x[i];
  return true;
}

}  // namespace qt
