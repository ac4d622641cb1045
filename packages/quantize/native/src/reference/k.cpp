// Types with 256 values a block, cut into parts of 16 or 32 that have scales (and offsets) of 4, 6 or 8 bits, multiples of those
// of the block. First every part is fitted by itself, then the scales are rounded, then the levels are chosen for these.
#include "formats.hpp"
#include "search.hpp"

namespace qt::reference {
namespace {

constexpr int block = 256;

float sumOfSquares(const float* x, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

float sumOf(const float* x, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i];
  return sum;
}

// No scale holds such a value, and its powers would overflow in the sums.
constexpr float largestPossible = 0x1p30f;
bool refused(const float* x, std::int64_t at, TooLarge& tooLarge) {
  const float max = largest(x, block);
  if (std::fabs(max) >= largestPossible) tooLarge = {at, max};
  return std::fabs(max) >= largestPossible;
}

// importance·√(s + x²)
void weigh(const float* x, const float* importance, float s, int n, float* weights) {
  for (int i = 0; i < n; ++i) weights[i] = importance[i] * std::sqrt(s + x[i] * x[i]);
}

// Levels of a part when scale and offset are settled; none of them is changed when the scale is nothing.
void settleAffine(const float* x, int n, int most, float d, float m, int* q) {
  if (d == 0) return;
  for (int i = 0; i < n; ++i) q[i] = clamped(0, most, nearest((x[i] + m) / d));
}
void settleSymmetric(const float* x, int n, int half, float d, int* q) {
  if (d == 0) return;
  for (int i = 0; i < n; ++i) q[i] = clamped(-half, half - 1, nearest(x[i] / d)) + half;
}

// Two bits of four values 32 apart in each byte, for each half of the block.
void putPairs(const int* q, std::uint8_t* out) {
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 32; ++i) {
      const int* at = q + 128 * half + i;
      out[32 * half + i] = static_cast<std::uint8_t>((at[0] & 3) | (at[32] & 3) << 2 | (at[64] & 3) << 4 | (at[96] & 3) << 6);
    }
}

// Eight scales and eight offsets of six bits in twelve bytes.
void putSixBits(const int* scales, const int* mins, std::uint8_t* out) {
  for (int j = 0; j < 4; ++j) {
    out[j] = static_cast<std::uint8_t>((scales[j] & 63) | (scales[j + 4] >> 4) << 6);
    out[j + 4] = static_cast<std::uint8_t>((mins[j] & 63) | (mins[j + 4] >> 4) << 6);
    out[j + 8] = static_cast<std::uint8_t>((scales[j + 4] & 15) | (mins[j + 4] & 15) << 4);
  }
}

struct Scales {
  float d, m;
  int scales[16], mins[16];
};

// Rounded to multiples of the largest: without importance.
void roundByLargest(int parts, int most, const float* scales, const float* mins, Scales& s) {
  float maxScale = 0, maxMin = 0;
  for (int j = 0; j < parts; ++j) {
    maxScale = scales[j] > maxScale ? scales[j] : maxScale;
    maxMin = mins[j] > maxMin ? mins[j] : maxMin;
  }
  const float top = static_cast<float>(most);
  const float inverseScale = maxScale > 0 ? top / maxScale : 0.0f, inverseMin = maxMin > 0 ? top / maxMin : 0.0f;
  for (int j = 0; j < parts; ++j) {
    s.scales[j] = nearest(inverseScale * scales[j]) & 255;
    s.mins[j] = nearest(inverseMin * mins[j]) & 255;
  }
  s.d = maxScale / top;
  s.m = maxMin / top;
}

// Q4_K and Q5_K: eight parts of 32.
template <int most>
bool encodeAffine(const float* x, std::int64_t at, const float* importance, const Steps& steps, int* q, std::uint8_t* out, TooLarge& tooLarge) {
  if (refused(x, at, tooLarge)) return false;
  float scales[8], mins[8], sums[8], weights[32];
  const float spread = 2 * sumOfSquares(x, block) / block;
  for (int j = 0; j < 8; ++j) {
    const float* part = x + 32 * j;
    if (importance != nullptr) {
      weigh(part, importance + 32 * j, spread, 32, weights);
      sums[j] = sumOf(weights, 32);
    } else {
      const float average = std::sqrt(sumOfSquares(part, 32) / 32);
      for (int i = 0; i < 32; ++i) weights[i] = average + std::fabs(part[i]);
    }
    const Affine fit = fitAffine(32, most, part, weights, importance != nullptr ? Steps{-0.9f, 0.05f, 36, false} : steps, q + 32 * j);
    scales[j] = fit.scale;
    mins[j] = fit.min;
  }
  Scales s;
  if (importance != nullptr) {
    s.d = fitPositive(8, 63, scales, sums, s.scales);
    s.m = fitPositive(8, 63, mins, sums, s.mins);
  } else {
    roundByLargest(8, 63, scales, mins, s);
  }
  for (int j = 0; j < 8; ++j) {
    s.scales[j] = std::min(63, s.scales[j]);
    s.mins[j] = std::min(63, s.mins[j]);
  }
  if (!putHalf(s.d, at, out, tooLarge) || !putHalf(s.m, at, out + 2, tooLarge)) return false;
  putSixBits(s.scales, s.mins, out + 4);
  for (int j = 0; j < 8; ++j)
    settleAffine(x + 32 * j, 32, most, storedHalf(s.d) * static_cast<float>(s.scales[j]), storedHalf(s.m) * static_cast<float>(s.mins[j]), q + 32 * j);
  return true;
}

}  // namespace

