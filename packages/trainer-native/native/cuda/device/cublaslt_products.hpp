// Large products in bfloat16 by cuBLASLt: what it multiplies faster than this project's own kernels.
#pragma once
#include <map>
#include <memory>
#include <tuple>

#include "../kernels/product.hpp"
#include "cublaslt_library.hpp"
#include "runtime.hpp"

namespace qt::cuda {

// As the memory that products work in is planned: what NVIDIA advises for Hopper, where the library is there.
std::size_t productRoom();

// QT_CUDA_PRODUCTS: `own` uses none of it, `cublaslt` all that it can do; else the size of a product decides.
class CublasLtProducts {
 public:
  // Null where the library cannot be used.
  static std::unique_ptr<CublasLtProducts> open(const Runtime& runtime);
  ~CublasLtProducts();
  CublasLtProducts(const CublasLtProducts&) = delete;
  CublasLtProducts& operator=(const CublasLtProducts&) = delete;

  // A product in bfloat16 of which this does the large terms, once their weights are bfloat16.
  bool wants(const Product& product) const;
  bool isLarge(const ProductTerm& term) const;
  // The small terms, the bias and what else is added come first, by our own kernel, and each large term is added to them: so a sum of which
  // the output is bfloat16 is rounded once for each. Where the library has no algorithm, our own kernel does all.
  Status multiply(const Product& product, void* workspace, Stream stream);

 private:
  // What an algorithm is chosen by: rows, columns, depth, the three strides, and the types, orientations and whether something is added.
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, int>;
  struct Chosen;
  struct Operation;

  CublasLtProducts(const CublasLtLibrary& lt, LtHandle handle, bool always);
  Operation operation(const Product& product, const ProductTerm& term, bool adds) const;
  const Chosen* choose(const Operation& operation);

  const CublasLtLibrary& lt_;
  LtHandle handle_;
  bool always_;
  std::map<Key, std::unique_ptr<Chosen>> chosen_;  // null: there is no algorithm
};

}  // namespace qt::cuda
