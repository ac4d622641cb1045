// All 65,536 values of float16 and bfloat16, against arithmetic in double precision.
#include <qt/blocks.hpp>

#include <cmath>
#include <vector>

#include "check.hpp"

int main() {
#if defined(__AVX2__)
    if (!__builtin_cpu_supports("avx2")) return std::puts("skipped: this processor has no AVX2"), 0;
#endif
    std::vector<std::uint16_t> halves(65536);
    std::vector<float> fromHalf(65536), fromBfloat(65536);
    for (std::uint32_t i = 0; i < 65536; i++) halves[i] = static_cast<std::uint16_t>(i);
    qt::decodeBlocks(qt::TensorType::F16, halves.data(), halves.size(), fromHalf.data());
    qt::decodeBlocks(qt::TensorType::BF16, halves.data(), halves.size(), fromBfloat.data());

    for (std::uint32_t i = 0; i < 65536; i++) {
        CHECK(qt::bitsOfFloat(fromBfloat[i]) == i << 16);
        const std::uint32_t sign = i >> 15 << 31, exponent = i >> 10 & 31, fraction = i & 1023;
        std::uint32_t expected = sign | 0x7F800000u;
        if (exponent == 31 && fraction != 0) expected |= 0x400000u | fraction << 13;
        if (exponent < 31) {
            const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, static_cast<int>(exponent) - 25);
            expected = sign | qt::bitsOfFloat(static_cast<float>(magnitude));
        }
        CHECK(qt::bitsOfFloat(fromHalf[i]) == expected);
        CHECK(qt::bitsOfFloat(qt::halfToFloat(halves[i])) == expected);
        CHECK(qt::bitsOfFloat(qt::loadHalf(reinterpret_cast<const std::uint8_t*>(&halves[i]))) == expected);
    }
    return report("half_test");
}
