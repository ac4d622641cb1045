// The second half of every quantised decoder: small integers, one in a byte, become floats under a scale and an offset.
// Compilers vectorise work on bytes well and the widening to floats badly, so the widening alone is spelled out here.
#pragma once

#include "half.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace qt {

// out = d·q for N bytes, N a multiple of 16
template <int N>
static inline void scaleBytes(const std::int8_t* QT_RESTRICT q, float d, float* QT_RESTRICT out) {
    static_assert(N % 16 == 0);
#if defined(__AVX512F__)
    const __m512 scale = _mm512_set1_ps(d);
    for (int j = 0; j < N; j += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(q + j));
        _mm512_storeu_ps(out + j, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))));
    }
#elif defined(__AVX2__)
    const __m256 scale = _mm256_set1_ps(d);
    for (int j = 0; j < N; j += 8) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(q + j));
        _mm256_storeu_ps(out + j, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))));
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
    for (int j = 0; j < N; j += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(q + j));
        const __m512 product = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)));
        _mm512_storeu_ps(out + j, _mm512_add_ps(product, offset));
    }
#elif defined(__AVX2__)
    const __m256 scale = _mm256_set1_ps(d), offset = _mm256_set1_ps(m);
    for (int j = 0; j < N; j += 8) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(q + j));
        const __m256 product = _mm256_mul_ps(scale, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
        _mm256_storeu_ps(out + j, _mm256_add_ps(product, offset));
    }
#else
    for (int j = 0; j < N; j++) out[j] = d * static_cast<float>(q[j]) + m;
#endif
}

// Low nibbles of N bytes, then high ones, each plus `offset`.
template <int N>
static inline void splitNibbles(const std::uint8_t* QT_RESTRICT in, int offset, std::int8_t* QT_RESTRICT q) {
    for (int j = 0; j < N; j++) q[j] = static_cast<std::int8_t>((in[j] & 15) + offset);
    for (int j = 0; j < N; j++) q[j + N] = static_cast<std::int8_t>((in[j] >> 4) + offset);
}

// Eight bits become eight bytes of 0x00 or 0xFF, bit 0 the first.
static inline std::uint64_t spreadBits(std::uint32_t bits) {
    const std::uint64_t one = 0x0101010101010101u;
    const std::uint64_t single = ((bits & 255) * one) & 0x8040201008040201u;
    return ((single + 0x7F * one) >> 7 & one) * 255;
}

}  // namespace qt
