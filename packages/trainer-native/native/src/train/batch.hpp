#pragma once
#include <cstdint>

namespace qt {

// One micro-batch: rows of token ids side by side; a token predicts `labels` of its position, −100 for none.
struct Batch {
  const std::int32_t* ids = nullptr;
  const std::int32_t* labels = nullptr;
  const std::int32_t* borders = nullptr;  // of documents: first 0, last `tokens`
  std::int32_t tokens = 0;
  std::int32_t documents = 0;
  const float* weights = nullptr;  // of each token's loss; null: 1
};

}  // namespace qt
