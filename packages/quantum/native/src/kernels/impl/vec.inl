// Vectors of 64 bytes by the compiler's extension, whatever the registers: so every machine draws the same numbers.
#include <cstdint>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

#include "../../kernels.hpp"

namespace qt::anneal {
namespace {

using F32 = float __attribute__((vector_size(64)));
using I32 = std::int32_t __attribute__((vector_size(64)));
using U32 = std::uint32_t __attribute__((vector_size(64)));
using I16 = std::int16_t __attribute__((vector_size(64)));
using I16Half = std::int16_t __attribute__((vector_size(32)));
using I8Half = std::int8_t __attribute__((vector_size(32)));
using I8Quarter = std::int8_t __attribute__((vector_size(16)));
using I64 = std::int64_t __attribute__((vector_size(64)));
using I32Half = std::int32_t __attribute__((vector_size(32)));

template <class T> struct VecOf;
template <> struct VecOf<std::int16_t> { using type = I16; };
template <> struct VecOf<std::int32_t> { using type = I32; };
template <class T> using Vec = typename VecOf<T>::type;
template <class T> constexpr int lanesOf = 64 / static_cast<int>(sizeof(T));

template <class V, class P> inline V load(const P* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class P> inline void store(P* p, const V& v) { __builtin_memcpy(p, &v, sizeof v); }

// One bit for each lane where a ≤ b.
inline std::uint32_t lessEqual(const I16& a, const I16& b) {
#if defined(__AVX512BW__)
  return _mm512_cmple_epi16_mask((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  __m256i x[2], y[2];
  __builtin_memcpy(x, &a, 64);
  __builtin_memcpy(y, &b, 64);
  const __m256i packed = _mm256_packs_epi16(_mm256_cmpgt_epi16(x[0], y[0]), _mm256_cmpgt_epi16(x[1], y[1]));
  return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_permute4x64_epi64(packed, 0xd8)));
#elif defined(__SSE2__)
  __m128i x[4], y[4];
  __builtin_memcpy(x, &a, 64);
  __builtin_memcpy(y, &b, 64);
  const auto low = _mm_movemask_epi8(_mm_packs_epi16(_mm_cmpgt_epi16(x[0], y[0]), _mm_cmpgt_epi16(x[1], y[1])));
  const auto high = _mm_movemask_epi8(_mm_packs_epi16(_mm_cmpgt_epi16(x[2], y[2]), _mm_cmpgt_epi16(x[3], y[3])));
  return ~(static_cast<std::uint32_t>(low) | static_cast<std::uint32_t>(high) << 16);
#elif defined(__wasm_simd128__)
  v128_t x[4], y[4];
  __builtin_memcpy(x, &a, 64);
  __builtin_memcpy(y, &b, 64);
  const v128_t low = wasm_i8x16_narrow_i16x8(wasm_i16x8_le(x[0], y[0]), wasm_i16x8_le(x[1], y[1]));
  const v128_t high = wasm_i8x16_narrow_i16x8(wasm_i16x8_le(x[2], y[2]), wasm_i16x8_le(x[3], y[3]));
  return wasm_i8x16_bitmask(low) | static_cast<std::uint32_t>(wasm_i8x16_bitmask(high)) << 16;
#else
  std::uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<std::uint32_t>(a[i] <= b[i]) << i;
  return bits;
#endif
}

inline std::uint32_t lessEqual(const I32& a, const I32& b) {
#if defined(__AVX512F__)
  return _mm512_cmple_epi32_mask((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  __m256i x[2], y[2];
  __builtin_memcpy(x, &a, 64);
  __builtin_memcpy(y, &b, 64);
  const auto low = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(x[0], y[0])));
  const auto high = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(x[1], y[1])));
  return 0xffffu & ~static_cast<std::uint32_t>(low | high << 8);
#elif defined(__SSE2__)
  __m128i x[4], y[4];
  __builtin_memcpy(x, &a, 64);
  __builtin_memcpy(y, &b, 64);
  std::uint32_t bits = 0;
  for (int k = 0; k < 4; ++k) bits |= static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpgt_epi32(x[k], y[k])))) << 4 * k;
  return 0xffffu & ~bits;
#elif defined(__wasm_simd128__)
  v128_t x[4], y[4];
  __builtin_memcpy(x, &a, 64);
  __builtin_memcpy(y, &b, 64);
  std::uint32_t bits = 0;
  for (int k = 0; k < 4; ++k) bits |= static_cast<std::uint32_t>(wasm_i32x4_bitmask(wasm_i32x4_le(x[k], y[k]))) << 4 * k;
  return bits;
#else
  std::uint32_t bits = 0;
  for (int i = 0; i < 16; ++i) bits |= static_cast<std::uint32_t>(a[i] <= b[i]) << i;
  return bits;
#endif
}

// All ones in one lane, zeros elsewhere.
template <class T> struct OneHot {
  alignas(64) T rows[lanesOf<T>][lanesOf<T>];
};
template <class T> constexpr OneHot<T> makeOneHot() {
  OneHot<T> table{};
  for (int i = 0; i < lanesOf<T>; ++i) table.rows[i][i] = static_cast<T>(-1);
  return table;
}
template <class T> inline constexpr OneHot<T> oneHot = makeOneHot<T>();

inline I16 joined(const I32& low, const I32& high) {
  const I16Half a = __builtin_convertvector(low, I16Half), b = __builtin_convertvector(high, I16Half);
  I16 v;
  __builtin_memcpy(&v, &a, 32);
  __builtin_memcpy(reinterpret_cast<char*>(&v) + 32, &b, 32);
  return v;
}

}  // namespace
}  // namespace qt::anneal
