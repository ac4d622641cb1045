// Rows of the embedding for tokens, and its gradient.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// NEFTune's noise (arXiv 2310.05914): uniform up to α/√(length of the document · width), drawn by token and element as on the CPU.
struct EmbeddingNoise {
  float alpha = 0.0f;                         // 0: none
  const std::int32_t* lengths = nullptr;      // [tokens]: of each token's document
  std::uint64_t seed = 0;
  std::uint32_t step = 0, purpose = 0;
};

// out[token] = scale·table[ids[token]] (+ noise); the table is of any decodable type.
Status embed(const MatrixView& table, const std::int32_t* ids, std::int64_t tokens, float scale, const EmbeddingNoise& noise, DType type, void* out,
             Stream stream);

// Which tokens share a row, found on the host: `order` [tokens] has the tokens by id, those of one id in their order, and `begins`
// [tokens + 1] where each id's begin. Returns how many ids there are.
std::int64_t orderTokens(const std::int32_t* ids, std::int64_t tokens, std::int32_t* order, std::int32_t* begins);

// gradient[ids[token]] += scale·dx[token] in the order of tokens, dx being float32; order and begins in device memory.
Status embeddingGradient(const float* dx, const std::int32_t* ids, const std::int32_t* order, const std::int32_t* begins, std::int64_t distinct,
                         std::int64_t columns, float scale, float* gradient, Stream stream);

}  // namespace qt::cuda
