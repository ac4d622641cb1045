// Embedding, its noise and its gradient, and dropout, against the engine's on the CPU: where nothing is summed, bit for bit.
#include <algorithm>
#include <qt/blocks.hpp>

#include "array.hpp"
#include "check.hpp"
#include "kernels/dropout.hpp"
#include "kernels/embedding.hpp"
#include "numbers.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

constexpr std::uint64_t seed = 0x123456789abcull;
constexpr std::uint32_t step = 7, noisePurpose = 6;

void rowsAreLookedUp() {
  for (const TensorType type : {TensorType::F32, TensorType::BF16, TensorType::F16, TensorType::Q4_0, TensorType::Q6_K, TensorType::NF4})
    for (const float alpha : {0.0f, 5.0f})
      for (const float scale : {1.0f, 3.3f}) {
        const BlockTraits traits = blockTraits(type);
        const std::int64_t vocabulary = 9, columns = traits.size == 1 ? 45 : 2 * static_cast<std::int64_t>(traits.size), tokens = 12;
        const std::size_t rowSize = rowBytes(type, static_cast<std::size_t>(columns));
        Array<unsigned char> stored(vocabulary * rowSize);
        for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = static_cast<unsigned char>(i * 37 % 59);  // small exponents
        const std::vector<std::int32_t> borders{0, 5, 12};
        Array<std::int32_t> ids(tokens), lengths(tokens);
        for (std::int64_t t = 0; t < tokens; ++t) {
          ids[t] = static_cast<std::int32_t>(t * 5 % vocabulary);
          lengths[t] = t < 5 ? 5 : 7;
        }
        EmbeddingNoise noise;
        if (alpha > 0) noise = {alpha, lengths.data(), seed, step, noisePurpose};
        Array<float> f32(tokens * columns);
        Array<bf16> b16(tokens * columns);
        const MatrixView table{stored.data(), type, vocabulary, columns, rowSize};
        CHECK(finish(embed(table, ids.data(), tokens, scale, noise, DType::F32, f32.data(), nullptr)));
        CHECK(finish(embed(table, ids.data(), tokens, scale, noise, DType::BF16, b16.data(), nullptr)));
        int wrong = 0;
        std::vector<float> row(columns + 256);
        for (std::int64_t t = 0; t < tokens; ++t) {
          kernels().decodeRow(table, ids[t], row.data());
          if (scale != 1.0f)
            for (std::int64_t i = 0; i < columns; ++i) row[i] *= scale;
          // As Trainer::addNoise has it.
          const double size = alpha / std::sqrt(static_cast<double>(lengths[t]) * static_cast<double>(columns));
          for (std::int64_t i = 0; i < columns && alpha > 0; ++i) {
            std::uint32_t word[4];
            philox(static_cast<std::uint64_t>(i) / 4, step, noisePurpose, seed ^ (static_cast<std::uint64_t>(t) << 32), word);
            row[i] += static_cast<float>(size * (word[i % 4] / 2147483648.0 - 1.0));
          }
          for (std::int64_t i = 0; i < columns; ++i)
            wrong += std::bit_cast<std::uint32_t>(f32[t * columns + i]) != std::bit_cast<std::uint32_t>(row[i]) || b16[t * columns + i].bits != narrow(row[i]).bits;
        }
        if (wrong != 0) {
          ++failures;
          std::printf("embedding of type %u, noise %g, scale %g: %d wrong\n", static_cast<unsigned>(type), alpha, scale, wrong);
        }
      }
}

void gradientsOfATokenAreSummedInOrder() {
  const std::int64_t vocabulary = 6, tokens = 23, columns = 130;
  Array<std::int32_t> ids(tokens), order(tokens), begins(tokens + 1);
  Array<float> dx(tokens * columns), gradient(vocabulary * columns);
  for (std::int64_t t = 0; t < tokens; ++t) ids[t] = static_cast<std::int32_t>(t % 4 == 3 ? 5 : t % 3);
  for (std::size_t i = 0; i < dx.size(); ++i) dx[i] = drawn(i, 1) * (i % 5 == 0 ? 1e6f : 1.0f);  // the order shows
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = drawn(i, 2);
  std::vector<float> expected = gradient.copy();
  const float scale = 0.25f;  // exact, however the sum is fused
  for (std::int64_t t = 0; t < tokens; ++t) kernels().addScaled(expected.data() + ids[t] * columns, dx.data() + t * columns, scale, columns);
  const std::int64_t distinct = orderTokens(ids.data(), tokens, order.data(), begins.data());
  CHECK(distinct == 4);
  CHECK(finish(embeddingGradient(dx.data(), ids.data(), order.data(), begins.data(), distinct, columns, scale, gradient.data(), nullptr)));
  for (std::size_t i = 0; i < gradient.size(); ++i) CHECK(gradient[i] == expected[i]);
}

template <class T>
void dropsAsTheCpu(DType type) {
  const ActivationOps& ops = kernels().ops[static_cast<int>(type)];
  for (const int columns : {1, 8, 37, 128})
    for (const int offset : {0, 1})
      for (const float p : {0.0f, 0.1f, 0.75f}) {
        const int rows = 5;
        const std::int64_t first = offset * 1000, firstColumn = offset * 60;  // of a chunk; of a share of the columns
        const std::uint32_t purpose = 3 + 256 * 4;
        Array<T> x(rows * columns, offset), out(rows * columns, offset);
        std::vector<T> expected(rows * columns);
        for (int i = 0; i < rows * columns; ++i) store(x.data() + i, drawn(i, 8));
        for (int r = 0; r < rows; ++r)
          ops.dropout(x.data() + r * columns, expected.data() + r * columns, columns, firstColumn, p, seed ^ (static_cast<std::uint64_t>(first + r) << 32), step, purpose);
        CHECK(finish(dropout(x.data(), out.data(), type, rows, columns, p, seed, step, purpose, first, firstColumn, nullptr)));
        CHECK(std::memcmp(out.data(), expected.data(), expected.size() * sizeof(T)) == 0);
        CHECK(finish(dropout(x.data(), x.data(), type, rows, columns, p, seed, step, purpose, first, firstColumn, nullptr)));
        CHECK(std::memcmp(x.data(), expected.data(), expected.size() * sizeof(T)) == 0);
      }
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_embedding_test", 4);
  rowsAreLookedUp();
  gradientsOfATokenAreSummedInOrder();
  dropsAsTheCpu<float>(DType::F32);
  dropsAsTheCpu<bf16>(DType::BF16);
  return report("cuda_embedding_test");
}
