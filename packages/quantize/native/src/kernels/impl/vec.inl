// Lanes of float32, one block in each: 16, 8 or 4, as wide as the registers. Internal linkage: this file is compiled several
// times under different flags.
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace qt {
namespace {

#define QT_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

typedef float f32v __attribute__((vector_size(4 * lanes)));
typedef std::int32_t i32v __attribute__((vector_size(4 * lanes)));
typedef std::uint32_t u32v __attribute__((vector_size(4 * lanes)));
typedef std::uint16_t u16v __attribute__((vector_size(2 * lanes)));
typedef float f32vu __attribute__((vector_size(4 * lanes), aligned(4), may_alias));
typedef std::uint32_t u32vu __attribute__((vector_size(4 * lanes), aligned(1), may_alias));
typedef std::uint16_t u16vu __attribute__((vector_size(2 * lanes), aligned(1), may_alias));

QT_INLINE f32v load(const float* p) { return *reinterpret_cast<const f32vu*>(p); }
QT_INLINE i32v truncated(f32v x) { return __builtin_convertvector(x, i32v); }
QT_INLINE f32v widened(i32v x) { return __builtin_convertvector(x, f32v); }
QT_INLINE i32v magnitudeBits(f32v x) { return (i32v)x & 0x7fffffff; }
QT_INLINE i32v atMost(i32v most, i32v x) { return x < most ? x : most; }

// x where it is greater (less), else the limit: as the instructions do it, so NaN gives the limit.
QT_INLINE f32v atLeast(float limit, f32v x) {
  const f32v y = f32v{} + limit;
#if defined(__AVX512F__)
  return (f32v)_mm512_max_ps((__m512)x, (__m512)y);
#elif defined(__AVX2__)
  return (f32v)_mm256_max_ps((__m256)x, (__m256)y);
#else
  return x > y ? x : y;
#endif
}
QT_INLINE f32v atMost(float limit, f32v x) {
  const f32v y = f32v{} + limit;
#if defined(__AVX512F__)
  return (f32v)_mm512_min_ps((__m512)x, (__m512)y);
#elif defined(__AVX2__)
  return (f32v)_mm256_min_ps((__m256)x, (__m256)y);
#else
  return x < y ? x : y;
#endif
}
QT_INLINE f32v squareRoot(f32v x) {
#if defined(__AVX512F__)
  return (f32v)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (f32v)_mm256_sqrt_ps((__m256)x);
#else
  for (int l = 0; l < lanes; ++l) x[l] = __builtin_sqrtf(x[l]);
  return x;
#endif
}

constexpr std::int32_t infinity = 0x7f800000;

inline bool allFinite(const float* x, std::int64_t count) {
  std::uint32_t most = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    bits &= 0x7fffffffu;
    most = bits > most ? bits : most;
  }
  return most < static_cast<std::uint32_t>(infinity);
}

QT_INLINE bool any(i32v mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#else
  std::int32_t t[lanes], all = 0;
  std::memcpy(t, &mask, sizeof t);
  for (int i = 0; i < lanes; ++i) all |= t[i];
  return all != 0;
#endif
}

// float16 bits of each lane.
QT_INLINE u32v halfBitsOf(f32v x) {
#if defined(__AVX512F__)
  return (u32v)_mm512_cvtepu16_epi32(_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif defined(__F16C__)
  return (u32v)_mm256_cvtepu16_epi32(_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#else
  const u32v bits = (u32v)x;
  const u32v sign = bits >> 16 & 0x8000u;
  const u32v magnitude = bits & 0x7fffffffu;
  const u32v small = (u32v)((f32v)magnitude + 0.5f) - 0x3f000000u;
  const u32v normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  const u32v finite = magnitude < 0x38800000u ? small : normal;
  return sign | (magnitude >= 0x47800000u ? (u32v{} + 0x7c00u) : finite);
#endif
}
// What float16 keeps of a number, of its bits: exact, subnormals too; infinity and NaN become numbers.
QT_INLINE f32v floatOfHalfBits(u32v bits) {
  const f32v magnitude = (f32v)((bits & 0x7fffu) << 13) * 0x1p112f;
  return (f32v)((u32v)magnitude | (bits & 0x8000u) << 16);
}
QT_INLINE i32v halfOverflows(u32v bits) { return (bits & 0x7c00u) == 0x7c00u; }

QT_INLINE f32v zipLow(f32v a, f32v b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#else
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}
QT_INLINE f32v zipHigh(f32v a, f32v b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}

// Rows to columns: log₂(lanes) perfect shuffles of the rows as one long sequence.
QT_INLINE void transpose(f32v m[lanes]) {
  for (int round = 1; round < lanes; round *= 2) {
    f32v t[lanes];
    for (int i = 0; i < lanes / 2; ++i) {
      t[2 * i] = zipLow(m[i], m[i + lanes / 2]);
      t[2 * i + 1] = zipHigh(m[i], m[i + lanes / 2]);
    }
    for (int i = 0; i < lanes; ++i) m[i] = t[i];
  }
}

// x[i] holds value i of each block, of `lanes` blocks `stride` values apart.
template <int size>
QT_INLINE void loadBlocks(const float* values, std::int64_t stride, f32v x[size]) {
#pragma GCC unroll 1
  for (int group = 0; group < size / lanes; ++group) {
    f32v m[lanes];
    for (int l = 0; l < lanes; ++l) m[l] = load(values + l * stride + group * lanes);
    transpose(m);
    for (int i = 0; i < lanes; ++i) x[group * lanes + i] = m[i];
  }
}

// Word k of lane l goes to byte `at` + 4k of block l.
template <int count, int blockBytes>
QT_INLINE void storeWords(const u32v w[count], int at, std::uint8_t* out) {
  std::uint32_t t[count][lanes];
  std::memcpy(t, w, sizeof t);
  for (int l = 0; l < lanes; ++l)
    for (int k = 0; k < count; ++k) std::memcpy(out + l * blockBytes + at + 4 * k, &t[k][l], 4);
}
template <int blockBytes>
QT_INLINE void storeHalves(u32v bits, int at, std::uint8_t* out) {
  std::uint32_t t[lanes];
  std::memcpy(t, &bits, sizeof t);
  for (int l = 0; l < lanes; ++l) {
    const std::uint16_t half = static_cast<std::uint16_t>(t[l]);
    std::memcpy(out + l * blockBytes + at, &half, 2);
  }
}

}  // namespace
}  // namespace qt
