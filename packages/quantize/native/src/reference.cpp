// One value after the other, in the order of ggml-quants.c. Where that divides by nothing (or by so little that the
// quotient is infinite and what follows undefined), every value becomes zero.
#include <cmath>
#include <cstring>

#include "encode.hpp"
#include "halves.hpp"

namespace qt {
namespace {

constexpr int block = 32;

// The first value of largest magnitude, with its sign.
float largest(const float* x) {
  float magnitude = 0, value = 0;
  for (int i = 0; i < block; ++i) {
    if (!(magnitude < std::fabs(x[i]))) continue;
    magnitude = std::fabs(x[i]);
    value = x[i];
  }
  return value;
}

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

float inverse(float d) {
  const float quotient = 1.0f / d;
  return std::isfinite(quotient) ? quotient : 0.0f;
}

// False when the stored number would be infinite.
bool putHalf(float value, std::uint8_t* out) {
  const std::uint16_t bits = halfBits(value);
  std::memcpy(out, &bits, sizeof bits);
  return (bits & 0x7c00) != 0x7c00;
}

void putNibbles(const int* q, std::uint8_t* out) {
  for (int i = 0; i < 16; ++i) out[i] = static_cast<std::uint8_t>((q[i] & 15) | ((q[i + 16] & 15) << 4));
}
void putFifthBits(const int* q, std::uint8_t* out) {
  std::uint32_t bits = 0;
  for (int i = 0; i < block; ++i) bits |= static_cast<std::uint32_t>(q[i] >> 4 & 1) << i;
  std::memcpy(out, &bits, sizeof bits);
}

int atMost(int most, int q) { return q < most ? q : most; }

// x = d·(q − half), q from 0 to 2·half − 1; the value of largest magnitude gets q = 0.
bool symmetric(const float* x, int half, float& d, int* q, std::uint8_t* out) {
  d = largest(x) / static_cast<float>(-half);
  const float id = inverse(d);
  for (int i = 0; i < block; ++i) q[i] = atMost(2 * half - 1, static_cast<int>(x[i] * id + (static_cast<float>(half) + 0.5f)));
  return putHalf(d, out);
}

// x = d·q + m, q from 0 to `most`. `d` is what was refused, when something was.
bool affine(const float* x, int most, float& d, int* q, std::uint8_t* out) {
  const Range r = rangeOf(x);
  d = (r.max - r.min) / static_cast<float>(most);
  const float id = inverse(d);
  for (int i = 0; i < block; ++i) q[i] = atMost(most, static_cast<int>((x[i] - r.min) * id + 0.5f));
  if (!putHalf(d, out)) return false;
  if (putHalf(r.min, out + 2)) return true;
  d = r.min;
  return false;
}

bool encodeBlock(TensorType type, const float* x, std::uint8_t* out, float& scale) {
  int q[block];
  switch (type) {
    case TensorType::F16: scale = x[0]; return putHalf(x[0], out);
    case TensorType::BF16: {
      const std::uint16_t bits = bfloatBits(x[0]);
      std::memcpy(out, &bits, sizeof bits);
      scale = x[0];
      return (bits & 0x7f80) != 0x7f80;
    }
    case TensorType::Q8_0: {
      scale = std::fabs(largest(x)) / 127.0f;
      const float id = inverse(scale);
      for (int i = 0; i < block; ++i) out[2 + i] = static_cast<std::uint8_t>(static_cast<int>(std::round(x[i] * id)));
      return putHalf(scale, out);
    }
    case TensorType::Q4_0: {
      const bool fits = symmetric(x, 8, scale, q, out);
      putNibbles(q, out + 2);
      return fits;
    }
    case TensorType::Q5_0: {
      const bool fits = symmetric(x, 16, scale, q, out);
      putFifthBits(q, out + 2);
      putNibbles(q, out + 6);
      return fits;
    }
    case TensorType::Q4_1: {
      const bool fits = affine(x, 15, scale, q, out);
      putNibbles(q, out + 4);
      return fits;
    }
    case TensorType::Q5_1: {
      const bool fits = affine(x, 31, scale, q, out);
      putFifthBits(q, out + 4);
      putNibbles(q, out + 8);
      return fits;
    }
    default: return false;
  }
}

}  // namespace

Fault encodeReference(TensorType type, const float* values, std::int64_t count, std::uint8_t* out) {
  for (std::int64_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i])) return {Fault::Kind::NotFinite, i, values[i]};
  const auto [size, bytes] = blockTraits(type);
  float scale = 0;
  for (std::int64_t i = 0; i < count; i += size, out += bytes)
    if (!encodeBlock(type, values + i, out, scale)) return {Fault::Kind::OutOfRange, i, scale};
  return {};
}

}  // namespace qt
