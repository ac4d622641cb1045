// DoRA (Liu et al., arXiv 2402.09353): an adapter that trains the length of each of a weight's rows apart from its direction.
//   W' = diag(c)·(W + s·B·A),  c = m / ‖W + s·B·A‖ by rows; no gradient flows through the norm.
#pragma once
#include "../product.hpp"

namespace qt {

// One adapted projection. Nothing of the size of W is ever made:
//   ‖W + sBA‖² = ‖W‖² + 2s·rowdot(B, W·Aᵀ) + s²·rowdot(B·(A·Aᵀ), B)
struct AdaptedWeight {
  MatrixView weight;  // [outputs, inputs]
  MatrixView a;       // float32 [rank, inputs]
  MatrixView b;       // float32 [outputs, rank]
  float scale;
};

// ‖W‖² of each row.
void rowSquares(ThreadPool& pool, const KernelTable& kernels, const MatrixView& weight, float* squares);

// Floats of scratch that adaptedNorms asks for.
std::size_t normScratch(std::int64_t outputs, std::int64_t rank);

// ‖W + sBA‖ of each row, from ‖W‖².
void adaptedNorms(const ProductContext& products, const AdaptedWeight& adapted, const float* squares, float* norms, float* scratch);

}  // namespace qt
