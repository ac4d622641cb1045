// TQ1_0 and TQ2_0: −1, 0 or 1 times one float16 scale.
#pragma once

#include "half.hpp"

namespace qt {

// 1.6875 bits: five ternary digits in a byte, stored as ⌈256·n / 243⌉ so that multiplying by 3ᵏ moves digit k to the top
struct BlockTQ1_0 {
    std::uint8_t qs[48];  // 240 elements
    std::uint8_t qh[4];   // 16 elements, four to a byte
    std::uint8_t d[2];
};
static_assert(sizeof(BlockTQ1_0) == 54);

// 2.0625 bits: x = d·(q − 1)
struct BlockTQ2_0 {
    std::uint8_t qs[64];
    std::uint8_t d[2];
};
static_assert(sizeof(BlockTQ2_0) == 66);

// Digits 0 … Digits−1 of `Bytes` bytes: all first digits, then all second ones, and so on.
template <int Bytes, int Digits>
static inline void decodeDigits(const std::uint8_t* QT_RESTRICT in, float d, float* QT_RESTRICT out) {
    int power = 1;
    for (int k = 0; k < Digits; k++) {
        for (int j = 0; j < Bytes; j++) out[Bytes * k + j] = d * static_cast<float>(((in[j] * power & 255) * 3 >> 8) - 1);
        power *= 3;
    }
}

static inline void decodeBlock(const BlockTQ1_0& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    decodeDigits<32, 5>(block.qs, d, out);
    decodeDigits<16, 5>(block.qs + 32, d, out + 160);
    decodeDigits<4, 4>(block.qh, d, out + 240);
}

static inline void decodeBlock(const BlockTQ2_0& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        const std::uint8_t* qs = block.qs + 32 * (i / 4);
        const int shift = 2 * (i % 4);
        for (int j = 0; j < 32; j++) out[32 * i + j] = d * static_cast<float>((qs[j] >> shift & 3) - 1);
    }
}

}  // namespace qt
