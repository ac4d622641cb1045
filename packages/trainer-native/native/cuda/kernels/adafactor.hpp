// Adafactor's step (native/src/train/optimizer/adafactor.cpp). A matrix keeps the mean squares of its rows and columns, a vector of each number.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../status.hpp"
#include "squares.hpp"

namespace qt::cuda {

std::size_t adafactorWorkspace(std::int64_t rows, std::int64_t columns);

// Of a matrix (more than one row and column) `squares` are the rows' and columnSquares the columns'; else `squares` are of all numbers.
Status adafactor(float* parameter, const float* gradient, float* squares, float* columnSquares, std::int64_t rows, std::int64_t columns, float learningRate,
                 float weightDecay, std::int64_t step, const GradientNorm* norm, void* workspace, Stream stream);

}  // namespace qt::cuda
