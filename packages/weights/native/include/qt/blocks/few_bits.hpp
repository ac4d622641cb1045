// Q1_0 and Q2_0: one or two bits under one float16 scale, in the order of the values.
#pragma once

#include "scale.hpp"

namespace qt {

// 1.125 bits: x = d where the bit is set, else −d
struct BlockQ1_0 {
    std::uint8_t d[2];
    std::uint8_t qs[16];  // bit 0 of a byte first
};
static_assert(sizeof(BlockQ1_0) == 18);

// 2.25 bits: x = d·(q − 1)
struct BlockQ2_0 {
    std::uint8_t d[2];
    std::uint8_t qs[16];  // lowest pair of bits of a byte first
};
static_assert(sizeof(BlockQ2_0) == 18);

static inline void decodeBlock(const BlockQ1_0& block, float* QT_RESTRICT out) {
    std::int8_t q[128];
    // 0x01 where the bit is set, 0xFF (−1) elsewhere.
    for (int j = 0; j < 16; j++) storeU64((spreadBits(block.qs[j]) & 254 * everyByte) ^ ~std::uint64_t{0}, q + 8 * j);
    scaleBytes<128>(q, loadHalf(block.d), out);
}

static inline void decodeBlock(const BlockQ2_0& block, float* QT_RESTRICT out) {
    std::int8_t q[64];
    for (int j = 0; j < 16; j += 2) {
        // Two bytes of four pairs each: nibbles apart, then pairs apart.
        std::uint64_t pairs = block.qs[j] | static_cast<std::uint64_t>(block.qs[j + 1]) << 32;
        pairs = (pairs | pairs << 12) & 0x000F000F000F000Fu;
        pairs = (pairs | pairs << 6) & 3 * everyByte;
        storeU64(lessEach(pairs, 1), q + 4 * j);
    }
    scaleBytes<64>(q, loadHalf(block.d), out);
}

}  // namespace qt
