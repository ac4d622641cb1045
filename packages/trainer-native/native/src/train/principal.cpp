#include "principal.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "../memory.hpp"
#include "../philox.hpp"
#include "../threads.hpp"

namespace qt {
namespace {

// Directions beyond the rank that are carried along, and how often they are turned towards the large ones.
constexpr std::int64_t spare = 16;
constexpr int turns = 8;
constexpr std::int64_t columnsPerTask = 1024;  // sums are cut here, whatever the number of threads

// Rows that lie one after the other.
struct Rows {
  std::vector<float> data;
  std::int64_t count, length;
  Rows(std::int64_t count, std::int64_t length) : data(static_cast<std::size_t>(count * length)), count(count), length(length) {}
  float* row(std::int64_t i) { return data.data() + i * length; }
  MatrixView view() const { return dense(data.data(), DType::F32, count, length); }
};

// out = x·Wᵀ, or x·W.
void times(const ProductContext& products, const Rows& x, const MatrixView& weight, bool transposed, Rows& out) {
  Product p;
  p.rows = static_cast<std::int32_t>(x.count);
  p.columns = static_cast<std::int32_t>(out.length);
  p.out = out.data.data();
  p.outStride = out.length;
  p.addPlain(x.view(), false, weight, transposed, static_cast<std::int32_t>(x.length));
  multiply(products, p);
}

// x·xᵀ in double precision.
std::vector<double> gram(ThreadPool& pool, Rows& x) {
  const std::int64_t n = x.count, tasks = (x.length + columnsPerTask - 1) / columnsPerTask;
  std::vector<double> parts(static_cast<std::size_t>(tasks * n * n)), sum(static_cast<std::size_t>(n * n));
  pool.run(tasks, [&](std::int64_t task, int) {
    const std::int64_t begin = task * columnsPerTask, end = std::min(x.length, begin + columnsPerTask);
    double* out = parts.data() + task * n * n;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        const float *a = x.row(i), *b = x.row(j);
        double total = 0;
        for (std::int64_t c = begin; c < end; ++c) total += static_cast<double>(a[c]) * b[c];
        out[i * n + j] = out[j * n + i] = total;
      }
  });
  for (std::int64_t task = 0; task < tasks; ++task)
    for (std::int64_t i = 0; i < n * n; ++i) sum[i] += parts[task * n * n + i];
  return sum;
}

// Rows become combinations of themselves: x ← M·x.
void combine(ThreadPool& pool, Rows& x, const std::vector<double>& m) {
  const std::int64_t n = x.count;
  pool.run((x.length + columnsPerTask - 1) / columnsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * columnsPerTask, width = std::min(x.length, begin + columnsPerTask) - begin;
    std::vector<double> out(static_cast<std::size_t>(n * width));
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const double factor = m[i * n + j];
        if (factor == 0) continue;
        const float* from = x.row(j) + begin;
        double* to = out.data() + i * width;
        for (std::int64_t c = 0; c < width; ++c) to[c] += factor * from[c];
      }
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t c = 0; c < width; ++c) x.row(i)[begin + c] = static_cast<float>(out[i * width + c]);
  });
}

// Orthonormal rows of the same span, by the Cholesky factor of their Gram matrix; twice, since the first rounds. What depends on the
// others becomes zero.
void orthonormalise(ThreadPool& pool, Rows& x) {
  const std::int64_t n = x.count;
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<double> l = gram(pool, x), inverse(static_cast<std::size_t>(n * n));
    for (std::int64_t i = 0; i < n; ++i) {
      const double whole = l[i * n + i];
      for (std::int64_t j = 0; j <= i; ++j) {
        double value = l[i * n + j];
        for (std::int64_t k = 0; k < j; ++k) value -= l[i * n + k] * l[j * n + k];
        if (j < i) l[i * n + j] = l[j * n + j] > 0 ? value / l[j * n + j] : 0;
        else l[i * n + i] = value > 1e-12 * whole ? std::sqrt(value) : 0;
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      if (l[i * n + i] == 0) continue;
      inverse[i * n + i] = 1 / l[i * n + i];
      for (std::int64_t j = 0; j < i; ++j) {
        double value = 0;
        for (std::int64_t k = j; k < i; ++k) value -= l[i * n + k] * inverse[k * n + j];
        inverse[i * n + j] = value / l[i * n + i];
      }
    }
    combine(pool, x, inverse);
  }
}

