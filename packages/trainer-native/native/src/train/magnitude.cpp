#include "magnitude.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace qt {
namespace {
constexpr std::int64_t rowsPerTask = 64;

// Calls body(begin, end) over rows, in tasks of fixed size.
template <class Body>
void overRows(ThreadPool& pool, std::int64_t rows, std::int64_t together, const Body& body) {
  pool.run((rows + together - 1) / together, [&](std::int64_t task, int) { body(task * together, std::min(rows, (task + 1) * together)); });
}
}  // namespace

void rowSquares(ThreadPool& pool, const KernelTable& kernels, const MatrixView& weight, float* squares) {
  overRows(pool, weight.rows, rowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(weight.columns) + 256);
    for (std::int64_t r = begin; r < end; ++r) {
      kernels.decodeRow(weight, r, row.data());
      squares[r] = static_cast<float>(kernels.sumOfSquares(row.data(), weight.columns));
    }
  });
}

std::size_t normScratch(std::int64_t outputs, std::int64_t rank) { return static_cast<std::size_t>((outputs + rank) * rank); }

void adaptedNorms(const ProductContext& products, const AdaptedWeight& adapted, const float* squares, float* norms, float* scratch) {
  const auto& [weight, a, b, scale] = adapted;
  const std::int64_t outputs = weight.rows, rank = a.rows;
  float* cross = scratch;                   // A·Wᵀ [rank, outputs]
  float* gram = scratch + rank * outputs;   // A·Aᵀ [rank, rank]
  Product p;
  p.rows = static_cast<std::int32_t>(rank);
  p.columns = static_cast<std::int32_t>(outputs);
  p.out = cross;
  p.outStride = outputs;
  p.addPlain(a, false, weight, true, static_cast<std::int32_t>(weight.columns));
  ProductContext exact = products;  // the norm is worth float32
  exact.bf16 = false;
  multiply(exact, p);
  const KernelTable& kernels = *products.kernels;
  overRows(*products.pool, rank, 4, [&](std::int64_t begin, std::int64_t end) {
    kernels.rowsTimes(a, static_cast<const float*>(a.data), static_cast<std::int32_t>(rank), begin, end, gram, rank);
  });
  const MatrixView gramView = dense(gram, DType::F32, rank, rank);
  overRows(*products.pool, outputs, rowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> through(static_cast<std::size_t>((end - begin) * rank));  // B·(A·Aᵀ)
    const float* rows = static_cast<const float*>(b.data) + begin * rank;
    kernels.rowsTimes(gramView, rows, static_cast<std::int32_t>(end - begin), 0, rank, through.data(), rank);
    for (std::int64_t r = begin; r < end; ++r) {
      double sum = squares[r];
      for (std::int64_t i = 0; i < rank; ++i) {
        const double inner = 2.0 * scale * cross[i * outputs + r] + static_cast<double>(scale) * scale * through[(r - begin) * rank + i];
        sum += rows[(r - begin) * rank + i] * inner;
      }
      norms[r] = static_cast<float>(std::sqrt(std::max(sum, 0.0)));
    }
  });
}

}  // namespace qt
