// The second half of every quantised decoder: small integers, one in a byte, become floats under a scale and an offset.
// Compilers vectorise work on bytes well and the widening to floats badly, so the widening alone is spelled out here.
#pragma once

#include "half.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace qt {

// The bytes are read eight at a time because that is how the decoders write them: a wider load of narrower stores waits.
#if defined(__AVX512F__)
static inline __m512 widen(const std::int8_t* q) {
    const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(q));
    const __m128i high = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(q + 8));
    // Masked forms, since GCC 12 warns of uninitialised variables inside its own unmasked ones.
    return _mm512_maskz_cvtepi32_ps(0xFFFF, _mm512_maskz_cvtepi8_epi32(0xFFFF, _mm_unpacklo_epi64(low, high)));
}
#elif defined(__AVX2__)
static inline __m256 widen(const std::int8_t* q) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(q))));
}
#elif defined(__SSE2__)
static inline __m128 widenHalf(__m128i twice) { return _mm_cvtepi32_ps(_mm_srai_epi32(twice, 24)); }
#endif

// out = d·q for N bytes, N a multiple of 16
template <int N>
static inline void scaleBytes(const std::int8_t* QT_RESTRICT q, float d, float* QT_RESTRICT out) {
    static_assert(N % 16 == 0);
#if defined(__AVX512F__)
    const __m512 scale = _mm512_set1_ps(d);
    for (int j = 0; j < N; j += 16) _mm512_storeu_ps(out + j, _mm512_mul_ps(scale, widen(q + j)));
#elif defined(__AVX2__)
    const __m256 scale = _mm256_set1_ps(d);
    for (int j = 0; j < N; j += 8) _mm256_storeu_ps(out + j, _mm256_mul_ps(scale, widen(q + j)));
#elif defined(__SSE2__)
    const __m128 scale = _mm_set1_ps(d);
    for (int j = 0; j < N; j += 8) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(q + j)), pairs = _mm_unpacklo_epi8(bytes, bytes);
        _mm_storeu_ps(out + j, _mm_mul_ps(scale, widenHalf(_mm_unpacklo_epi16(pairs, pairs))));
        _mm_storeu_ps(out + j + 4, _mm_mul_ps(scale, widenHalf(_mm_unpackhi_epi16(pairs, pairs))));
    }
#else
    for (int j = 0; j < N; j++) out[j] = d * static_cast<float>(q[j]);
#endif
}

// out = d·q + m
template <int N>
static inline void scaleBytes(const std::int8_t* QT_RESTRICT q, float d, float m, float* QT_RESTRICT out) {
    static_assert(N % 16 == 0);
#if defined(__AVX512F__)
    const __m512 scale = _mm512_set1_ps(d), offset = _mm512_set1_ps(m);
    for (int j = 0; j < N; j += 16) _mm512_storeu_ps(out + j, _mm512_add_ps(_mm512_mul_ps(scale, widen(q + j)), offset));
#elif defined(__AVX2__)
    const __m256 scale = _mm256_set1_ps(d), offset = _mm256_set1_ps(m);
    for (int j = 0; j < N; j += 8) _mm256_storeu_ps(out + j, _mm256_add_ps(_mm256_mul_ps(scale, widen(q + j)), offset));
#elif defined(__SSE2__)
    const __m128 scale = _mm_set1_ps(d), offset = _mm_set1_ps(m);
    for (int j = 0; j < N; j += 8) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(q + j)), pairs = _mm_unpacklo_epi8(bytes, bytes);
        _mm_storeu_ps(out + j, _mm_add_ps(_mm_mul_ps(scale, widenHalf(_mm_unpacklo_epi16(pairs, pairs))), offset));
        _mm_storeu_ps(out + j + 4, _mm_add_ps(_mm_mul_ps(scale, widenHalf(_mm_unpackhi_epi16(pairs, pairs))), offset));
    }
#else
    for (int j = 0; j < N; j++) out[j] = d * static_cast<float>(q[j]) + m;
#endif
}

static constexpr std::uint64_t everyByte = 0x0101010101010101u;

static inline std::uint64_t loadU64(const std::uint8_t* at) {
    std::uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

static inline void storeU64(std::uint64_t value, std::int8_t* at) { std::memcpy(at, &value, sizeof value); }

// Eight bytes of 0 … 127, each minus `less` (≤ 128): no byte borrows of its neighbour.
static inline std::uint64_t lessEach(std::uint64_t bytes, unsigned less) {
    return (bytes + (128 - less) * everyByte) ^ (128 * everyByte);
}

// Low nibbles of N bytes, then high ones, each minus `less`.
template <int N>
static inline void splitNibbles(const std::uint8_t* QT_RESTRICT in, unsigned less, std::int8_t* QT_RESTRICT q) {
    for (int j = 0; j < N; j += 8) {
        const std::uint64_t bytes = loadU64(in + j);
        storeU64(lessEach(bytes & 15 * everyByte, less), q + j);
        storeU64(lessEach(bytes >> 4 & 15 * everyByte, less), q + j + N);
    }
}

// Eight bits become eight bytes of 0x00 or 0xFF, bit 0 the first.
static inline std::uint64_t spreadBits(std::uint32_t bits) {
    const std::uint64_t single = ((bits & 255) * everyByte) & 0x8040201008040201u;
    return ((single + 127 * everyByte) >> 7 & everyByte) * 255;
}

}  // namespace qt
