// Thirty-two bytes and their products. `dotSmall` and `dotSigned` give eight sums of four neighbouring products each.
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <qt/blocks.hpp>

#include "../dots.hpp"

namespace qt {
namespace {

typedef std::int8_t i8x32 __attribute__((vector_size(32)));
typedef std::uint8_t u8x32 __attribute__((vector_size(32)));
typedef std::uint16_t u16x16 __attribute__((vector_size(32)));
typedef std::int32_t i32x8 __attribute__((vector_size(32)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef std::uint8_t u8x16 __attribute__((vector_size(16)));
typedef i8x32 i8x32u __attribute__((aligned(1), may_alias));
typedef u8x32 u8x32u __attribute__((aligned(1), may_alias));
typedef u8x16 u8x16u __attribute__((aligned(1), may_alias));
typedef f32x8 f32x8u __attribute__((aligned(4), may_alias));

#define QT_INLINE static inline __attribute__((always_inline))

QT_INLINE f32x8 spread(float x) { return x - f32x8{}; }
QT_INLINE f32x8 floats(const float* p) { return *reinterpret_cast<const f32x8u*>(p); }
QT_INLINE u8x32 bytes32(const std::uint8_t* p) { return *reinterpret_cast<const u8x32u*>(p); }
QT_INLINE i8x32 signed32(const std::int8_t* p) { return *reinterpret_cast<const i8x32u*>(p); }

// Sixteen bytes twice.
QT_INLINE u8x32 twice(const std::uint8_t* p) {
  const u8x16 v = *reinterpret_cast<const u8x16u*>(p);
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
// Every byte shifted right by N, its upper bits those of its neighbour: to be masked.
template <int N>
QT_INLINE u8x32 right(u8x32 v) { return (u8x32)((u16x16)v >> N); }
template <int N>
QT_INLINE u8x32 left(u8x32 v) { return (u8x32)((u16x16)v << N); }
QT_INLINE u8x32 mask(u8x32 v, std::uint8_t bits) { return v & (bits - u8x32{}); }

#if defined(__AVX2__)

// Each product of the first kind has bytes of 0 … 127 on the left, so that pairs fit into 16 bits without VNNI.
QT_INLINE i32x8 dotSmall(u8x32 w, i8x32 x) {
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
  return (i32x8)_mm256_dpbusd_epi32(_mm256_setzero_si256(), (__m256i)w, (__m256i)x);
#elif defined(__AVXVNNI__)
  return (i32x8)_mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), (__m256i)w, (__m256i)x);
#else
  return (i32x8)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)w, (__m256i)x), _mm256_set1_epi16(1));
#endif
}
// The sign goes over to the activations, which are never −128: 128·127 twice still fits.
QT_INLINE i32x8 dotSigned(i8x32 w, i8x32 x) {
  const __m256i size = _mm256_sign_epi8((__m256i)w, (__m256i)w), with = _mm256_sign_epi8((__m256i)x, (__m256i)w);
  return dotSmall((u8x32)size, (i8x32)with);
}
QT_INLINE i8x32 lookUp32(const std::int8_t* table, u8x32 index) {
  return (i8x32)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), (__m256i)index);
}
// The lower nibbles in the first half, the upper ones in the second.
QT_INLINE u8x32 nibbles(const std::uint8_t* p) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return mask((u8x32)_mm256_inserti128_si256(_mm256_castsi128_si256(v), _mm_srli_epi16(v, 4), 1), 15);
}
// Byte j is `bit` where bit j of the word is set.
QT_INLINE u8x32 spreadWord(std::uint32_t word, std::uint8_t bit) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  return (u8x32)_mm256_maskz_set1_epi8(word, static_cast<char>(bit));
#else
  const __m256i each = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(word)),
                                           _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
  const __m256i bits = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201ull));
  return mask((u8x32)_mm256_cmpeq_epi8(_mm256_and_si256(each, bits), bits), bit);
#endif
}
// Eight small integers as floats.
QT_INLINE f32x8 floatsOf(std::uint64_t eight) {
  return (f32x8)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(eight))));
}

#else

