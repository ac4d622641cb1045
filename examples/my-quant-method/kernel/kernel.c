// src/method.ts in C, operation by operation, so that both write the same bytes. Built into ../src/kernel.ts by build.mjs.
#include <stdint.h>

enum { size = 32, bytes = 18 };

static uint32_t bits_of(float x) { return (union { float f; uint32_t u; }){x}.u; }
static float float_of(uint32_t u) { return (union { uint32_t u; float f; }){.u = u}.f; }

// The nearest float16, of two the even one.
static uint16_t half_of(float x) {
  const uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | (bits_of(float_of(magnitude) + 0.5f) - 0x3f000000);
  return sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
}

static float float_of_half(uint16_t half) {
  const uint32_t bits = half & 0x7fff;
  // Exponent 31 is infinity. The error of such a scale is NaN, which is less than nothing: it is never taken.
  const float magnitude = bits >= 0x7c00 ? float_of(bits << 13 | 0x7f800000) : float_of(bits << 13) * 0x1p112f;
  return half & 0x8000 ? -magnitude : magnitude;
}

// As Math.round: halves go up.
static inline double level(double value, double scale) {
  const double x = value / scale, below = __builtin_floor(x);
  const double q = below + (x - below >= 0.5 ? 9 : 8);
  return scale == 0 ? 8 : q < 0 ? 0 : q > 15 ? 15 : q;
}

__attribute__((export_name("encode"))) int encode(const float *values, uint8_t *out, const float *importance, int blocks) {
  for (int b = 0; b < blocks; b++, values += size, out += bytes) {
    double furthest = 0;
    for (int i = 0; i < size; i++)
      if (__builtin_fabs(values[i]) > __builtin_fabs(furthest)) furthest = values[i];
    if (__builtin_fabs(furthest) / 8 > 60000) return b + 1;
    double scale = 0, least = __builtin_inf();
    for (int n = 0; n < 19; n++) {
      // As it will be stored.
      const double tried = float_of_half(half_of((float)(furthest / (-8.9 + n / 10.0))));
      // Apart from the sum, which keeps its order: what is left can be done two at a time.
      double off[size], error = 0;
      for (int i = 0; i < size; i++) off[i] = values[i] - tried * (level(values[i], tried) - 8);
      for (int i = 0; i < size; i++) error += (importance ? importance[b * size + i] : 1.0) * off[i] * off[i];
      if (error < least) {
        least = error;
        scale = tried;
      }
    }
    const uint16_t half = half_of((float)scale);
    out[0] = half & 255;
    out[1] = half >> 8;
    for (int i = 0; i < 16; i++) out[2 + i] = (int)level(values[i], scale) | (int)level(values[i + 16], scale) << 4;
  }
  return 0;
}

__attribute__((export_name("decode"))) void decode(const uint8_t *blocks, float *out, int count) {
  for (int b = 0; b < count; b++, blocks += bytes, out += size) {
    const float scale = float_of_half(blocks[0] | blocks[1] << 8);
    for (int i = 0; i < 16; i++) {
      out[i] = ((blocks[2 + i] & 15) - 8) * scale;
      out[i + 16] = ((blocks[2 + i] >> 4) - 8) * scale;
    }
  }
}
