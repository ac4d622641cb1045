// IQ1, IQ2, IQ3: groups of 8 or 4 elements are points of a codebook, with signs of their own.
#pragma once

#include "codebooks.hpp"
#include "half.hpp"

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

// Flips the sign bit of element j where bit j of `signs` is set.
template <int Width>
static inline void decodeSigned(const std::int8_t* QT_RESTRICT point, std::uint32_t signs, float d, float* QT_RESTRICT out) {
    for (int j = 0; j < Width; j++) {
        const std::uint32_t flip = (signs << (31 - j)) & 0x80000000u;
        out[j] = floatOfBits(bitsOfFloat(d * static_cast<float>(point[j])) ^ flip);
    }
}

static inline void decodeShifted(const std::int8_t* QT_RESTRICT point, float delta, float d, float* QT_RESTRICT out) {
    for (int j = 0; j < 8; j++) out[j] = d * (static_cast<float>(point[j]) + delta);
}

static inline void decodeBlock(const BlockIQ2_XXS& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        const std::uint8_t* points = block.qs + 8 * i;
        const std::uint32_t packed = loadU32(points + 4);
        const float scale = d * (0.5f + static_cast<float>(packed >> 28)) * 0.25f;
        for (int k = 0; k < 4; k++)
            decodeSigned<8>(iq2xxsGrid.at[points[k]], evenSigns[packed >> 7 * k & 127], scale, out + 32 * i + 8 * k);
    }
}

static inline void decodeBlock(const BlockIQ2_XS& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 16; i++) {
        const float scale = d * (0.5f + static_cast<float>(block.scales[i / 2] >> 4 * (i % 2) & 15)) * 0.25f;
        for (int k = 0; k < 2; k++) {
            const std::uint32_t packed = loadU16(block.qs + 4 * i + 2 * k);
            decodeSigned<8>(iq2xsGrid.at[packed & 511], evenSigns[packed >> 9], scale, out + 16 * i + 8 * k);
        }
    }
}

static inline void decodeBlock(const BlockIQ2_S& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 16; i++) {
        const float scale = d * (0.5f + static_cast<float>(block.scales[i / 2] >> 4 * (i % 2) & 15)) * 0.25f;
        for (int k = 0; k < 2; k++) {
            const int group = 2 * i + k;
            const int point = block.qs[group] | (block.qh[group / 4] >> 2 * (group % 4) & 3) << 8;
            decodeSigned<8>(iq2sGrid.at[point], block.signs[group], scale, out + 8 * group);
        }
    }
}

static inline void decodeBlock(const BlockIQ3_XXS& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        const std::uint32_t packed = loadU32(block.scales + 4 * i);
        const float scale = d * (0.5f + static_cast<float>(packed >> 28)) * 0.5f;
        for (int k = 0; k < 4; k++) {
            const std::uint32_t signs = evenSigns[packed >> 7 * k & 127];
            const std::uint8_t* points = block.qs + 8 * i + 2 * k;
            decodeSigned<4>(iq3xxsGrid.at[points[0]], signs, scale, out + 32 * i + 8 * k);
            decodeSigned<4>(iq3xxsGrid.at[points[1]], signs >> 4, scale, out + 32 * i + 8 * k + 4);
        }
    }
}

static inline void decodeBlock(const BlockIQ3_S& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        const float scale = d * static_cast<float>(1 + 2 * (block.scales[i / 2] >> 4 * (i % 2) & 15));
        for (int k = 0; k < 8; k++) {
            const int group = 8 * i + k;
            const int point = block.qs[group] | (block.qh[i] >> k & 1) << 8;
            decodeSigned<4>(iq3sGrid.at[point], block.signs[group / 2] >> 4 * (k % 2), scale, out + 4 * group);
        }
    }
}

static inline void decodeBlock(const BlockIQ1_S& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        const std::uint32_t packed = loadU16(block.qh + 2 * i);
        const float scale = d * static_cast<float>(2 * (packed >> 12 & 7) + 1);
        const float delta = packed & 0x8000u ? -0.125f : 0.125f;
        for (int k = 0; k < 4; k++) {
            const std::uint32_t point = block.qs[4 * i + k] | (packed >> 3 * k & 7) << 8;
            decodeShifted(iq1sGrid.at[point], delta, scale, out + 32 * i + 8 * k);
        }
    }
}

static inline void decodeBlock(const BlockIQ1_M& block, float* QT_RESTRICT out) {
    const std::uint32_t scales[4] = {loadU16(block.scales), loadU16(block.scales + 2), loadU16(block.scales + 4),
                                     loadU16(block.scales + 6)};
    const std::uint32_t bits = scales[0] >> 12 | (scales[1] >> 12) << 4 | (scales[2] >> 12) << 8 | (scales[3] >> 12) << 12;
    const float d = halfToFloat(static_cast<std::uint16_t>(bits));
    for (int i = 0; i < 16; i++) {
        const float scale = d * static_cast<float>(2 * (scales[i / 4] >> 3 * (i % 4) & 7) + 1);
        for (int k = 0; k < 2; k++) {
            const std::uint32_t high = block.qh[i] >> 4 * k;
            const float delta = high & 8 ? -0.125f : 0.125f;
            decodeShifted(iq1sGrid.at[block.qs[2 * i + k] | (high & 7) << 8], delta, scale, out + 16 * i + 8 * k);
        }
    }
}

}  // namespace qt
