// Adapters laid over a model for one request: kept apart from the weights, so that each request may bring its own.
#pragma once
#include <cstdint>
#include <vector>

#include "../kernels/table.hpp"

namespace qt {

// One adapter on one projection; several may sit on the same. A DoRA adapter stretches the rows of its weight:
//   c∘(W·x + scale·B·A·x) = W·x + (c − 1)∘W·x + c∘(scale·B·A·x)
// and the last two terms are what it adds, so that several add up as in PEFT.
struct AppliedAdapter {
  std::int32_t layer = 0;
  std::int32_t projection = 0;
  std::int32_t rank = 0;
  float scale = 1.0f;
  std::vector<float> a;          // [rank, inputs]
  std::vector<float> b;          // [outputs, rank]
  std::vector<float> magnitude;  // [outputs] of DoRA, or empty

  // The same where the session's device has it: Session::prepare.
  MatrixView low{}, high{};
  std::vector<float> stretches{};  // c = magnitude / ‖W + scale·B·A‖
  const float* stretch = nullptr;
};

struct AdapterSet {
  std::vector<AppliedAdapter> modules;
  // Matrices that stand in for the model's own, [vocabulary, dModel], or empty.
  std::vector<float> embedding, output;
  MatrixView embeddingView{}, outputView{};  // Session::prepare
};

}  // namespace qt
