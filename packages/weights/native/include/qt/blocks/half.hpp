// float16 and bfloat16 to float32, exact: subnormals, infinities and NaN payloads included.
// Integer arithmetic only, so that the loops vectorise on every target and flush-to-zero modes change nothing.
#pragma once

#include "types.hpp"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace qt {

static inline std::uint16_t loadU16(const std::uint8_t* at) {
    std::uint16_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

static inline std::uint32_t loadU32(const std::uint8_t* at) {
    std::uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

static inline float floatOfBits(std::uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

static inline std::uint32_t bitsOfFloat(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

// 1 sign, 5 exponent, 10 fraction bits. After Maratyszcza/FP16: both cases are computed, one is selected.
// A signalling NaN becomes quiet, as the hardware conversion makes it.
static inline float halfToFloat(std::uint16_t half) {
    const std::uint32_t wide = static_cast<std::uint32_t>(half) << 16;
    const std::uint32_t sign = wide & 0x80000000u;
    const std::uint32_t magnitude = wide + wide;
    const float normal = floatOfBits((magnitude >> 4) + (0xE0u << 23)) * 0x1.0p-112f;
    const float subnormal = floatOfBits((magnitude >> 17) | (126u << 23)) - 0.5f;
    const std::uint32_t isSubnormal = 0u - static_cast<std::uint32_t>(magnitude < (1u << 27));
    return floatOfBits(sign | (bitsOfFloat(subnormal) & isSubnormal) | (bitsOfFloat(normal) & ~isSubnormal));
}

static inline float loadHalf(const std::uint8_t* at) {
#if defined(__F16C__)
    return _cvtsh_ss(loadU16(at));
#else
    return halfToFloat(loadU16(at));
#endif
}

// 1 sign, 8 exponent, 7 fraction bits: the upper half of a float32.
static inline float bfloatToFloat(std::uint16_t half) {
    return floatOfBits(static_cast<std::uint32_t>(half) << 16);
}

}  // namespace qt
