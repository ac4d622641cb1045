// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1: 32 elements under one float16 scale.
// Every product d·q is exact in float32 (11 + 8 bits), so fused multiply-add cannot change a result.
#pragma once

#include "half.hpp"

namespace qt {

// 4.5 bits: x = d·(q − 8)
struct BlockQ4_0 {
    std::uint8_t d[2];    // float16
    std::uint8_t qs[16];  // element j in the low nibble of qs[j], element j + 16 in the high one
};
static_assert(sizeof(BlockQ4_0) == 18);

// 5 bits: x = d·q + m
struct BlockQ4_1 {
    std::uint8_t d[2];
    std::uint8_t m[2];
    std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

// 5.5 bits: x = d·(q − 16)
struct BlockQ5_0 {
    std::uint8_t d[2];
    std::uint8_t qh[4];  // bit j is the fifth bit of element j
    std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

// 6 bits: x = d·q + m
struct BlockQ5_1 {
    std::uint8_t d[2];
    std::uint8_t m[2];
    std::uint8_t qh[4];
    std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

// 8.5 bits: x = d·q
struct BlockQ8_0 {
    std::uint8_t d[2];
    std::int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

// 9 bits, only ever made of activations: x = d·q, s = d·Σq
struct BlockQ8_1 {
    std::uint8_t d[2];
    std::uint8_t s[2];
    std::int8_t qs[32];
};
static_assert(sizeof(BlockQ8_1) == 36);

static inline void decodeBlock(const BlockQ4_0& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int j = 0; j < 16; j++) out[j] = d * static_cast<float>((block.qs[j] & 15) - 8);
    for (int j = 0; j < 16; j++) out[j + 16] = d * static_cast<float>((block.qs[j] >> 4) - 8);
}

static inline void decodeBlock(const BlockQ4_1& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d), m = loadHalf(block.m);
    for (int j = 0; j < 16; j++) out[j] = d * static_cast<float>(block.qs[j] & 15) + m;
    for (int j = 0; j < 16; j++) out[j + 16] = d * static_cast<float>(block.qs[j] >> 4) + m;
}

// Bit j of word at bit 4, without a shift that depends on j where that would not vectorise.
static inline int fifthBit(const std::uint8_t* qh, int j) { return (qh[j >> 3] >> (j & 7) & 1) << 4; }

static inline void decodeBlock(const BlockQ5_0& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int j = 0; j < 16; j++) out[j] = d * static_cast<float>(((block.qs[j] & 15) | fifthBit(block.qh, j)) - 16);
    for (int j = 0; j < 16; j++) out[j + 16] = d * static_cast<float>(((block.qs[j] >> 4) | fifthBit(block.qh, j + 16)) - 16);
}

static inline void decodeBlock(const BlockQ5_1& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d), m = loadHalf(block.m);
    for (int j = 0; j < 16; j++) out[j] = d * static_cast<float>((block.qs[j] & 15) | fifthBit(block.qh, j)) + m;
    for (int j = 0; j < 16; j++) out[j + 16] = d * static_cast<float>((block.qs[j] >> 4) | fifthBit(block.qh, j + 16)) + m;
}

static inline void decodeBlock(const BlockQ8_0& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int j = 0; j < 32; j++) out[j] = d * static_cast<float>(block.qs[j]);
}

static inline void decodeBlock(const BlockQ8_1& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int j = 0; j < 32; j++) out[j] = d * static_cast<float>(block.qs[j]);
}

}  // namespace qt
