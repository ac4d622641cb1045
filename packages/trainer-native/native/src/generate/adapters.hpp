// Adapters laid over a model for one request: kept apart from the weights, so that each request may bring its own.
#pragma once
#include <cstdint>
#include <vector>

namespace qt {

// One adapter on one projection; several may sit on the same.
struct AppliedAdapter {
  std::int32_t layer = 0;
  std::int32_t projection = 0;
  std::int32_t rank = 0;
  float scale = 1.0f;
  std::vector<float> a;  // [rank, inputs]
  std::vector<float> b;  // [outputs, rank]
};

using AdapterSet = std::vector<AppliedAdapter>;

}  // namespace qt
