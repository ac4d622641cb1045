// Muon's step for a matrix of a block (native/src/train/optimizer/muon.cpp); other tensors take AdamW's.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../status.hpp"
#include "squares.hpp"

namespace qt::cuda {

std::size_t muonWorkspace(std::int64_t rows, std::int64_t columns);

Status muon(float* parameter, const float* gradient, float* momentum, std::int64_t rows, std::int64_t columns, float learningRate, float beta1,
            float weightDecay, const GradientNorm* norm, void* workspace, Stream stream);

}  // namespace qt::cuda
