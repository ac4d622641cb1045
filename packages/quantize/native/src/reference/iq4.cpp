// IQ4_NL and IQ4_XS: levels of uneven distance, in plain loops and in the order of ggml-quants.c.
#include <qt/blocks/fp4.hpp>

#include "../formats/block_store.hpp"
#include "formats.hpp"
#include "search.hpp"

namespace qt::reference {
namespace {

// The nearest of 16 values, of two equally near ones the greater.
int nearestLevel(float x) {
  int level = 0;
  for (int i = 1; i < 16; ++i) level += x >= 0.5f * static_cast<float>(iq4Values[i - 1] + iq4Values[i]);
  return level;
}

// The scale of 32 values: 16 are tried around the one that gives the value of largest magnitude the outermost level.
float fitScale(const float* x, const float* weight) {
  const float max = largest(x, 32);
  if (std::fabs(max) < allZero) return 0;
  const auto moments = [&](float inverse) {
    Moments sum;
    for (int i = 0; i < 32; ++i) {
      const float q = iq4Values[nearestLevel(inverse * x[i])];
      sum.lx += weight[i] * q * x[i];
      sum.l2 += weight[i] * q * q;
    }
    return sum;
  };
  Moments sum = moments(1 / (-max / iq4Values[0]));
  float scale = sum.l2 > 0 ? sum.lx / sum.l2 : 0.0f;
  float best = scale * sum.lx;
  for (int i = -7; i <= 7; ++i) {
    sum = moments(static_cast<float>(i + iq4Values[0]) / max);
    if (!(sum.l2 > 0 && sum.lx * sum.lx > best * sum.l2)) continue;
    scale = sum.lx / sum.l2;
    best = scale * sum.lx;
  }
  return scale;
}

void weigh(const float* x, int n, const float* importance, float* weight) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  sum *= 2.0f / static_cast<float>(n);
  for (int i = 0; i < n; ++i) weight[i] = importance == nullptr ? x[i] * x[i] : importance[i] * std::sqrt(sum + x[i] * x[i]);
}

void putLevels(const float* x, float scale, std::uint8_t* out) {
  const float inverse = scale != 0 ? 1 / scale : 0.0f;
  for (int i = 0; i < 16; ++i) out[i] = static_cast<std::uint8_t>(nearestLevel(inverse * x[i]) | nearestLevel(inverse * x[i + 16]) << 4);
}

}  // namespace

bool encodeIQ4_NL(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  float weight[32];
  for (std::int64_t i = 0; i < columns; i += 32, out += 18) {
    tooLarge.index = i;
    if (isBeyondHalf(x + i, 32, tooLarge.scale)) return false;
    weigh(x + i, 32, importance == nullptr ? nullptr : importance + i, weight);
    const float scale = fitScale(x + i, weight);
    if (!putHalf(scale, i, out, tooLarge)) return false;
    putLevels(x + i, scale, out + 2);
  }
  return true;
}

bool encodeIQ4_XS(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  float weight[256], scales[8];
  for (std::int64_t i = 0; i < columns; i += 256, out += 136) {
    tooLarge.index = i;
    if (isBeyondHalf(x + i, 256, tooLarge.scale)) return false;
    weigh(x + i, 256, importance == nullptr ? nullptr : importance + i, weight);
    for (int k = 0; k < 8; ++k) {
      scales[k] = fitScale(x + i + 32 * k, weight + 32 * k);
      if (std::isfinite(scales[k])) continue;
      tooLarge = {i, scales[k]};
      return false;
    }
    const float d = -largest(scales, 8) / 32;
    const float inverse = d != 0 ? 1 / d : 0.0f;
    std::uint32_t high = 0, low = 0;
    for (int k = 0; k < 8; ++k) {
      const int level = within(-32, 31, nearestInt(inverse * scales[k]));
      putLevels(x + i + 32 * k, d * static_cast<float>(level), out + 8 + 16 * k);
      low |= static_cast<std::uint32_t>((level + 32) & 15) << 4 * k;
      high |= static_cast<std::uint32_t>((level + 32) >> 4) << 2 * k;
    }
    if (!putHalf(d, i, out, tooLarge)) return false;
    storeU16(high, out + 2);
    storeU32(low, out + 4);
  }
  return true;
}

}  // namespace qt::reference
