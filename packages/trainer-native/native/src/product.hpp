// Products over the thread pool: packs the left side once, cuts the output into tiles, hands the tiles out.
#pragma once
#include <cstdint>
#include <span>

#include <qt/blocks.hpp>

#include "kernels/table.hpp"
#include "threads.hpp"

namespace qt {

inline MatrixView dense(const void* data, DType type, std::int64_t rows, std::int64_t columns) {
  return {data, type == DType::F32 ? TensorType::F32 : TensorType::BF16, rows, columns, static_cast<std::size_t>(columns) * bytesOf(type)};
}

// What products need besides their operands: the kernels, the threads, and room for one tile for each thread.
struct ProductContext {
  const KernelTable* kernels;
  ThreadPool* pool;
  bool bf16;                    // multiply bfloat16 where the processor can
  unsigned char* scratch;       // [threads, scratchBytes], 64-byte aligned
  std::size_t scratchBytes;     // of one thread
};

// Chooses tile sizes. How rows are cut changes no sum, so that it may depend on the threads.
void planTiles(Product& product, const KernelTable& kernels, bool bf16, int threads);

// The most scratch that any product of up to `rows` × `columns` asks of one thread.
std::size_t mostProductScratch(std::int64_t rows, std::int64_t columns, const KernelTable& kernels);

// Packs a left side, [rows, depth] or stored [depth, rows], for all tiles of a product and for several products.
void packLeft(const ProductContext& context, const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth, void* packed);

void multiply(const ProductContext& context, Product& product);
// Several in one round of the pool, whose tiles are shared out together.
void multiply(const ProductContext& context, std::span<Product> products);

// Whether this kernel set has a product of its own for a gate of so many columns; and that product.
bool hasGated(const ProductContext& context, std::int64_t columns);
void multiplyGated(const ProductContext& context, GatedProduct& product);

}  // namespace qt
