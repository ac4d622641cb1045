// Q2_K … Q6_K, Q8_K: 256 elements in sub-blocks of 16 or 32 whose own scales are quantised too.
// d·scale·q is exact in float32 (11 + 6 + 5 bits at most), so fused multiply-add cannot change a result.
#pragma once

#include "scale.hpp"

namespace qt {

// 2.625 bits: 16 sub-blocks of 16, x = d·scale·q − dmin·min
struct BlockQ2_K {
    std::uint8_t scales[16];  // scale in the low nibble, min in the high one
    std::uint8_t qs[64];      // 2 bits each; 128 elements per 32 bytes
    std::uint8_t d[2];
    std::uint8_t dmin[2];
};
static_assert(sizeof(BlockQ2_K) == 84);

// 3.4375 bits: 16 sub-blocks of 16, x = d·(scale − 32)·(q − 4)
struct BlockQ3_K {
    std::uint8_t hmask[32];   // third bit; element 32·i + j is bit i of hmask[j]
    std::uint8_t qs[64];      // lower 2 bits
    std::uint8_t scales[12];  // 16 × 6 bits: low nibbles in the first 8 bytes, upper 2 bits in the last 4
    std::uint8_t d[2];
};
static_assert(sizeof(BlockQ3_K) == 110);

// 4.5 bits: 8 sub-blocks of 32, x = d·scale·q − dmin·min
struct BlockQ4_K {
    std::uint8_t d[2];
    std::uint8_t dmin[2];
    std::uint8_t scales[12];  // 8 scales and 8 mins of 6 bits
    std::uint8_t qs[128];     // 64 elements per 32 bytes: low nibbles, then high ones
};
static_assert(sizeof(BlockQ4_K) == 144);

// 5.5 bits: 8 sub-blocks of 32, x = d·scale·q − dmin·min
struct BlockQ5_K {
    std::uint8_t d[2];
    std::uint8_t dmin[2];
    std::uint8_t scales[12];
    std::uint8_t qh[32];  // fifth bit; element 32·i + j is bit i of qh[j]
    std::uint8_t qs[128];
};
static_assert(sizeof(BlockQ5_K) == 176);

// 6.5625 bits: 16 sub-blocks of 16, x = d·scale·(q − 32)
struct BlockQ6_K {
    std::uint8_t ql[128];    // lower 4 bits
    std::uint8_t qh[64];     // upper 2 bits
    std::int8_t scales[16];
    std::uint8_t d[2];
};
static_assert(sizeof(BlockQ6_K) == 210);

// 9.125 bits, only ever made of activations: x = d·q
struct BlockQ8_K {
    std::uint8_t d[4];  // float32
    std::int8_t qs[256];
    std::uint8_t sums[32];  // int16 sums of 16 q each
};
static_assert(sizeof(BlockQ8_K) == 292);

// The 6-bit scales and mins of Q4_K and Q5_K: the upper two bits of entries 4–7 lie on top of entries 0–3.
static inline void unpackScaleMin(const std::uint8_t* QT_RESTRICT packed, std::uint8_t* QT_RESTRICT scale,
                                  std::uint8_t* QT_RESTRICT min) {
    for (int j = 0; j < 4; j++) {
        scale[j] = packed[j] & 63;
        min[j] = packed[j + 4] & 63;
        scale[j + 4] = static_cast<std::uint8_t>((packed[j + 8] & 15) | (packed[j] >> 2 & 48));
        min[j + 4] = static_cast<std::uint8_t>((packed[j + 8] >> 4) | (packed[j + 4] >> 2 & 48));
    }
}

static inline void decodeBlock(const BlockQ2_K& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d), dmin = loadHalf(block.dmin);
    for (int i = 0; i < 8; i++) {
        std::int8_t q[32];
        const std::uint8_t* qs = block.qs + 32 * (i / 4);
        const int shift = 2 * (i % 4);
        for (int j = 0; j < 32; j++) q[j] = static_cast<std::int8_t>(qs[j] >> shift & 3);
        for (int k = 0; k < 2; k++) {
            const int scale = block.scales[2 * i + k];
            const float min = dmin * static_cast<float>(scale >> 4);
            scaleBytes<16>(q + 16 * k, d * static_cast<float>(scale & 15), -min, out + 32 * i + 16 * k);
        }
    }
}

static inline void decodeBlock(const BlockQ3_K& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        std::int8_t q[32];
        const std::uint8_t* qs = block.qs + 32 * (i / 4);
        const int shift = 2 * (i % 4);
        for (int j = 0; j < 32; j++)
            q[j] = static_cast<std::int8_t>((qs[j] >> shift & 3) + ((block.hmask[j] >> i & 1) << 2) - 4);
        for (int k = 0; k < 2; k++) {
            const int s = 2 * i + k;
            const int low = block.scales[s % 8] >> (s / 8 * 4) & 15, high = block.scales[8 + s % 4] >> (s / 4 * 2) & 3;
            scaleBytes<16>(q + 16 * k, d * static_cast<float>((low | high << 4) - 32), out + 16 * s);
        }
    }
}

static inline void decodeBlock(const BlockQ4_K& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d), dmin = loadHalf(block.dmin);
    std::uint8_t scales[8], mins[8];
    unpackScaleMin(block.scales, scales, mins);
    for (int i = 0; i < 4; i++) {
        std::int8_t q[64];
        splitNibbles<32>(block.qs + 32 * i, 0, q);
        for (int k = 0; k < 2; k++) {
            const float min = dmin * static_cast<float>(mins[2 * i + k]);
            scaleBytes<32>(q + 32 * k, d * static_cast<float>(scales[2 * i + k]), -min, out + 64 * i + 32 * k);
        }
    }
}

static inline void decodeBlock(const BlockQ5_K& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d), dmin = loadHalf(block.dmin);
    std::uint8_t scales[8], mins[8];
    unpackScaleMin(block.scales, scales, mins);
    for (int i = 0; i < 8; i++) {
        std::int8_t q[32];
        const std::uint8_t* qs = block.qs + 32 * (i / 2);
        const int shift = 4 * (i % 2);
        for (int j = 0; j < 32; j++)
            q[j] = static_cast<std::int8_t>((qs[j] >> shift & 15) | (block.qh[j] >> i & 1) << 4);
        const float min = dmin * static_cast<float>(mins[i]);
        scaleBytes<32>(q, d * static_cast<float>(scales[i]), -min, out + 32 * i);
    }
}

static inline void decodeBlock(const BlockQ6_K& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        std::int8_t q[32];
        const std::uint8_t* ql = block.ql + 64 * (i / 4) + 32 * (i % 2);
        const std::uint8_t* qh = block.qh + 32 * (i / 4);
        const int lowShift = i % 4 / 2 * 4, highShift = i % 4 * 2;
        for (int j = 0; j < 32; j++)
            q[j] = static_cast<std::int8_t>(((ql[j] >> lowShift & 15) | (qh[j] >> highShift & 3) << 4) - 32);
        for (int k = 0; k < 2; k++)
            scaleBytes<16>(q + 16 * k, d * static_cast<float>(block.scales[2 * i + k]), out + 32 * i + 16 * k);
    }
}

static inline void decodeBlock(const BlockQ8_K& block, float* QT_RESTRICT out) {
    scaleBytes<256>(block.qs, floatOfBits(loadU32(block.d)), out);
}

}  // namespace qt
