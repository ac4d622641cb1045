// Every type of block against the CPU's decoder, bit for bit, and products with rows as they lie against double loops.
#include <qt/blocks.hpp>

#include "array.hpp"
#include "check.hpp"
#include "kernels/decode.hpp"
#include "numbers.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

std::uint32_t bitsOf(float x) { return std::bit_cast<std::uint32_t>(x); }

// Random bytes are blocks of any type. Plain numbers too: NaN and infinities, subnormals, both zeros.
std::vector<unsigned char> randomBytes(std::size_t count, std::uint32_t purpose) {
  std::vector<unsigned char> bytes(count);
  for (std::size_t i = 0; i < count; i += 4) {
    std::uint32_t word[4];
    philox(i / 4, 1, purpose, 42, word);
    std::memcpy(bytes.data() + i, word, std::min<std::size_t>(4, count - i));
  }
  return bytes;
}

std::vector<TensorType> types() {
  std::vector<TensorType> all;
  for (std::uint32_t id = 0; id <= 42; ++id)
    if (decodable(static_cast<TensorType>(id))) all.push_back(static_cast<TensorType>(id));
  all.push_back(TensorType::NF4);
  return all;
}

void everyBlockDecodesAsOnTheCpu() {
  CHECK(types().size() == 31);
  for (const TensorType type : types()) {
    const BlockTraits traits = blockTraits(type);
    const std::int64_t rows = 12, columns = traits.size == 1 ? 37 : 4 * static_cast<std::int64_t>(traits.size);
    const std::size_t rowSize = rowBytes(type, static_cast<std::size_t>(columns));
    Array<unsigned char> stored(randomBytes(rows * rowSize, static_cast<std::uint32_t>(type)));
    const MatrixView m{stored.data(), type, rows, columns, rowSize};
    // Rows from a block border that is as aligned as all rows are.
    for (const std::int64_t begin : {std::int64_t{0}, std::int64_t{8}}) {
      const auto count = static_cast<std::size_t>((rows - begin) * columns);
      std::vector<float> expected(count);
      decodeBlocks(type, stored.data() + begin * rowSize, count / traits.size, expected.data());
      Array<float> f32(count);
      Array<bf16> b16(count);
      CHECK(finish(decode(m, begin, rows, DType::F32, f32.data(), nullptr)));
      CHECK(finish(decode(m, begin, rows, DType::BF16, b16.data(), nullptr)));
      int wrong = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const bool nan = expected[i] != expected[i];
        wrong += nan ? f32[i] == f32[i] : bitsOf(f32[i]) != bitsOf(expected[i]);
        wrong += b16[i].bits != narrow(expected[i]).bits;
      }
      if (wrong != 0) {
        ++failures;
        std::printf("type %u: %d of %zu wrong\n", static_cast<unsigned>(type), wrong, count);
      }
    }
  }
}

void rowsMultiplyAsTheyLie() {
  for (const TensorType type : types()) {
    const BlockTraits traits = blockTraits(type);
    for (const int inputs : {1, 2, 7, 16}) {
      const std::int64_t rows = 19, columns = traits.size == 1 ? 100 - inputs : 3 * static_cast<std::int64_t>(traits.size);
      const std::size_t rowSize = rowBytes(type, static_cast<std::size_t>(columns));
      Array<unsigned char> stored(randomBytes(rows * rowSize, static_cast<std::uint32_t>(type) + 50));
      std::vector<float> values(rows * columns);
      // Scales that no model has would drown the rest: where a block is not finite or huge, bytes of zeros take its place.
      for (std::int64_t b = 0; b < rows * columns / traits.size; ++b) {
        unsigned char* block = stored.data() + b * traits.bytes;
        decodeBlocks(type, block, 1, values.data() + b * traits.size);
        bool fine = true;
        for (std::uint32_t i = 0; i < traits.size; ++i) fine = fine && std::fabs(values[b * traits.size + i]) < 1e4f;
        if (fine) continue;
        std::memset(block, 0, traits.bytes);
        decodeBlocks(type, block, 1, values.data() + b * traits.size);
      }
      Array<float> x(inputs * columns), y(inputs * (rows + 3));
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = drawn(i, 9);
      CHECK(finish(rowsTimes({stored.data(), type, rows, columns, rowSize}, x.data(), inputs, y.data(), rows + 3, nullptr)));
      int wrong = 0;
      for (int i = 0; i < inputs; ++i)
        for (std::int64_t row = 0; row < rows + 3; ++row) {
          if (row >= rows) {
            wrong += y[i * (rows + 3) + row] == y[i * (rows + 3) + row];  // still NaN
            continue;
          }
          double sum = 0, size = 0;
          for (std::int64_t k = 0; k < columns; ++k) {
            const double term = static_cast<double>(x[i * columns + k]) * values[row * columns + k];
            sum += term;
            size += std::fabs(term);
          }
          wrong += !(std::fabs(y[i * (rows + 3) + row] - sum) <= 1e-6 * size);
        }
      if (wrong != 0) {
        ++failures;
        std::printf("rowsTimes of type %u, %d inputs: %d wrong\n", static_cast<unsigned>(type), inputs, wrong);
      }
    }
  }
}

void whatCannotBeDecodedIsRefused() {
  Array<unsigned char> bytes(1024);
  Array<float> out(256);
  CHECK(decode({bytes.data(), TensorType::I32, 1, 8, 32}, 0, 1, DType::F32, out.data(), nullptr) == Status::BadShape);
  CHECK(decode({bytes.data(), TensorType::Q4_0, 1, 40, 18}, 0, 1, DType::F32, out.data(), nullptr) == Status::BadShape);
  CHECK(decode({bytes.data() + 2, TensorType::Q4_0, 1, 32, 18}, 0, 1, DType::F32, out.data(), nullptr) == Status::BadShape);
  CHECK(decode({bytes.data(), TensorType::F32, 1, 0, 0}, 0, 1, DType::F32, out.data(), nullptr) == Status::Ok);
  CHECK(rowsTimes({bytes.data(), TensorType::F32, 1, 8, 32}, out.data(), 17, out.data(), 1, nullptr) == Status::BadShape);
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_decode_test", 3);
  everyBlockDecodesAsOnTheCpu();
  rowsMultiplyAsTheyLie();
  whatCannotBeDecodedIsRefused();
  return report("cuda_decode_test");
}
