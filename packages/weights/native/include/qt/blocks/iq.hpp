// IQ1, IQ2, IQ3: groups of 8 or 4 elements are points of a codebook, with signs of their own.
#pragma once

#include "codebooks.hpp"
#include "scale.hpp"

namespace qt {

// 2.0625 bits: 8 sub-blocks of 32, x = ±d·(scale + ½)/4·point
struct BlockIQ2_XXS {
    std::uint8_t d[2];
    std::uint8_t qs[64];  // per sub-block: 4 × 8-bit point, then 4 × 7 signs and a 4-bit scale
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

// 2.3125 bits: 16 sub-blocks of 16, x = ±d·(scale + ½)/4·point
struct BlockIQ2_XS {
    std::uint8_t d[2];
    std::uint8_t qs[64];     // per group of 8: 9-bit point, 7 signs
    std::uint8_t scales[8];  // 4 bits each
};
static_assert(sizeof(BlockIQ2_XS) == 74);

// 2.5625 bits: 16 sub-blocks of 16, x = ±d·(scale + ½)/4·point
struct BlockIQ2_S {
    std::uint8_t d[2];
    std::uint8_t qs[32];     // lower 8 bits of the point
    std::uint8_t signs[32];  // 8 signs per group of 8
    std::uint8_t qh[8];      // upper 2 bits of the point
    std::uint8_t scales[8];  // 4 bits each
};
static_assert(sizeof(BlockIQ2_S) == 82);

// 3.0625 bits: 8 sub-blocks of 32, x = ±d·(scale + ½)/2·point
struct BlockIQ3_XXS {
    std::uint8_t d[2];
    std::uint8_t qs[64];      // 8-bit point per group of 4
    std::uint8_t scales[32];  // per sub-block: 4 × 7 signs and a 4-bit scale
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

// 3.4375 bits: 8 sub-blocks of 32, x = ±d·(2·scale + 1)·point
struct BlockIQ3_S {
    std::uint8_t d[2];
    std::uint8_t qs[64];  // lower 8 bits of the point
    std::uint8_t qh[8];   // its ninth bit
    std::uint8_t signs[32];
    std::uint8_t scales[4];  // 4 bits each
};
static_assert(sizeof(BlockIQ3_S) == 110);

// 1.5625 bits: 8 sub-blocks of 32, x = d·(2·scale + 1)·(point ± ⅛)
struct BlockIQ1_S {
    std::uint8_t d[2];
    std::uint8_t qs[32];  // lower 8 bits of the point
    std::uint8_t qh[16];  // per sub-block: 4 × upper 3 bits, 3-bit scale, sign of ⅛
};
static_assert(sizeof(BlockIQ1_S) == 50);

// 1.75 bits: 16 sub-blocks of 16, x = d·(2·scale + 1)·(point ± ⅛)
struct BlockIQ1_M {
    std::uint8_t qs[32];     // lower 8 bits of the point
    std::uint8_t qh[16];     // per group of 8: upper 3 bits and the sign of ⅛
    std::uint8_t scales[8];  // 16 × 3-bit scale; each uint16's top 4 bits are a part of d
};
static_assert(sizeof(BlockIQ1_M) == 56);

// Stores eight bytes, byte j negated where bit j of `signs` is set. Codebooks hold no
// zero and no −128, so negation carries into no neighbour.
static inline void negateWhere(std::uint64_t point, std::uint32_t signs, std::int8_t* QT_RESTRICT q) {
    const std::uint64_t mask = spreadBits(signs);
    storeU64((point ^ mask) + (mask & everyByte), q);
}

static inline std::uint64_t loadPoint(const std::int8_t (&point)[8]) {
    std::uint64_t value;
    std::memcpy(&value, point, 8);
    return value;
}

static inline std::uint64_t loadPoints(const std::int8_t (&first)[4], const std::int8_t (&second)[4]) {
    std::uint64_t value;
    std::memcpy(&value, first, 4);
    std::memcpy(reinterpret_cast<char*>(&value) + 4, second, 4);
    return value;
}

static inline void decodeBlock(const BlockIQ2_XXS& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        const std::uint8_t* points = block.qs + 8 * i;
        const std::uint32_t packed = loadU32(points + 4);
        std::int8_t q[32];
        for (int k = 0; k < 4; k++) negateWhere(loadPoint(iq2xxsGrid.at[points[k]]), evenSigns[packed >> 7 * k & 127], q + 8 * k);
        scaleBytes<32>(q, d * (0.5f + static_cast<float>(packed >> 28)) * 0.25f, out + 32 * i);
    }
}

static inline void decodeBlock(const BlockIQ2_XS& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 16; i++) {
        std::int8_t q[16];
        for (int k = 0; k < 2; k++) {
            const std::uint32_t packed = loadU16(block.qs + 4 * i + 2 * k);
            negateWhere(loadPoint(iq2xsGrid.at[packed & 511]), evenSigns[packed >> 9], q + 8 * k);
        }
        const int scale = block.scales[i / 2] >> 4 * (i % 2) & 15;
        scaleBytes<16>(q, d * (0.5f + static_cast<float>(scale)) * 0.25f, out + 16 * i);
    }
}

static inline void decodeBlock(const BlockIQ2_S& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 16; i++) {
        std::int8_t q[16];
        for (int k = 0; k < 2; k++) {
            const int group = 2 * i + k;
            const int point = block.qs[group] | (block.qh[group / 4] >> 2 * (group % 4) & 3) << 8;
            negateWhere(loadPoint(iq2sGrid.at[point]), block.signs[group], q + 8 * k);
        }
        const int scale = block.scales[i / 2] >> 4 * (i % 2) & 15;
        scaleBytes<16>(q, d * (0.5f + static_cast<float>(scale)) * 0.25f, out + 16 * i);
    }
}