// The vectors of a symmetric matrix as rows, of the largest values first; `values` receives those. Cyclic Jacobi rotations (Golub and
// Van Loan, 8.5).
std::vector<double> eigenvectors(std::vector<double> a, std::int64_t n, std::vector<double>& values) {
  std::vector<double> vectors(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i) vectors[i * n + i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, diagonal = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      diagonal += a[i * n + i] * a[i * n + i];
      for (std::int64_t j = 0; j < i; ++j) off += a[i * n + j] * a[i * n + j];
    }
    if (off <= 1e-30 * diagonal) break;
    for (std::int64_t p = 0; p < n; ++p)
      for (std::int64_t q = p + 1; q < n; ++q) {
        const double apq = a[p * n + q];
        if (apq == 0) continue;
        const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        const auto turn = [&](double& x, double& y) {
          const double before = x;
          x = c * before - s * y;
          y = s * before + c * y;
        };
        for (std::int64_t k = 0; k < n; ++k) turn(a[k * n + p], a[k * n + q]);
        for (std::int64_t k = 0; k < n; ++k) {
          turn(a[p * n + k], a[q * n + k]);
          turn(vectors[p * n + k], vectors[q * n + k]);
        }
      }
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) { return a[i * n + i] > a[j * n + j]; });
  std::vector<double> sorted(vectors.size());
  values.resize(static_cast<std::size_t>(n));
  for (std::int64_t k = 0; k < n; ++k) {
    values[k] = a[order[k] * n + order[k]];
    std::copy_n(vectors.begin() + order[k] * n, n, sorted.begin() + k * n);
  }
  return sorted;
}

}  // namespace

bool principalFactors(const ProductContext& given, const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream,
                      const std::atomic<bool>& abort) {
  ProductContext products = given;  // directions are worth float32
  products.bf16 = false;
  ThreadPool& pool = *products.pool;
  const std::int64_t outputs = weight.rows, inputs = weight.columns, width = std::min({out.rank + spare, outputs, inputs});
  Rows u(width, outputs), v(width, inputs);
  constexpr std::uint32_t purpose = 1;  // core's purposes.initialise
  for (std::size_t i = 0; i < v.data.size(); i += 4) {
    std::uint32_t word[4];
    philox(i / 4, stream, purpose, seed, word);
    for (std::size_t j = 0; j < 4 && i + j < v.data.size(); ++j) v.data[i + j] = static_cast<float>(word[j] / 2147483648.0 - 1.0);
  }
  for (int turn = 0; turn <= turns; ++turn) {
    if (abort.load(std::memory_order_relaxed)) return false;
    times(products, v, weight, true, u);
    orthonormalise(pool, u);
    times(products, u, weight, false, v);
    if (turn < turns) orthonormalise(pool, v);
  }
  // Uᵀ·W = V: V's Gram matrix has the squares of the singular values.
  std::vector<double> squares;
  const std::vector<double> turned = eigenvectors(gram(pool, v), width, squares);
  combine(pool, u, turned);
  combine(pool, v, turned);
  std::fill_n(out.a, out.rank * inputs, 0.0f);
  std::fill_n(out.b, outputs * out.rank, 0.0f);
  for (std::int64_t k = 0; k < std::min(out.rank, width); ++k) {
    // σ·u·vᵀ where v's row is σ·vᵀ: both factors get the root of σ/scale.
    const double sigma = std::sqrt(std::max(0.0, squares[k]));
    if (sigma == 0) continue;
    const double root = std::sqrt(sigma / out.scale);
    for (std::int64_t c = 0; c < inputs; ++c) out.a[k * inputs + c] = static_cast<float>(root / sigma * v.row(k)[c]);
    for (std::int64_t r = 0; r < outputs; ++r) out.b[r * out.rank + k] = static_cast<float>(root * u.row(k)[r]);
  }
  return true;
}

bool principalFactorsHere(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort) {
  ThreadPool pool(availableProcessors());
  std::vector<unsigned char> scratch(mostProductScratch(std::max(weight.rows, weight.columns), 1 << 20, kernels()) * pool.threads() + 64);
  auto* aligned = reinterpret_cast<unsigned char*>(roundUpBytes(reinterpret_cast<std::uintptr_t>(scratch.data())));
  const ProductContext products{&kernels(), &pool, false, aligned, (scratch.size() - 64) / pool.threads() / 64 * 64};
  return principalFactors(products, weight, out, seed, stream, abort);
}

}  // namespace qt
