// Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon), as PyTorch computes it, for the matrices of blocks; everything else takes
// AdamW's step. The rate is scaled so that steps are as long as AdamW's (Liu et al., arXiv 2502.16982): one learning rate serves both.
//   m ← m + (1 − β₁)(g − m)    u = g + β₁(m − g)    O ≈ u·(uᵀu)^−½    p ← p − η·λ·p − 0.2·√max(rows, columns)·η·O
// Newton and Schulz' iteration gives O:  X = u/‖u‖, five times X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ
#include <algorithm>
#include <cmath>

#include "optimizer.hpp"

namespace qt {
namespace {

constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
constexpr int iterations = 5;
constexpr double leastNorm = 1e-7;
constexpr std::int64_t rowsPerTask = 16;

std::vector<StateArray> stateOf(const TensorShape& s) {
  if (!s.hidden) return adamw.stateOf(s);
  return {{"momentum", StateType::F32, static_cast<std::size_t>(s.size())}};
}

std::size_t scratchOf(const TensorShape& s) {
  if (!s.hidden) return 0;
  const std::int64_t side = std::min(s.rows, s.columns);
  return static_cast<std::size_t>(2 * s.size() + 2 * side * side);
}

// out = factor·own + L·R (or L·Rᵀ), all float32; `own` may be null.
void multiplyInto(const ProductContext& products, float* out, const float* left, std::int64_t rows, std::int64_t depth, const float* right,
                  std::int64_t columns, bool rightTransposed, double factor, const float* own) {
  Product p;
  p.rows = static_cast<std::int32_t>(rows);
  p.columns = static_cast<std::int32_t>(columns);
  p.out = out;
  p.outStride = columns;
  p.addPlain(dense(left, DType::F32, rows, depth), false,
             rightTransposed ? dense(right, DType::F32, columns, depth) : dense(right, DType::F32, depth, columns), rightTransposed,
             static_cast<std::int32_t>(depth));
  multiply(products, p);
  if (own == nullptr) return;
  overElements(*products.pool, rows * columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) out[i] += static_cast<float>(factor) * own[i];
  });
}

void update(const OptimizedTensor& t, const OptimizerStep& o, const OptimizerContext& context) {
  if (!t.shape.hidden) return adamw.update(t, o, context);
  const std::int64_t rows = t.shape.rows, columns = t.shape.columns, count = t.shape.size();
  const bool upright = rows > columns;  // the iteration works on the shorter side
  const std::int64_t side = upright ? columns : rows, length = upright ? rows : columns;
  float* momentum = t.array<float>(0);
  float *x = context.scratch, *next = x + count, *gram = next + count, *polynomial = gram + side * side;
  ProductContext exact = context.products;
  exact.bf16 = false;

  context.pool().run((rows + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    for (std::int64_t r = task * rowsPerTask; r < std::min(rows, (task + 1) * rowsPerTask); ++r)
      for (std::int64_t k = 0; k < columns; ++k) {
        const std::int64_t i = r * columns + k;
        const float g = o.gradScale * t.gradient[i];
        momentum[i] += (1.0f - o.beta1) * (g - momentum[i]);
        x[upright ? k * rows + r : i] = g + o.beta1 * (momentum[i] - g);
      }
  });
  const double squares = sumOverElements(context.pool(), count, [&](std::int64_t begin, std::int64_t end) {
    return context.kernels().sumOfSquares(x + begin, end - begin);
  });
  const auto inverse = static_cast<float>(1.0 / std::max(std::sqrt(squares), leastNorm));
  overElements(context.pool(), count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) x[i] *= inverse;
  });
  for (int i = 0; i < iterations; ++i) {
    multiplyInto(exact, gram, x, side, length, x, side, true, 0, nullptr);
    multiplyInto(exact, polynomial, gram, side, side, gram, side, true, 0, nullptr);  // A is symmetric
    overElements(context.pool(), side * side, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t j = begin; j < end; ++j) polynomial[j] = static_cast<float>(b * gram[j] + c * polynomial[j]);
    });
    multiplyInto(exact, next, polynomial, side, side, x, length, false, a, x);
    std::swap(x, next);
  }
  const auto rate = static_cast<float>(0.2 * std::sqrt(static_cast<double>(std::max(rows, columns))) * o.learningRate);
  const float keep = 1.0f - o.learningRate * o.weightDecay;
  context.pool().run((rows + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    for (std::int64_t r = task * rowsPerTask; r < std::min(rows, (task + 1) * rowsPerTask); ++r)
      for (std::int64_t k = 0; k < columns; ++k) {
        float& p = t.parameter[r * columns + k];
        p = p * keep - rate * x[upright ? k * rows + r : r * columns + k];
      }
  });
}

}  // namespace

const Optimizer muon{stateOf, update, scratchOf};

}  // namespace qt
