// Products of a few activation rows with stored blocks, in integers: the activations are rounded to 8 bits, 32 under one scale,
// and the blocks are never expanded. One table for each instruction set, chosen at start (dots_dispatch.cpp).
#pragma once
#include <cstddef>
#include <cstdint>

#include "table.hpp"

namespace qt {

inline constexpr int dotGroup = 32;  // activations under one scale

// Rows of activations as x ≈ scale·q.
struct DotRows {
  std::int8_t* q;  // [rows, columns]
  float* scales;   // [rows, columns/32]
  float* sums;     // [rows, columns/16]: scale·Σq of sixteen, for the offsets of the blocks
  std::int64_t columns;

  DotRows from(std::int64_t row) const {
    return {q + row * columns, scales + row * (columns / dotGroup), sums + row * (columns / 16), columns};
  }
};

struct DotKernels {
  const char* name;
  // One row of x, or a part of it that begins at a multiple of 32: columns [begin, end) of `out`'s first row.
  void (*quantise)(const float* x, std::int64_t begin, std::int64_t end, const DotRows& out);
  // y[i·yStride + row] = Σ x[i]·W[row] for rows [begin, end) and i < inputs. A sum does not depend on the rows and inputs beside it.
  void (*rows)(const MatrixView& weights, const DotRows& x, std::int32_t inputs, std::int64_t begin, std::int64_t end, float* y, std::int64_t yStride);
};

// Whether blocks of this type have an integer product; others are multiplied as float32 (KernelTable::rowsTimes).
bool hasDots(TensorType type);

// The best of this processor that goes with a table of kernels (one that was forced shall not be outdone), after its self-test.
const DotKernels& dotKernels(const KernelTable& table);

// Names of the tables that this build has and this processor can run, best first, and one by name.
int availableDots(const char** names, int most);
const DotKernels& dotKernelsNamed(const char* name);

}  // namespace qt
