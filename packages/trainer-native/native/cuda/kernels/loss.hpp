// Cross-entropy of a chunk of logits, which become their gradient in place.
//   q = (1 − s)·onehot(t) + s/V      loss = lse(z) − q·z      dz = weight·(softmax(z) − q)
//   capped: z = c·tanh(z'/c), dz' = dz·(1 − (z/c)²)
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// Everything lies on the device. Row r of the chunk is token tokens[r] of the batch.
struct CrossEntropy {
  float* logits;  // [rows, vocabulary]; then their gradient, in float32, or in bfloat16 in the first half of each row
  std::int64_t rows;
  std::int64_t vocabulary;
  const std::int32_t* tokens;  // [rows]
  const std::int32_t* labels;  // of the batch
  const float* weights;        // of the batch; null: all 1
  float weight = 1.0f;         // of the gradient, times the token's own
  float smoothing = 0.0f;
  float softcap = 0.0f;        // 0: none
  bool gradient = true;        // else the logits stay as they are
  DType gradientType = DType::F32;
  float* losses;               // [rows], not weighted
  unsigned char* correct;      // [rows]: whether the label has the highest logit
};
Status crossEntropy(const CrossEntropy& a, Stream stream);

}  // namespace qt::cuda
