// Sixteen float32 lanes, whatever the registers of the processor: the compiler splits them, so every instruction set
// sums in the same order. Internal linkage: this file is compiled several times under different flags.
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#include <arm_neon.h>
#endif

namespace qt {
namespace {

typedef float f32x16 __attribute__((vector_size(64)));
typedef std::int32_t i32x16 __attribute__((vector_size(64)));
typedef std::uint32_t u32x16 __attribute__((vector_size(64)));
typedef std::uint16_t u16x16 __attribute__((vector_size(32)));
typedef float f32x16u __attribute__((vector_size(64), aligned(4), may_alias));
typedef std::uint16_t u16x16u __attribute__((vector_size(32), aligned(2), may_alias));

constexpr int lanes = 16;
using bf16 = std::uint16_t;

#define QT_INLINE static inline __attribute__((always_inline))

QT_INLINE f32x16 splat(float x) { return x - f32x16{}; }
QT_INLINE f32x16 load(const float* p) { return *reinterpret_cast<const f32x16u*>(p); }
QT_INLINE void store(float* p, f32x16 v) { *reinterpret_cast<f32x16u*>(p) = v; }

QT_INLINE float widen(bf16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}
// To nearest, ties to even; NaN stays NaN.
QT_INLINE bf16 narrow(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if (x != x) return static_cast<bf16>((bits >> 16) | 0x40);
  return static_cast<bf16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

QT_INLINE f32x16 load(const bf16* p) {
  const u16x16 raw = *reinterpret_cast<const u16x16u*>(p);
  return (f32x16)(__builtin_convertvector(raw, u32x16) << 16);
}
QT_INLINE u16x16 narrow(f32x16 v) {
#if defined(__AVX512BF16__)
  return (u16x16)_mm512_cvtneps_pbh((__m512)v);
#else
  const u32x16 bits = (u32x16)v;
  const u32x16 rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const u32x16 quiet = (bits >> 16) | 0x40;
  return __builtin_convertvector((v != v) ? quiet : rounded, u16x16);
#endif
}
QT_INLINE void store(bf16* p, f32x16 v) { *reinterpret_cast<u16x16u*>(p) = narrow(v); }

QT_INLINE float value(const float* p) { return *p; }
QT_INLINE float value(const bf16* p) { return widen(*p); }
QT_INLINE void put(float* p, float v) { *p = v; }
QT_INLINE void put(bf16* p, float v) { *p = narrow(v); }

QT_INLINE f32x16 maximum(f32x16 a, f32x16 b) { return a > b ? a : b; }
QT_INLINE f32x16 minimum(f32x16 a, f32x16 b) { return a < b ? a : b; }

typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x4 __attribute__((vector_size(16)));

// A fixed tree: 16 → 8 → 4 → 2 → 1.
QT_INLINE float total(f32x16 v) {
  const f32x8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  const f32x4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
  const f32x4 c = b + __builtin_shufflevector(b, b, 2, 3, 2, 3);
  return c[0] + c[1];
}
QT_INLINE float highest(f32x16 v) {
  f32x8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  const f32x8 high = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  a = a > high ? a : high;
  f32x4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3);
  const f32x4 c = __builtin_shufflevector(a, a, 4, 5, 6, 7);
  b = b > c ? b : c;
  const f32x4 d = __builtin_shufflevector(b, b, 2, 3, 2, 3);
  b = b > d ? b : d;
  return b[0] > b[1] ? b[0] : b[1];
}

// Word i of register r becomes word r of register i, in each quarter for itself.
QT_INLINE void transposeQuarters(const u32x16 x[4], u32x16 out[4]) {
  u32x16 t[4];
  for (int i = 0; i < 4; i += 2) {
    t[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    t[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
  for (int j = 0; j < 2; ++j) {
    out[2 * j] = __builtin_shufflevector(t[j], t[j + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    out[2 * j + 1] = __builtin_shufflevector(t[j], t[j + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
}

// Transposes a 16×16 square of 32-bit words held in registers: words, pairs, then 128-bit quarters change places.
QT_INLINE void transpose(u32x16 m[16]) {
  u32x16 t[16];
  for (int i = 0; i < 16; i += 4) transposeQuarters(m + i, t + i);
  // t[4g + c] holds columns c, c+4, c+8, c+12 of rows 4g … 4g+3, one in each quarter.
  for (int c = 0; c < 4; ++c) {
    const u32x16 a = __builtin_shufflevector(t[c], t[4 + c], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    const u32x16 b = __builtin_shufflevector(t[c], t[4 + c], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const u32x16 e = __builtin_shufflevector(t[8 + c], t[12 + c], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    const u32x16 f = __builtin_shufflevector(t[8 + c], t[12 + c], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    m[c] = __builtin_shufflevector(a, e, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    m[8 + c] = __builtin_shufflevector(a, e, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    m[4 + c] = __builtin_shufflevector(b, f, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    m[12 + c] = __builtin_shufflevector(b, f, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
}

#if defined(__AVX512F__)
// eˣ to about 2 ulp: 2 to the power of x·log₂e = n + r, a polynomial in r (Cephes), then the exponent. Below −87 it is exactly 0. The same as
// below in half the instructions, for these have rounding, scaling and masks of their own.
QT_INLINE f32x16 exponential(f32x16 x) {
  constexpr __mmask16 all = 0xffff;  // GCC 12 warns of the forms without a mask
  const __m512 v = _mm512_maskz_min_ps(all, _mm512_set1_ps(88.3f), (__m512)x);  // NaN stays NaN
  const __m512 high = _mm512_set1_ps(1.44269502162933349609f);
  const __m512 n = _mm512_maskz_roundscale_ps(all, _mm512_mul_ps(v, high), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const f32x16 r = (f32x16)_mm512_fmadd_ps(v, _mm512_set1_ps(1.92596299e-8f), _mm512_fmsub_ps(v, high, n));
  f32x16 p = splat(1.535336188319500e-4f);
  p = p * r + 1.339887440266574e-3f;
  p = p * r + 9.618437357674640e-3f;
  p = p * r + 5.550332471162809e-2f;
  p = p * r + 2.402264791363012e-1f;
  p = p * r + 6.931472028550421e-1f;
  p = p * r + 1.0f;
  const __mmask16 seen = _mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(-87.3f), _CMP_NLT_UQ);
  return (f32x16)_mm512_maskz_scalef_ps(seen, (__m512)p, n);
}
#else
// eˣ to about 1 ulp (Cephes): x = n·ln2 + r, a polynomial in r, then the exponent. Below −87 it is exactly 0.
QT_INLINE f32x16 exponential(f32x16 x) {
  const f32x16 clamped = minimum(maximum(x, splat(-87.3f)), splat(88.3f));
  const f32x16 magic = splat(12582912.0f);  // 1.5·2²³: adding it rounds to an integer
  const f32x16 n = (clamped * 1.44269504088896341f + magic) - magic;
  const f32x16 r = clamped - n * 0.693359375f + n * 2.12194440e-4f;
  f32x16 p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const f32x16 y = p * r * r + r + 1.0f;
  const i32x16 scale = (__builtin_convertvector(n, i32x16) + 127) << 23;
  const f32x16 result = y * (f32x16)scale;
  return x < -87.3f ? f32x16{} : (x != x ? x : result);
}
#endif

// A tail of fewer than 16 elements goes through a padded register, so that it computes as the rest does.
template <class T>
QT_INLINE f32x16 loadSome(const T* p, std::int64_t count, float fill = 0.0f) {
  if (count >= lanes) return load(p);
  float t[lanes];
  for (int i = 0; i < lanes; ++i) t[i] = i < count ? value(p + i) : fill;
  return load(t);
}
template <class T>
QT_INLINE void storeSome(T* p, f32x16 v, std::int64_t count) {
  if (count >= lanes) return store(p, v);
  float t[lanes];
  store(t, v);
  for (int i = 0; i < count; ++i) put(p + i, t[i]);
}
#if defined(__AVX512F__)
// The same by masks.
QT_INLINE __mmask16 firstOf(std::int64_t count) { return static_cast<__mmask16>(count <= 0 ? 0 : (1u << count) - 1); }
QT_INLINE f32x16 loadSome(const float* p, std::int64_t count, float fill = 0.0f) {
  if (count >= lanes) return load(p);
  return (f32x16)_mm512_mask_loadu_ps(_mm512_set1_ps(fill), firstOf(count), p);
}
QT_INLINE f32x16 loadSome(const bf16* p, std::int64_t count, float fill = 0.0f) {
  if (count >= lanes) return load(p);
  const f32x16 wide = (f32x16)(__builtin_convertvector((u16x16)_mm256_maskz_loadu_epi16(firstOf(count), p), u32x16) << 16);
  return (f32x16)_mm512_mask_mov_ps(_mm512_set1_ps(fill), firstOf(count), (__m512)wide);
}
QT_INLINE void storeSome(float* p, f32x16 v, std::int64_t count) {
  if (count >= lanes) return store(p, v);
  _mm512_mask_storeu_ps(p, firstOf(count), (__m512)v);
}
QT_INLINE void storeSome(bf16* p, f32x16 v, std::int64_t count) {
  if (count >= lanes) return store(p, v);
  _mm256_mask_storeu_epi16(p, firstOf(count), (__m256i)narrow(v));
}
#endif

}  // namespace
}  // namespace qt
