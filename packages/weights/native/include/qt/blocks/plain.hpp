// F32, F16, BF16: one element a block.
#pragma once

#include "half.hpp"

namespace qt {

static inline void decodeF32(const std::uint8_t* QT_RESTRICT in, std::size_t count, float* QT_RESTRICT out) {
    if (count > 0) std::memcpy(out, in, count * sizeof(float));  // null pointers may come with nothing
}

static inline void decodeF16(const std::uint8_t* QT_RESTRICT in, std::size_t count, float* QT_RESTRICT out) {
    const std::size_t whole = count & ~static_cast<std::size_t>(15);
    for (std::size_t i = 0; i < whole; i += 16) {
#if defined(__F16C__)
        for (std::size_t j = i; j < i + 16; j += 8) {
            const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 2 * j));
            _mm256_storeu_ps(out + j, _mm256_cvtph_ps(halves));
        }
#else
        for (std::size_t j = i; j < i + 16; j++) out[j] = halfToFloat(loadU16(in + 2 * j));
#endif
    }
    for (std::size_t i = whole; i < whole + (count & 15); i++) out[i] = halfToFloat(loadU16(in + 2 * i));
}

static inline void decodeBF16(const std::uint8_t* QT_RESTRICT in, std::size_t count, float* QT_RESTRICT out) {
    const std::size_t whole = count & ~static_cast<std::size_t>(15);
    for (std::size_t i = 0; i < whole; i += 16)
        for (std::size_t j = i; j < i + 16; j++) out[j] = bfloatToFloat(loadU16(in + 2 * j));
    for (std::size_t i = whole; i < whole + (count & 15); i++) out[i] = bfloatToFloat(loadU16(in + 2 * i));
}

}  // namespace qt
