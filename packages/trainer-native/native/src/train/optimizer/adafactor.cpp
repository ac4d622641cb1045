// Adafactor (Shazeer & Stern, arXiv 1804.04235), as PyTorch computes it. Of a matrix only the mean squares of rows and columns are kept:
//   ρ = t^−0.8    R ← R + ρ(mean_columns g² − R)    C ← C + ρ(mean_rows g² − C)    v = R·Cᵀ/mean(R)
//   u = g/√v    p ← p − η·λ·p − max(10⁻³, rms(p))·min(η, 1/√t)·u/max(1, rms(u))
#include <algorithm>
#include <cmath>
#include <limits>

#include "optimizer.hpp"

namespace qt {
namespace {

constexpr float smallest = std::numeric_limits<float>::epsilon();
constexpr double leastScale = 1e-3;
constexpr std::int64_t rowsPerTask = 64;
constexpr std::int64_t columnsPerTask = 64;

bool factored(const TensorShape& s) { return s.rows > 1 && s.columns > 1; }

std::vector<StateArray> stateOf(const TensorShape& s) {
  if (!factored(s)) return {{"second_moment", StateType::F32, static_cast<std::size_t>(s.size())}};
  return {{"row_squares", StateType::F32, static_cast<std::size_t>(s.rows)}, {"column_squares", StateType::F32, static_cast<std::size_t>(s.columns)}};
}

void gatherSquares(const OptimizedTensor& t, const OptimizerStep& o, float towards, const OptimizerContext& context) {
  const std::int64_t rows = t.shape.rows, columns = t.shape.columns;
  const double square = static_cast<double>(o.gradScale) * o.gradScale;
  float *rowSquares = t.array<float>(0), *columnSquares = t.array<float>(1);
  context.pool().run((rows + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    for (std::int64_t r = task * rowsPerTask; r < std::min(rows, (task + 1) * rowsPerTask); ++r) {
      const auto mean = static_cast<float>(square * context.kernels().sumOfSquares(t.gradient + r * columns, columns) / static_cast<double>(columns));
      rowSquares[r] += towards * (mean - rowSquares[r]);
    }
  });
  context.pool().run((columns + columnsPerTask - 1) / columnsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * columnsPerTask, count = std::min(columns - begin, columnsPerTask);
    double sums[columnsPerTask] = {};
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < count; ++c) {
        const double g = t.gradient[r * columns + begin + c];
        sums[c] += g * g;
      }
    for (std::int64_t c = 0; c < count; ++c) {
      float& kept = columnSquares[begin + c];
      kept += towards * (static_cast<float>(square * sums[c] / static_cast<double>(rows)) - kept);
    }
  });
}

void update(const OptimizedTensor& t, const OptimizerStep& o, const OptimizerContext& context) {
  const std::int64_t rows = t.shape.rows, columns = t.shape.columns;
  const std::int64_t count = t.shape.size();
  const auto step = static_cast<double>(o.step);
  const auto towards = static_cast<float>(std::pow(step, -0.8));
  const bool matrix = factored(t.shape);
  const float* rowSquares = t.array<float>(0);
  const float* columnSquares = matrix ? t.array<float>(1) : nullptr;
  float* squares = t.array<float>(0);
  double mean = 1;
  if (matrix) {
    gatherSquares(t, o, towards, context);
    mean = 0;
    for (std::int64_t r = 0; r < rows; ++r) mean += rowSquares[r];
    mean = std::max(mean / static_cast<double>(rows), static_cast<double>(smallest));
  } else {
    overElements(context.pool(), count, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const float g = o.gradScale * t.gradient[i];
        squares[i] += towards * (g * g - squares[i]);
      }
    });
  }
  const auto inverseMean = static_cast<float>(1.0 / mean);
  const auto change = [&](std::int64_t i) {
    const float v = matrix ? rowSquares[i / columns] * columnSquares[i % columns] * inverseMean : squares[i];
    return o.gradScale * t.gradient[i] / std::sqrt(std::max(v, smallest * smallest));
  };
  const double changed = sumOverElements(context.pool(), count, [&](std::int64_t begin, std::int64_t end) {
    double sum = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const double u = change(i);
      sum += u * u;
    }
    return sum;
  });
  const double length = sumOverElements(context.pool(), count, [&](std::int64_t begin, std::int64_t end) {
    return context.kernels().sumOfSquares(t.parameter + begin, end - begin);
  });
  const double root = std::sqrt(static_cast<double>(count));
  const double scale = std::max(leastScale, std::sqrt(length) / root) * std::min(static_cast<double>(o.learningRate), 1.0 / std::sqrt(step));
  const auto rate = static_cast<float>(scale / std::max(1.0, std::sqrt(changed) / root));
  const float keep = 1.0f - o.learningRate * o.weightDecay;
  overElements(context.pool(), count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) t.parameter[i] = t.parameter[i] * keep - rate * change(i);
  });
}

}  // namespace

const Optimizer adafactor{stateOf, update};

}  // namespace qt
