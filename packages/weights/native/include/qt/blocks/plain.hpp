// F32, F16, BF16: one element a block.
#pragma once

#include "half.hpp"

namespace qt {

static inline void decodeF32(const std::uint8_t* QT_RESTRICT in, std::size_t count, float* QT_RESTRICT out) {
    std::memcpy(out, in, count * sizeof(float));
}

static inline void decodeF16(const std::uint8_t* QT_RESTRICT in, std::size_t count, float* QT_RESTRICT out) {
    std::size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8) {
        __m128i halves;
        std::memcpy(&halves, in + 2 * i, sizeof halves);
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(halves));
    }
#endif
    for (; i < count; i++) out[i] = halfToFloat(loadU16(in + 2 * i));
}

static inline void decodeBF16(const std::uint8_t* QT_RESTRICT in, std::size_t count, float* QT_RESTRICT out) {
    for (std::size_t i = 0; i < count; i++) out[i] = bfloatToFloat(loadU16(in + 2 * i));
}

}  // namespace qt