#if defined(__ARM_FEATURE_DOTPROD)
QT_INLINE i32x8 dotSigned(i8x32 w, i8x32 x) {
  int8x16_t a[2], b[2];
  std::memcpy(a, &w, 32);
  std::memcpy(b, &x, 32);
  const int32x4_t sums[2] = {vdotq_s32(vdupq_n_s32(0), a[0], b[0]), vdotq_s32(vdupq_n_s32(0), a[1], b[1])};
  i32x8 out;
  std::memcpy(&out, sums, 32);
  return out;
}
#elif defined(__SSE2__)
// Words of both halves, multiplied in pairs; then pairs of pairs are added.
QT_INLINE __m128i fours(__m128i w, __m128i x) {
  const __m128i low = _mm_madd_epi16(_mm_srai_epi16(_mm_unpacklo_epi8(w, w), 8), _mm_srai_epi16(_mm_unpacklo_epi8(x, x), 8));
  const __m128i high = _mm_madd_epi16(_mm_srai_epi16(_mm_unpackhi_epi8(w, w), 8), _mm_srai_epi16(_mm_unpackhi_epi8(x, x), 8));
  const __m128 l = _mm_castsi128_ps(low), h = _mm_castsi128_ps(high);
  return _mm_add_epi32(_mm_castps_si128(_mm_shuffle_ps(l, h, 0x88)), _mm_castps_si128(_mm_shuffle_ps(l, h, 0xdd)));
}
QT_INLINE i32x8 dotSigned(i8x32 w, i8x32 x) {
  __m128i a[2], b[2];
  std::memcpy(a, &w, 32);
  std::memcpy(b, &x, 32);
  const __m128i sums[2] = {fours(a[0], b[0]), fours(a[1], b[1])};
  i32x8 out;
  std::memcpy(&out, sums, 32);
  return out;
}
#else
QT_INLINE i32x8 dotSigned(i8x32 w, i8x32 x) {
  i32x8 out{};
  for (int i = 0; i < 32; ++i) out[i / 4] += static_cast<int>(w[i]) * x[i];
  return out;
}
#endif

QT_INLINE i32x8 dotSmall(u8x32 w, i8x32 x) { return dotSigned((i8x32)w, x); }
QT_INLINE i8x32 lookUp32(const std::int8_t* table, u8x32 index) {
  i8x32 out;
#if defined(__aarch64__)
  uint8x16_t in[2];
  std::memcpy(in, &index, 32);
  const int8x16_t values = vld1q_s8(table), found[2] = {vqtbl1q_s8(values, in[0]), vqtbl1q_s8(values, in[1])};
  std::memcpy(&out, found, 32);
#else
  std::uint8_t in[32];
  std::int8_t found[32];
  std::memcpy(in, &index, 32);
  for (int i = 0; i < 32; ++i) found[i] = table[in[i]];
  std::memcpy(&out, found, 32);
#endif
  return out;
}
QT_INLINE u8x32 nibbles(const std::uint8_t* p) {
  const u8x16 v = *reinterpret_cast<const u8x16u*>(p), low = v & (15 - u8x16{}), high = v >> 4;
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                                 30, 31);
}
QT_INLINE u8x32 spreadWord(std::uint32_t word, std::uint8_t bit) {
  std::uint64_t eights[4];
  for (int i = 0; i < 4; ++i) eights[i] = spreadBits(word >> (8 * i));
  u8x32 out;
  std::memcpy(&out, eights, 32);
  return mask(out, bit);
}
QT_INLINE f32x8 floatsOf(std::uint64_t eight) {
  f32x8 out;
  for (int i = 0; i < 8; ++i) out[i] = static_cast<float>(eight >> (8 * i) & 255);
  return out;
}

#endif

// A fixed tree: 8 → 4 → 2 → 1.
QT_INLINE float total(f32x8 v) {
  typedef float f32x4 __attribute__((vector_size(16)));
  const f32x4 a = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
  const f32x4 b = a + __builtin_shufflevector(a, a, 2, 3, 2, 3);
  return b[0] + b[1];
}

}  // namespace
}  // namespace qt
