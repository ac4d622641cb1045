// AdamW whose moments are kept in 8 bits: blocks of 256 numbers, each a code of a table times the block's largest size (Dettmers et al.,
// arXiv 2110.02861). The step itself is AdamW's in float32; only what is kept until the next step is rounded. Tensors with fewer than 4096
// numbers stay in float32, as in bitsandbytes.
#include <algorithm>
#include <cmath>

#include "codes.hpp"
#include "optimizer.hpp"

namespace qt {
namespace {

constexpr std::int64_t block = 256;
constexpr std::int64_t fewest = 4096;

std::vector<StateArray> stateOf(const TensorShape& s) {
  if (s.size() < fewest) return adamw.stateOf(s);
  const auto count = static_cast<std::size_t>(s.size()), blocks = (count + block - 1) / block;
  return {{"first_moment", StateType::U8, count},
          {"second_moment", StateType::U8, count},
          {"first_moment.scale", StateType::F32, blocks},
          {"second_moment.scale", StateType::F32, blocks}};
}

// Reads a block of codes; a block that was never written has the scale 0.
void widen(const MomentCodes& codes, const std::uint8_t* from, float scale, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = codes.values[from[i]] * scale;
}

float narrow(const MomentCodes& codes, const float* from, std::uint8_t* to, std::int64_t count) {
  float most = 0;
  for (std::int64_t i = 0; i < count; ++i) most = std::max(most, std::fabs(from[i]));
  const float inverse = most > 0 ? 1.0f / most : 0.0f;
  for (std::int64_t i = 0; i < count; ++i) to[i] = codes.nearest(from[i] * inverse);
  return most;
}

void update(const OptimizedTensor& t, const OptimizerStep& o, const OptimizerContext& context) {
  if (t.shape.size() < fewest) return adamw.update(t, o, context);
  const AdamStep step = adamStep(o);
  auto *first = t.array<std::uint8_t>(0), *second = t.array<std::uint8_t>(1);
  float *firstScale = t.array<float>(2), *secondScale = t.array<float>(3);
  overElements(context.pool(), t.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    float m[block], v[block];
    for (std::int64_t i = begin; i < end; i += block) {
      const std::int64_t count = std::min(block, end - i), at = i / block;
      widen(signedCodes(), first + i, firstScale[at], m, count);
      widen(unsignedCodes(), second + i, secondScale[at], v, count);
      context.kernels().adamw(t.parameter + i, t.gradient + i, m, v, count, step);
      firstScale[at] = narrow(signedCodes(), m, first + i, count);
      secondScale[at] = narrow(unsignedCodes(), v, second + i, count);
    }
  });
}

}  // namespace

const Optimizer adamw8bit{stateOf, update};

}  // namespace qt
