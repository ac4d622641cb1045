// AdamW whose moments are kept in 8 bits: blocks of 256 numbers, each a code of a table times the block's largest size (Dettmers et al.,
// arXiv 2110.02861). The step itself is AdamW's in float32; only what is kept until the next step is rounded.
#include <algorithm>

#include "moments.hpp"
#include "optimizer.hpp"

namespace qt {
namespace {

std::vector<StateArray> stateOf(const TensorShape& s) {
  if (s.size() < fewestIn8Bits || s.inFloat32) return adamw.stateOf(s);
  const auto count = static_cast<std::size_t>(s.size()), runs = (count + momentRun - 1) / momentRun;
  return {{"first_moment", StateType::U8, count},
          {"second_moment", StateType::U8, count},
          {"first_moment.scale", StateType::F32, runs, momentRun},
          {"second_moment.scale", StateType::F32, runs, momentRun}};
}

void update(const OptimizedTensor& t, const OptimizerStep& o, const OptimizerContext& context) {
  if (t.arrays->front().type == StateType::F32) return adamw.update(t, o, context);
  const AdamStep step = adamStep(o);
  auto *first = t.array<std::uint8_t>(0), *second = t.array<std::uint8_t>(1);
  float *firstScale = t.array<float>(2), *secondScale = t.array<float>(3);
  overElements(context.pool(), t.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    float m[momentRun], v[momentRun];
    for (std::int64_t i = begin; i < end; i += momentRun) {
      const std::int64_t count = std::min(momentRun, end - i), at = i / momentRun;
      widenMoments(signedCodes(), first + i, firstScale + at, count, m);
      widenMoments(unsignedCodes(), second + i, secondScale + at, count, v);
      context.kernels().adamw(t.parameter + i, t.gradient + i, m, v, count, step);
      narrowMoments(signedCodes(), m, count, first + i, firstScale + at);
      narrowMoments(unsignedCodes(), v, count, second + i, secondScale + at);
    }
  });
}

}  // namespace

const Optimizer adamw8bit{stateOf, update};

}  // namespace qt
