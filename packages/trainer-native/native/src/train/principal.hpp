// PiSSA (Meng et al., arXiv 2404.02948): an adapter that begins as the largest singular directions of its weight. What is left of the weight,
//   W' = W + s·(B·A − B₀·A₀),
// is never made: the file stays as it is, and what the adapter began as is taken away as a second, frozen adapter.
#pragma once
#include <atomic>
#include <cstdint>

#include "../product.hpp"

namespace qt {

struct PrincipalFactors {
  float* a;  // [rank, inputs]
  float* b;  // [outputs, rank]
  std::int64_t rank;
  float scale;
};

// A and B with scale·B·A ≈ the `rank` largest singular directions of `weight`, which is decoded tile by tile: randomised subspace
// iteration (Halko, Martinsson, Tropp, SIAM Review 2011, algorithms 4.4 and 5.1). The random numbers follow from seed and stream.
// False: stopped by the flag.
bool principalFactors(const ProductContext& products, const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream,
                      const std::atomic<bool>& abort);
// By the processors of the machine, whatever computes the rest.
bool principalFactorsHere(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort);

}  // namespace qt
