// Types with 32 values a block. Without importance one formula; where that divides by nothing (or by so little that the quotient
// is infinite and what follows undefined), every value becomes zero. With importance a search, errors weighted by
// importance·√(mean of the row's squares + x²).
#include "formats.hpp"
#include "search.hpp"

namespace qt::reference {
namespace {

constexpr int block = 32;

struct Range {
  float min, max;
};
Range rangeOf(const float* x) {
  Range r{x[0], x[0]};
  for (int i = 1; i < block; ++i) {
    if (x[i] < r.min) r.min = x[i];
    if (x[i] > r.max) r.max = x[i];
  }
  return r;
}

float inverseOf(float d) {
  const float quotient = 1.0f / d;
  return std::isfinite(quotient) ? quotient : 0.0f;
}

float meanSquare(const float* x, std::int64_t columns) {
  float sum = 0;
  for (std::int64_t i = 0; i < columns; ++i) sum += x[i] * x[i];
  return sum / static_cast<float>(columns);
}

void weigh(const float* x, const float* importance, float meanSquare, float* weights) {
  for (int i = 0; i < block; ++i) weights[i] = importance[i] * std::sqrt(meanSquare + x[i] * x[i]);
}

void putNibbles(const int* q, std::uint8_t* out) {
  for (int i = 0; i < 16; ++i) out[i] = static_cast<std::uint8_t>((q[i] & 15) | ((q[i + 16] & 15) << 4));
}
void putFifthBits(const int* q, std::uint8_t* out) {
  std::uint32_t bits = 0;
  for (int i = 0; i < block; ++i) bits |= static_cast<std::uint32_t>(q[i] >> 4 & 1) << i;
  std::memcpy(out, &bits, sizeof bits);
}

// x = d·(q − half), q from 0 to 2·half − 1; without importance the value of largest magnitude gets q = 0.
template <int half, int bytes>
bool encodeSymmetric(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  const float mean = importance != nullptr ? meanSquare(x, columns) : 0.0f;
  for (std::int64_t at = 0; at < columns; at += block, out += bytes) {
    float d;
    int q[block];
    if (importance != nullptr) {
      float weights[block];
      weigh(x + at, importance + at, mean, weights);
      d = fitSymmetric(block, half, x + at, weights, q);
    } else {
      d = largest(x + at, block) / static_cast<float>(-half);
      const float inverse = inverseOf(d);
      for (int i = 0; i < block; ++i) q[i] = std::min(2 * half - 1, static_cast<int>(x[at + i] * inverse + (static_cast<float>(half) + 0.5f)));
    }
    if (!putHalf(d, at, out, tooLarge)) return false;
    if (half == 16) putFifthBits(q, out + 2);
    putNibbles(q, out + bytes - 16);
  }
  return true;
}

// x = d·q + m, q from 0 to `most`
template <int most, int bytes>
bool encodeAffine(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  const float mean = importance != nullptr ? meanSquare(x, columns) : 0.0f;
  for (std::int64_t at = 0; at < columns; at += block, out += bytes) {
    float d, min;
    int q[block];
    if (importance != nullptr) {
      float weights[block];
      weigh(x + at, importance + at, mean, weights);
      const Affine fit = fitAffine(block, most, x + at, weights, {-0.9f, 0.05f, 36, false}, q);
      d = fit.scale;
      min = -fit.min;
    } else {
      const Range r = rangeOf(x + at);
      d = (r.max - r.min) / static_cast<float>(most);
      min = r.min;
    }
    // Before the levels: of a range that is infinite none could be computed.
    if (!putHalf(d, at, out, tooLarge) || !putHalf(min, at, out + 2, tooLarge)) return false;
    if (importance == nullptr) {
      const float inverse = inverseOf(d);
      for (int i = 0; i < block; ++i) q[i] = std::min(most, static_cast<int>((x[at + i] - min) * inverse + 0.5f));
    }
    if (most == 31) putFifthBits(q, out + 4);
    putNibbles(q, out + bytes - 16);
  }
  return true;
}

}  // namespace

bool encodeQ4_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encodeSymmetric<8, 18>(x, columns, importance, out, tooLarge);
}
bool encodeQ5_0(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encodeSymmetric<16, 22>(x, columns, importance, out, tooLarge);
}
bool encodeQ4_1(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encodeAffine<15, 20>(x, columns, importance, out, tooLarge);
}
bool encodeQ5_1(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encodeAffine<31, 24>(x, columns, importance, out, tooLarge);
}

bool encodeQ8_0(const float* x, std::int64_t columns, const float*, std::uint8_t* out, TooLarge& tooLarge) {
  for (std::int64_t at = 0; at < columns; at += block, out += 34) {
    const float d = std::fabs(largest(x + at, block)) / 127.0f;
    const float inverse = inverseOf(d);
    for (int i = 0; i < block; ++i) out[2 + i] = static_cast<std::uint8_t>(static_cast<int>(std::round(x[at + i] * inverse)));
    if (!putHalf(d, at, out, tooLarge)) return false;
  }
  return true;
}

}  // namespace qt::reference