bool encodeQ2_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t at = 0; at < columns; at += block, x += block, out += 84) {
    if (refused(x, at, tooLarge)) return false;
    int q[block];
    float scales[16], mins[16], sums[16], weights[16];
    const float spread = sumOfSquares(x, block) / block;
    for (int j = 0; j < 16; ++j) {
      const float* part = x + 16 * j;
      if (importance != nullptr) weigh(part, importance + at + 16 * j, spread, 16, weights);
      else
        for (int i = 0; i < 16; ++i) weights[i] = std::fabs(part[i]);
      sums[j] = sumOf(weights, 16);
      const Steps steps = importance != nullptr ? Steps{-0.9f, 0.05f, 36, false} : Steps{-0.5f, 0.1f, 15, true};
      const Affine fit = fitAffine(16, 3, part, weights, steps, q + 16 * j);
      scales[j] = fit.scale;
      mins[j] = fit.min;
    }
    Scales s;
    if (importance != nullptr) {
      s.d = fitPositive(16, 15, scales, sums, s.scales);
      s.m = fitPositive(16, 15, mins, sums, s.mins);
    } else {
      roundByLargest(16, 15, scales, mins, s);
    }
    for (int j = 0; j < 16; ++j) out[j] = static_cast<std::uint8_t>(s.scales[j] | s.mins[j] << 4);
    for (int j = 0; j < 16; ++j)
      settleAffine(x + 16 * j, 16, 3, storedHalf(s.d) * static_cast<float>(out[j] & 15), storedHalf(s.m) * static_cast<float>(out[j] >> 4), q + 16 * j);
    putPairs(q, out + 16);
    if (!putHalf(s.d, at, out + 80, tooLarge) || !putHalf(s.m, at, out + 82, tooLarge)) return false;
  }
  return true;
}

bool encodeQ3_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t at = 0; at < columns; at += block, x += block, out += 110) {
    if (refused(x, at, tooLarge)) return false;
    int q[block], levels[16];
    float scales[16], sums[16], weights[16];
    const float spread = 2 * sumOfSquares(x, block) / block;
    for (int j = 0; j < 16; ++j) {
      const float* part = x + 16 * j;
      if (importance == nullptr) {
        scales[j] = fitByTurns(16, 4, part, q + 16 * j);
        continue;
      }
      weigh(part, importance + at + 16 * j, spread, 16, weights);
      sums[j] = sumOf(weights, 16);
      scales[j] = fitSymmetric(16, 4, part, weights, q + 16 * j);
    }
    float d;
    if (importance != nullptr) {
      d = fitSymmetric(16, 32, scales, sums, levels);
    } else {
      const float max = largest(scales, 16);
      const float inverse = -32.0f / max;
      // A cast to int8 comes before the limits.
      for (int j = 0; j < 16; ++j) levels[j] = max != 0 ? clamped(-32, 31, static_cast<std::int8_t>(nearest(inverse * scales[j]))) + 32 : 0;
      d = max != 0 ? 1 / inverse : 0.0f;
    }
    std::memset(out + 96, 0, 12);
    for (int j = 0; j < 16; ++j) {
      out[96 + j % 8] |= static_cast<std::uint8_t>((levels[j] & 15) << (j < 8 ? 0 : 4));
      out[104 + j % 4] |= static_cast<std::uint8_t>(levels[j] >> 4 << (2 * (j / 4)));
    }
    for (int j = 0; j < 16; ++j) settleSymmetric(x + 16 * j, 16, 4, storedHalf(d) * static_cast<float>(levels[j] - 32), q + 16 * j);
    // The third bit of value i is bit i / 32 of byte i % 32.
    std::memset(out, 0, 32);
    for (int i = 0; i < block; ++i) out[i % 32] |= static_cast<std::uint8_t>((q[i] >> 2 & 1) << (i / 32));
    putPairs(q, out + 32);
    if (!putHalf(d, at, out + 108, tooLarge)) return false;
  }
  return true;
}

