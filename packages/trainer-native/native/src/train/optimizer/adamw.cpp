// AdamW (Loshchilov & Hutter, arXiv 1711.05101), as PyTorch computes it:
//   m ← β₁m + (1 − β₁)g    v ← β₂v + (1 − β₂)g²    p ← p − η·λ·p − η·(m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε)
#include <cmath>

#include "optimizer.hpp"

namespace qt {
namespace {

std::vector<StateArray> stateOf(const TensorShape& shape) {
  const auto count = static_cast<std::size_t>(shape.size());
  return {{"first_moment", StateType::F32, count}, {"second_moment", StateType::F32, count}};
}

void update(const OptimizedTensor& t, const OptimizerStep& o, const OptimizerContext& context) {
  AdamStep step{};
  step.learningRate = o.learningRate;
  step.beta1 = o.beta1;
  step.beta2 = o.beta2;
  step.epsilon = o.epsilon;
  step.weightDecay = o.weightDecay;
  step.correction1 = static_cast<float>(1.0 - std::pow(static_cast<double>(o.beta1), static_cast<double>(o.step)));
  step.correction2 = static_cast<float>(1.0 - std::pow(static_cast<double>(o.beta2), static_cast<double>(o.step)));
  step.gradScale = o.gradScale;
  float *m = t.array<float>(0), *v = t.array<float>(1);
  overElements(context.pool(), t.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    context.kernels().adamw(t.parameter + begin, t.gradient + begin, m + begin, v + begin, end - begin, step);
  });
}

}  // namespace

const Optimizer adamw{stateOf, update};

}  // namespace qt
