// Gradient descent with momentum (Polyak), as PyTorch computes it:  m ← β₁m + g    p ← p − η·λ·p − η·m
#include "optimizer.hpp"

namespace qt {
namespace {

std::vector<StateArray> stateOf(const TensorShape& shape) { return {{"momentum", StateType::F32, static_cast<std::size_t>(shape.size())}}; }

void update(const OptimizedTensor& t, const OptimizerStep& o, const OptimizerContext& context) {
  float* momentum = t.array<float>(0);
  overElements(context.pool(), t.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      momentum[i] = o.beta1 * momentum[i] + o.gradScale * t.gradient[i];
      t.parameter[i] -= o.learningRate * (o.weightDecay * t.parameter[i] + momentum[i]);
    }
  });
}

}  // namespace

const Optimizer sgd{stateOf, update};

}  // namespace qt
