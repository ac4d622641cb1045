//   m ← m + (1 − β₁)(g − m)    u = g + β₁(m − g)    O ≈ u·(uᵀu)^−½    p ← p − η·λ·p − 0.2·√max(rows, columns)·η·O
// Newton and Schulz' iteration gives O:  X = u/‖u‖, five times X ← (a·I + b·A + c·A²)·X with A = X·Xᵀ, in float32. Where there are more rows
// than columns A is Xᵀ·X and stands on the right, so nothing is transposed.
#include "muon.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <qt/blocks/types.hpp>

#include "product.hpp"
#include "sums.cuh"

namespace qt::cuda {
namespace {

constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
constexpr int iterations = 5;
constexpr double leastNorm = 1e-7;

__global__ void __launch_bounds__(sumThreads) takeMomentum(const float* gradient, float* momentum, float* x, std::int64_t count, float beta1,
                                                           const GradientNorm* norm) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * sumThreads + threadIdx.x;
  if (i >= count || stopped(norm)) return;
  const float g = gradient[i] * scaleOf(norm);
  const float m = momentum[i] + (1.0f - beta1) * (g - momentum[i]);
  momentum[i] = m;
  x[i] = g + beta1 * (m - g);
}

__global__ void __launch_bounds__(sumThreads) normalise(float* x, std::int64_t count, const double* squares) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * sumThreads + threadIdx.x;
  if (i < count) x[i] *= static_cast<float>(1.0 / fmax(sqrt(*squares), leastNorm));
}

// square, which is A², becomes a·I + b·A + c·A².
__global__ void __launch_bounds__(sumThreads) makePolynomial(const float* gram, float* square, std::int64_t side) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * sumThreads + threadIdx.x;
  if (i >= side * side) return;
  square[i] = static_cast<float>(b) * gram[i] + static_cast<float>(c) * square[i] + (i / side == i % side ? static_cast<float>(a) : 0.0f);
}

__global__ void __launch_bounds__(sumThreads) step(float* parameter, const float* x, std::int64_t count, float keep, float rate, const GradientNorm* norm) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * sumThreads + threadIdx.x;
  if (i < count && !stopped(norm)) parameter[i] = parameter[i] * keep - rate * x[i];
}

struct Matrix {
  const float* data;
  std::int64_t rows, columns;  // as stored
  bool transposed;
};

// out = L·R, L as it is stored unless transposed, and so R.
Product productOf(const Matrix& left, const Matrix& right, float* out) {
  const auto view = [](const Matrix& m) {
    return MatrixView{m.data, TensorType::F32, m.rows, m.columns, static_cast<std::size_t>(m.columns) * sizeof(float)};
  };
  Product p;
  p.rows = static_cast<std::int32_t>(left.transposed ? left.columns : left.rows);
  p.columns = static_cast<std::int32_t>(right.transposed ? right.rows : right.columns);
  p.out = out;
  p.outStride = p.columns;
  p.addPlain(view(left), left.transposed, view(right), right.transposed, static_cast<std::int32_t>(left.transposed ? left.rows : left.columns));
  return p;
}

struct Scratch {
  float *x, *next, *gram, *polynomial;
  double* squares;
  void* partials;
  void* products;
};

std::size_t align16(std::size_t bytes) { return (bytes + 15) / 16 * 16; }

// Lays the workspace out from `start` (null: for its size alone).
std::size_t lay(std::int64_t rows, std::int64_t columns, unsigned char* start, Scratch& s) {
  const std::int64_t count = rows * columns, side = std::min(rows, columns);
  std::size_t used = 0;
  const auto take = [&](std::size_t bytes) {
    unsigned char* p = start == nullptr ? nullptr : start + used;
    used += align16(bytes);
    return p;
  };
  s.x = reinterpret_cast<float*>(take(sizeof(float) * count));
  s.next = reinterpret_cast<float*>(take(sizeof(float) * count));
  s.gram = reinterpret_cast<float*>(take(sizeof(float) * side * side));
  s.polynomial = reinterpret_cast<float*>(take(sizeof(float) * side * side));
  s.squares = reinterpret_cast<double*>(take(sizeof(double)));
  s.partials = take(squaresWorkspace(count));
  const bool upright = rows > columns;
  const Matrix x{nullptr, rows, columns, upright}, other{nullptr, rows, columns, !upright}, square{nullptr, side, side, false}, plain{nullptr, rows, columns, false};
  const std::size_t most = std::max({productWorkspace(productOf(x, other, nullptr), Precision::F32),
                                     productWorkspace(productOf(square, square, nullptr), Precision::F32),
                                     productWorkspace(upright ? productOf(plain, square, nullptr) : productOf(square, plain, nullptr), Precision::F32)});
  s.products = most == 0 ? nullptr : take(most);
  return used;
}

}  // namespace

std::size_t muonWorkspace(std::int64_t rows, std::int64_t columns) {
  Scratch s;
  return lay(rows, columns, nullptr, s);
}

Status muon(float* parameter, const float* gradient, float* momentum, std::int64_t rows, std::int64_t columns, float learningRate, float beta1,
            float weightDecay, const GradientNorm* norm, void* workspace, Stream stream) {
  const std::int64_t count = rows * columns, side = std::min(rows, columns);
  if (count == 0) return Status::Ok;
  if (workspace == nullptr) return Status::BadShape;
  Scratch s;
  lay(rows, columns, static_cast<unsigned char*>(workspace), s);
  const bool upright = rows > columns;
  Status status = Status::Ok;
  const auto then = [&](Status next) {
    if (status == Status::Ok) status = next;
  };
  const auto over = [](std::int64_t n) { return static_cast<unsigned>((n + sumThreads - 1) / sumThreads); };
  then(launch(takeMomentum, over(count), sumThreads, 0, stream, gradient, momentum, s.x, count, beta1, norm));
  then(sumOfSquares(s.x, count, s.partials, s.squares, stream));
  then(launch(normalise, over(count), sumThreads, 0, stream, s.x, count, s.squares));
  for (int i = 0; i < iterations && status == Status::Ok; ++i) {
    const Matrix x{s.x, rows, columns, false}, turned{s.x, rows, columns, true}, gram{s.gram, side, side, false}, polynomial{s.polynomial, side, side, false};
    then(product(upright ? productOf(turned, x, s.gram) : productOf(x, turned, s.gram), Precision::F32, s.products, stream));
    then(product(productOf(gram, gram, s.polynomial), Precision::F32, s.products, stream));
    then(launch(makePolynomial, over(side * side), sumThreads, 0, stream, s.gram, s.polynomial, side));
    then(product(upright ? productOf(x, polynomial, s.next) : productOf(polynomial, x, s.next), Precision::F32, s.products, stream));
    std::swap(s.x, s.next);
  }
  const auto rate = static_cast<float>(0.2 * std::sqrt(static_cast<double>(std::max(rows, columns))) * learningRate);
  then(launch(step, over(count), sumThreads, 0, stream, parameter, s.x, count, 1.0f - learningRate * weightDecay, rate, norm));
  return status;
}

}  // namespace qt::cuda
