// Integer products of every type and instruction set against double-precision sums of the decoded values; a sum is the same bytes
// whatever is computed beside it; what is not finite stays visible.
#include <cstring>
#include <limits>
#include <vector>

#include <qt/blocks.hpp>

#include "aligned_bytes.hpp"
#include "check.hpp"
#include "kernels/dots.hpp"
#include "philox.hpp"

using namespace qt;

namespace {

std::uint32_t draw(std::uint64_t index, std::uint32_t purpose) {
  std::uint32_t word[4];
  philox(index, 0, purpose, 42, word);
  return word[0];
}

// Random blocks whose scales are of moderate size: decoded, then made anew where something is not finite or huge.
std::vector<unsigned char> randomBlocks(TensorType type, std::int64_t blocks, std::uint32_t purpose) {
  const BlockTraits traits = blockTraits(type);
  std::vector<unsigned char> out(static_cast<std::size_t>(blocks) * traits.bytes);
  std::vector<float> values(traits.size);
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::uint32_t attempt = 0;; ++attempt) {
      unsigned char* block = out.data() + b * traits.bytes;
      for (std::uint32_t i = 0; i < traits.bytes; ++i) block[i] = static_cast<unsigned char>(draw((b * 100 + attempt) * 400 + i, purpose));
      decodeBlocks(type, block, 1, values.data());
      float most = 0;
      for (const float v : values) most = std::isfinite(v) ? std::max(most, std::fabs(v)) : 1e9f;
      if (most < 100 && most > 1e-3f) break;
    }
  return out;
}

}  // namespace

int main() {
  const char* names[8];
  const int count = availableDots(names, 8);
  CHECK(std::strcmp(names[count - 1], "plain") == 0);
  int types = 0;
  for (std::uint32_t id = 0; id <= 40; ++id) {
    const auto type = static_cast<TensorType>(id);
    if (!hasDots(type)) continue;
    ++types;
    const BlockTraits traits = blockTraits(type);
    for (const int blocks : {1, 3}) {
      const int columns = static_cast<int>(traits.size) * blocks, rows = 11, inputs = 7;
      const std::size_t row = rowBytes(type, columns);
      const std::vector<unsigned char> weights = randomBlocks(type, rows * blocks, 900 + id);
      const auto held = alignedBytes(weights.size());  // nothing readable lies behind the last block
      std::memcpy(held.get(), weights.data(), weights.size());
      const MatrixView view{held.get(), type, rows, columns, row};
      std::vector<float> x(inputs * columns), decoded(columns);
      for (int i = 0; i < inputs * columns; ++i) x[i] = static_cast<float>(draw(i, 950 + id)) / 2147483648.0f - 1.0f;
      for (int n = 0; n < count; ++n) {
        const DotKernels& k = dotKernelsNamed(names[n]);
        std::vector<std::int8_t> q(inputs * columns);
        std::vector<float> scales(inputs * columns / dotGroup), sums(inputs * columns / 16), y(inputs * rows), one(rows);
        const DotRows rounded{q.data(), scales.data(), sums.data(), columns};
        for (int i = 0; i < inputs; ++i) k.quantise(x.data() + i * columns, 0, columns, rounded.from(i));
        k.rows(view, rounded, inputs, 0, rows, y.data(), rows);
        for (int r = 0; r < rows; ++r) {
          decodeBlocks(type, held.get() + r * row, blocks, decoded.data());
          for (int i = 0; i < inputs; ++i) {
            double sum = 0, size = 0, exact = 0;
            float most = 0;
            for (int c = 0; c < columns; ++c) most = std::max(most, std::fabs(decoded[c]));
            for (int c = 0; c < columns; ++c) {
              const double xc = static_cast<double>(q[i * columns + c]) * scales[(i * columns + c) / dotGroup];
              sum += decoded[c] * xc;
              size += most * std::fabs(xc);
              exact += static_cast<double>(decoded[c]) * x[i * columns + c];
            }
            CHECK_NEAR(y[i * rows + r], sum, 1e-5 * size);
            CHECK_NEAR(y[i * rows + r], exact, 0.02 * size);
          }
        }
        for (int i = 0; i < inputs; ++i)
          for (int r = 0; r < rows; ++r) {
            k.rows(view, rounded.from(i), 1, r, r + 1, one.data(), rows);
            CHECK(std::memcmp(&one[r], &y[i * rows + r], sizeof(float)) == 0);
          }
        for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
          std::vector<float> spoiled(x.begin(), x.begin() + columns);
          spoiled[columns - 5] = bad;
          k.quantise(spoiled.data(), 0, columns, rounded);
          k.rows(view, rounded, 1, 0, rows, one.data(), rows);
          for (const float v : one) CHECK(std::isnan(v));
        }
      }
    }
  }
  CHECK(types == 13);
  return report("dot_test");
}
