// Four bits that index a table of unevenly spaced values: IQ4_NL, IQ4_XS, MXFP4, NVFP4.
#pragma once

#include "scale.hpp"

namespace qt {

static constexpr std::int8_t iq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// E2M1, doubled: https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
static constexpr std::int8_t e2m1Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// 4.5 bits: x = d·value[q]
struct BlockIQ4_NL {
    std::uint8_t d[2];
    std::uint8_t qs[16];  // as in Q4_0
};
static_assert(sizeof(BlockIQ4_NL) == 18);

// 4.25 bits: 8 sub-blocks of 32, x = d·(scale − 32)·value[q]
struct BlockIQ4_XS {
    std::uint8_t d[2];
    std::uint8_t scalesHigh[2];  // upper 2 bits of each of the 8 scales
    std::uint8_t scalesLow[4];   // lower 4 bits
    std::uint8_t qs[128];        // 32 elements per 16 bytes, as in Q4_0
};
static_assert(sizeof(BlockIQ4_XS) == 136);

// 4.25 bits: x = 2^(e − 128)·value[q], the values doubled
struct BlockMXFP4 {
    std::uint8_t e;  // E8M0
    std::uint8_t qs[16];
};
static_assert(sizeof(BlockMXFP4) == 17);

// 4.5 bits: 4 sub-blocks of 16, x = d/2·value[q], the values doubled
struct BlockNVFP4 {
    std::uint8_t d[4];    // unsigned E4M3
    std::uint8_t qs[32];  // 16 elements per 8 bytes
};
static_assert(sizeof(BlockNVFP4) == 36);

// Values at the low nibbles of 16 bytes, then at the high ones.
static inline void lookUp(const std::int8_t* QT_RESTRICT values, const std::uint8_t* QT_RESTRICT qs, std::int8_t* QT_RESTRICT q) {
#if defined(__SSSE3__)
    const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(values)), mask = _mm_set1_epi8(15);
    const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(qs));
    const __m128i low = _mm_shuffle_epi8(table, _mm_and_si128(packed, mask));
    const __m128i high = _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16(packed, 4), mask));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), low);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q + 16), high);
#elif defined(__aarch64__)
    const int8x16_t table = vld1q_s8(values);
    const uint8x16_t packed = vld1q_u8(qs);
    vst1q_s8(q, vqtbl1q_s8(table, vandq_u8(packed, vdupq_n_u8(15))));
    vst1q_s8(q + 16, vqtbl1q_s8(table, vshrq_n_u8(packed, 4)));
#else
    for (int j = 0; j < 16; j++) q[j] = values[qs[j] & 15];
    for (int j = 0; j < 16; j++) q[j + 16] = values[qs[j] >> 4];
#endif
}

// 2^(e − 128); 0 and 1 give subnormals.
static inline float halvedE8M0(std::uint8_t e) {
    return floatOfBits(e < 2 ? 0x00200000u << e : static_cast<std::uint32_t>(e - 1) << 23);
}

// Half of an unsigned E4M3 of bias 7. Its NaN, 0x7F, counts as zero; the eighth bit carries nothing.
static inline float halvedE4M3(std::uint8_t bits) {
    if (bits == 0x7F) return 0.0f;
    const std::uint32_t exponent = bits >> 3 & 15, fraction = bits & 7;
    if (exponent == 0) return static_cast<float>(fraction) * 0x1.0p-10f;
    return floatOfBits((exponent + 119) << 23 | fraction << 20);
}

static inline void decodeBlock(const BlockIQ4_NL& block, float* QT_RESTRICT out) {
    std::int8_t q[32];
    lookUp(iq4Values, block.qs, q);
    scaleBytes<32>(q, loadHalf(block.d), out);
}

static inline void decodeBlock(const BlockIQ4_XS& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    const std::uint32_t high = loadU16(block.scalesHigh);
    for (int i = 0; i < 8; i++) {
        std::int8_t q[32];
        lookUp(iq4Values, block.qs + 16 * i, q);
        const int scale = (block.scalesLow[i / 2] >> (4 * (i % 2)) & 15) | static_cast<int>(high >> (2 * i) & 3) << 4;
        scaleBytes<32>(q, d * static_cast<float>(scale - 32), out + 32 * i);
    }
}

static inline void decodeBlock(const BlockMXFP4& block, float* QT_RESTRICT out) {
    std::int8_t q[32];
    lookUp(e2m1Values, block.qs, q);
    scaleBytes<32>(q, halvedE8M0(block.e), out);
}

static inline void decodeBlock(const BlockNVFP4& block, float* QT_RESTRICT out) {
    for (int i = 0; i < 2; i++) {
        std::int8_t q[32], ordered[32];
        lookUp(e2m1Values, block.qs + 16 * i, q);
        // A sub-block is 8 bytes: its low nibbles and its high ones lie 16 apart here.
        for (int k = 0; k < 4; k++) std::memcpy(ordered + 8 * k, q + 8 * (k / 2) + 16 * (k % 2), 8);
        for (int k = 0; k < 2; k++)
            scaleBytes<16>(ordered + 16 * k, halvedE4M3(block.d[2 * i + k]), out + 32 * i + 16 * k);
    }
}

// Quantiles of a normal distribution (Dettmers et al., QLoRA, arXiv 2305.14314), as bitsandbytes has them.
static constexpr float nf4Values[16] = {-1.0f,
                                        -0.6961928009986877f,
                                        -0.5250730514526367f,
                                        -0.39491748809814453f,
                                        -0.28444138169288635f,
                                        -0.18477343022823334f,
                                        -0.09105003625154495f,
                                        0.0f,
                                        0.07958029955625534f,
                                        0.16093020141124725f,
                                        0.24611230194568634f,
                                        0.33791524171829224f,
                                        0.44070982933044434f,
                                        0.5626170039176941f,
                                        0.7229568362236023f,
                                        1.0f};

// 4.5 bits: x = d·value[q]
struct BlockNF4 {
    std::uint8_t d[4];    // float32
    std::uint8_t qs[32];  // the first of two elements is the high nibble
};
static_assert(sizeof(BlockNF4) == 36);

static inline void decodeBlock(const BlockNF4& b, float* QT_RESTRICT out) {
    float d;
    std::memcpy(&d, b.d, sizeof d);
    for (int j = 0; j < 32; j++) {
        out[2 * j] = d * nf4Values[b.qs[j] >> 4];
        out[2 * j + 1] = d * nf4Values[b.qs[j] & 15];
    }
}

}  // namespace qt