static inline void decodeBlock(const BlockIQ3_XXS& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        const std::uint32_t packed = loadU32(block.scales + 4 * i);
        std::int8_t q[32];
        for (int k = 0; k < 4; k++) {
            const std::uint8_t* points = block.qs + 8 * i + 2 * k;
            negateWhere(loadPoints(iq3xxsGrid.at[points[0]], iq3xxsGrid.at[points[1]]), evenSigns[packed >> 7 * k & 127], q + 8 * k);
        }
        scaleBytes<32>(q, d * (0.5f + static_cast<float>(packed >> 28)) * 0.5f, out + 32 * i);
    }
}

static inline void decodeBlock(const BlockIQ3_S& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        const std::uint8_t* qs = block.qs + 8 * i;
        const std::uint32_t high = block.qh[i];
        std::int8_t q[32];
        for (int k = 0; k < 4; k++) {
            const std::uint32_t first = qs[2 * k] | (high >> 2 * k & 1) << 8, second = qs[2 * k + 1] | (high >> (2 * k + 1) & 1) << 8;
            negateWhere(loadPoints(iq3sGrid.at[first], iq3sGrid.at[second]), block.signs[4 * i + k], q + 8 * k);
        }
        scaleBytes<32>(q, d * static_cast<float>(1 + 2 * (block.scales[i / 2] >> 4 * (i % 2) & 15)), out + 32 * i);
    }
}

// The IQ1 codebook holds eighths plus 8, so that point ± ⅛ is an integer too; d/8 is exact.
static inline void shiftPoint(const std::int8_t (&point)[8], bool down, std::int8_t* QT_RESTRICT q) {
    storeU64(lessEach(loadPoint(point), down ? 9 : 7), q);
}

static inline void decodeBlock(const BlockIQ1_S& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d) * 0.125f;
    for (int i = 0; i < 8; i++) {
        const std::uint32_t packed = loadU16(block.qh + 2 * i);
        const bool down = packed >> 15;
        std::int8_t q[32];
        for (int k = 0; k < 4; k++)
            shiftPoint(iq1sGrid.at[block.qs[4 * i + k] | (packed >> 3 * k & 7) << 8], down, q + 8 * k);
        scaleBytes<32>(q, d * static_cast<float>(2 * (packed >> 12 & 7) + 1), out + 32 * i);
    }
}

static inline void decodeBlock(const BlockIQ1_M& block, float* QT_RESTRICT out) {
    const std::uint32_t scales[4] = {loadU16(block.scales), loadU16(block.scales + 2), loadU16(block.scales + 4),
                                     loadU16(block.scales + 6)};
    const std::uint32_t bits = scales[0] >> 12 | (scales[1] >> 12) << 4 | (scales[2] >> 12) << 8 | (scales[3] >> 12) << 12;
    const float d = halfToFloat(static_cast<std::uint16_t>(bits)) * 0.125f;
    for (int i = 0; i < 16; i++) {
        std::int8_t q[16];
        for (int k = 0; k < 2; k++) {
            const std::uint32_t high = block.qh[i] >> 4 * k;
            shiftPoint(iq1sGrid.at[block.qs[2 * i + k] | (high & 7) << 8], high & 8, q + 8 * k);
        }
        scaleBytes<16>(q, d * static_cast<float>(2 * (scales[i / 4] >> 3 * (i % 4) & 7) + 1), out + 16 * i);
    }
}

}  // namespace qt
