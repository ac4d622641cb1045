// TQ1_0 and TQ2_0: −1, 0 or 1 times one float16 scale.
#pragma once

#include "scale.hpp"

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
static inline void unpackDigits(const std::uint8_t* QT_RESTRICT in, std::int8_t* QT_RESTRICT q) {
    int power = 1;
    for (int k = 0; k < Digits; k++) {
        for (int j = 0; j < Bytes; j++) q[Bytes * k + j] = static_cast<std::int8_t>(((in[j] * power & 255) * 3 >> 8) - 1);
        power *= 3;
    }
}

static inline void decodeBlock(const BlockTQ1_0& block, float* QT_RESTRICT out) {
    std::int8_t q[256];
    unpackDigits<32, 5>(block.qs, q);
    unpackDigits<16, 5>(block.qs + 32, q + 160);
    unpackDigits<4, 4>(block.qh, q + 240);
    scaleBytes<256>(q, loadHalf(block.d), out);
}

static inline void decodeBlock(const BlockTQ2_0& block, float* QT_RESTRICT out) {
    const float d = loadHalf(block.d);
    for (int i = 0; i < 8; i++) {
        std::int8_t q[32];
        const std::uint8_t* qs = block.qs + 32 * (i / 4);
        const int shift = 2 * (i % 4);
        for (int j = 0; j < 32; j++) q[j] = static_cast<std::int8_t>((qs[j] >> shift & 3) - 1);
        scaleBytes<32>(q, d, out + 32 * i);
    }
}

}  // namespace qt
