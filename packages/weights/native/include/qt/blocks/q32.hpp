// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1: 32 elements under one float16 scale.
// Every product d·q is exact in float32 (11 + 8 bits), so fused multiply-add cannot change a result.
#pragma once

#include "scale.hpp"

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
    std::int8_t q[32];
    splitNibbles<16>(block.qs, 8, q);
    scaleBytes<32>(q, loadHalf(block.d), out);
}

static inline void decodeBlock(const BlockQ4_1& block, float* QT_RESTRICT out) {
    std::int8_t q[32];
    splitNibbles<16>(block.qs, 0, q);
    scaleBytes<32>(q, loadHalf(block.d), loadHalf(block.m), out);
}

// Nibbles and their fifth bits, each minus `less`.
static inline void unpackFiveBits(const std::uint8_t* QT_RESTRICT qs, const std::uint8_t* QT_RESTRICT qh, unsigned less,
                                  std::int8_t* QT_RESTRICT q) {
    for (int k = 0; k < 2; k++) {
        const std::uint64_t bytes = loadU64(qs + 8 * k);
        const std::uint64_t low = (bytes & 15 * everyByte) | (spreadBits(qh[k]) & 16 * everyByte);
        const std::uint64_t high = (bytes >> 4 & 15 * everyByte) | (spreadBits(qh[k + 2]) & 16 * everyByte);
        storeU64(lessEach(low, less), q + 8 * k);
        storeU64(lessEach(high, less), q + 8 * k + 16);
    }
}

static inline void decodeBlock(const BlockQ5_0& block, float* QT_RESTRICT out) {
    std::int8_t q[32];
    unpackFiveBits(block.qs, block.qh, 16, q);
    scaleBytes<32>(q, loadHalf(block.d), out);
}

static inline void decodeBlock(const BlockQ5_1& block, float* QT_RESTRICT out) {
    std::int8_t q[32];
    unpackFiveBits(block.qs, block.qh, 0, q);
    scaleBytes<32>(q, loadHalf(block.d), loadHalf(block.m), out);
}

static inline void decodeBlock(const BlockQ8_0& block, float* QT_RESTRICT out) {
    scaleBytes<32>(block.qs, loadHalf(block.d), out);
}

static inline void decodeBlock(const BlockQ8_1& block, float* QT_RESTRICT out) {
    scaleBytes<32>(block.qs, loadHalf(block.d), out);
}

}  // namespace qt
