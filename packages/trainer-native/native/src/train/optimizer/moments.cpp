#include "moments.hpp"

#include <algorithm>
#include <cmath>

namespace qt {

void widenMoments(const MomentCodes& codes, const std::uint8_t* from, const float* scales, std::int64_t count, float* to) {
  for (std::int64_t begin = 0; begin < count; begin += momentRun) {
    const float scale = scales[begin / momentRun];
    for (std::int64_t i = begin, end = std::min(count, begin + momentRun); i < end; ++i) to[i] = codes.values[from[i]] * scale;
  }
}

void narrowMoments(const MomentCodes& codes, const float* from, std::int64_t count, std::uint8_t* to, float* scales) {
  for (std::int64_t begin = 0; begin < count; begin += momentRun) {
    const std::int64_t end = std::min(count, begin + momentRun);
    float most = 0;
    for (std::int64_t i = begin; i < end; ++i) most = std::max(most, std::fabs(from[i]));
    const float inverse = most > 0 ? 1.0f / most : 0.0f;
    for (std::int64_t i = begin; i < end; ++i) to[i] = codes.nearest(from[i] * inverse);
    scales[begin / momentRun] = most;
  }
}

}  // namespace qt
