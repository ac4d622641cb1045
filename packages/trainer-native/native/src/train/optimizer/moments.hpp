// How an optimiser keeps a moment in 8 bits: a code for each number, and for each run of numbers the size that its codes are parts of.
#pragma once
#include <cstdint>

#include "codes.hpp"

namespace qt {

inline constexpr std::int64_t momentRun = 256;
// Tensors with fewer numbers stay in float32, as in bitsandbytes.
inline constexpr std::int64_t fewestIn8Bits = 4096;

// A run that was never written has the scale 0.
void widenMoments(const MomentCodes& codes, const std::uint8_t* from, const float* scales, std::int64_t count, float* to);
void narrowMoments(const MomentCodes& codes, const float* from, std::int64_t count, std::uint8_t* to, float* scales);

}  // namespace qt