bool encodeQ4_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t at = 0; at < columns; at += block, out += 144) {
    int q[block];
    if (!encodeAffine<15>(x + at, at, importance != nullptr ? importance + at : nullptr, {-1.0f, 0.1f, 20, false}, q, out, tooLarge)) return false;
    for (int pair = 0; pair < 4; ++pair)
      for (int i = 0; i < 32; ++i) out[16 + 32 * pair + i] = static_cast<std::uint8_t>(q[64 * pair + i] | q[64 * pair + 32 + i] << 4);
  }
  return true;
}

bool encodeQ5_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t at = 0; at < columns; at += block, out += 176) {
    int q[block];
    if (!encodeAffine<31>(x + at, at, importance != nullptr ? importance + at : nullptr, {-0.5f, 0.1f, 15, false}, q, out, tooLarge)) return false;
    // The fifth bit of value i is bit i / 32 of byte i % 32.
    std::memset(out + 16, 0, 32);
    for (int i = 0; i < block; ++i) out[16 + i % 32] |= static_cast<std::uint8_t>((q[i] >> 4) << (i / 32));
    for (int pair = 0; pair < 4; ++pair)
      for (int i = 0; i < 32; ++i) out[48 + 32 * pair + i] = static_cast<std::uint8_t>((q[64 * pair + i] & 15) | (q[64 * pair + 32 + i] & 15) << 4);
  }
  return true;
}

bool encodeQ6_K(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t at = 0; at < columns; at += block, x += block, out += 210) {
    if (refused(x, at, tooLarge)) return false;
    int q[block];
    float scales[16], weights[16];
    for (int j = 0; j < 16; ++j) {
      for (int i = 0; i < 16; ++i) weights[i] = importance != nullptr ? importance[at + 16 * j + i] : x[16 * j + i] * x[16 * j + i];
      scales[j] = fitSymmetric(16, 32, x + 16 * j, weights, q + 16 * j);
    }
    const float max = largest(scales, 16);
    std::memset(out, 0, 210);
    if (std::fabs(max) < allZero) continue;
    const float inverse = -128.0f / max;
    const float d = 1 / inverse;
    if (!putHalf(d, at, out + 208, tooLarge)) return false;
    for (int j = 0; j < 16; ++j) {
      const auto scale = static_cast<std::int8_t>(std::min(127, nearest(inverse * scales[j])));
      out[192 + j] = static_cast<std::uint8_t>(scale);
      settleSymmetric(x + 16 * j, 16, 32, storedHalf(d) * static_cast<float>(scale), q + 16 * j);
    }
    for (int half = 0; half < 2; ++half)
      for (int i = 0; i < 32; ++i) {
        const int* at4 = q + 128 * half + i;
        out[64 * half + i] = static_cast<std::uint8_t>((at4[0] & 15) | (at4[64] & 15) << 4);
        out[64 * half + 32 + i] = static_cast<std::uint8_t>((at4[32] & 15) | (at4[96] & 15) << 4);
        out[128 + 32 * half + i] = static_cast<std::uint8_t>(at4[0] >> 4 | at4[32] >> 4 << 2 | at4[64] >> 4 << 4 | at4[96] >> 4 << 6);
      }
  }
  return true;
}

// A float32 scale, 256 × 8 bits, and the sum of each 16 of them: what K types are multiplied with, not a type for files.
bool encodeQ8_K(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge&) {
  for (std::int64_t at = 0; at < columns; at += block, x += block, out += 292) {
    const float max = largest(x, block);
    const float inverse = -127.0f / max;
    const float d = max != 0 ? 1 / inverse : 0.0f;
    std::memcpy(out, &d, sizeof d);
    for (int j = 0; j < 16; ++j) {
      int sum = 0;
      for (int i = 16 * j; i < 16 * j + 16; ++i) {
        const auto q = static_cast<std::int8_t>(max != 0 ? std::min(127, nearest(inverse * x[i])) : 0);
        out[4 + i] = static_cast<std::uint8_t>(q);
        sum += q;
      }
      const auto stored = static_cast<std::int16_t>(sum);
      std::memcpy(out + 260 + 2 * j, &stored, sizeof stored);
    }
  }
  return true;
}

}  // namespace qt::reference
