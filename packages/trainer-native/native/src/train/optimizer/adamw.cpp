// AdamW (Loshchilov & Hutter, arXiv 1711.05101), as PyTorch computes it:
//   m ← β₁m + (1 − β₁)g    v ← β₂v + (1 − β₂)g²    p ← p − η·λ·p − η·(m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε)
#include <cmath>

#include "optimizer.hpp"

namespace qt {

AdamStep adamStep(const OptimizerStep& o) {
  const auto correction = [&](float beta) { return static_cast<float>(1.0 - std::pow(static_cast<double>(beta), static_cast<double>(o.step))); };
  return {o.learningRate, o.beta1, o.beta2, o.epsilon, o.weightDecay, correction(o.beta1), correction(o.beta2), o.gradScale};
}

namespace {

std::vector<StateArray> stateOf(const TensorShape& shape) {
  const auto count = static_cast<std::size_t>(shape.size());
  return {{"first_moment", StateType::F32, count}, {"second_moment", StateType::F32, count}};
}

void update(const OptimizedTensor& t, const OptimizerStep& o, const OptimizerContext& context) {
  const AdamStep step = adamStep(o);
  float *m = t.array<float>(0), *v = t.array<float>(1);
  overElements(context.pool(), t.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    context.kernels().adamw(t.parameter + begin, t.gradient + begin, m + begin, v + begin, end - begin, step);
  });
}

}  // namespace

const Optimizer adamw{stateOf, update};

}  // namespace qt
