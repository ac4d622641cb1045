// Products of every kind of shape, orientation and storage against double loops, for every kernel set and both multiplications.
#include <cstring>

#include "aligned_bytes.hpp"
#include "check.hpp"
#include "product.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

constexpr int sizes[] = {1, 2, 7, 8, 16, 31, 33, 96, 100, 257, 300};
constexpr int depths[] = {1, 2, 7, 8, 16, 33, 100, 257, 300, 650, 1160, 2100};  // up to several stretches of what is packed at once
constexpr float untouched = -12345.0f;
constexpr std::int64_t gap = 5;  // between rows of the output: nothing may be written there

std::uint16_t toBf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float fromBf16(std::uint16_t x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

// Bytes of a matrix in some type, and the numbers that they stand for.
struct Stored {
  std::vector<unsigned char> bytes;
  std::vector<float> values;
  MatrixView view;
};

// Random bytes make any block; exponents that give infinities, NaN or giants are drawn again.
Stored randomMatrix(TensorType type, std::int64_t rows, std::int64_t columns, std::uint32_t purpose) {
  Stored m;
  const BlockTraits traits = blockTraits(type);
  const std::size_t blocks = static_cast<std::size_t>(rows * columns) / traits.size;
  m.bytes.resize(blocks * traits.bytes);
  m.values.resize(static_cast<std::size_t>(rows * columns));
  const bool plain = traits.size == 1;
  std::uint64_t counter = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    unsigned char* block = m.bytes.data() + b * traits.bytes;
    float* values = m.values.data() + b * traits.size;
    for (bool fine = false; !fine;) {
      if (plain) {
        const float x = static_cast<float>(random(counter++, purpose));
        const std::uint16_t half = toBf16(x);
        if (type == TensorType::F32) std::memcpy(block, &x, 4);
        else if (type == TensorType::BF16) std::memcpy(block, &half, 2);
        else {
          // sign, exponents of 2⁻⁸ … 1, any mantissa
          const auto f16 = static_cast<std::uint16_t>((x < 0 ? 0x8000 : 0) | (7 + counter % 8) << 10 | (half & 0x7f) << 3);
          std::memcpy(block, &f16, 2);
        }
      } else {
        for (std::uint32_t i = 0; i < traits.bytes; i += 4) {
          std::uint32_t word[4];
          philox(counter++, 1, purpose, 42, word);
          std::memcpy(block + i, word, std::min<std::size_t>(4, traits.bytes - i));
        }
      }
      decodeBlocks(type, block, 1, values);
      fine = true;
      for (std::uint32_t i = 0; i < traits.size; ++i) fine = fine && std::fabs(values[i]) < 1e4f;  // false for NaN
    }
  }
  m.view = {m.bytes.data(), type, rows, columns, static_cast<std::size_t>(columns) / traits.size * traits.bytes};
  return m;
}

struct Term {
  Stored left, right;
  bool leftTransposed, rightTransposed, packed;
  int depth;
};

struct Case {
  int rows, columns;
  std::vector<Term> terms;
  DType outType = DType::F32;
  bool outTransposed = false, accumulate = false;
  int residual = 0;  // 1: float32, 2: bfloat16
  float scale = 1;
};

struct Kernels {
  const KernelTable* table;
  bool bf16;
};

void check(const Case& c, const std::vector<Kernels>& sets, ThreadPool& pool) {
  const std::size_t outputs = static_cast<std::size_t>(c.rows) * c.columns;
  std::vector<double> sum(outputs), size(outputs);
  for (const Term& t : c.terms)
    for (int r = 0; r < c.rows; ++r)
      for (int i = 0; i < c.columns; ++i)
        for (int k = 0; k < t.depth; ++k) {
          const double x = t.left.values[t.leftTransposed ? k * c.rows + r : r * t.depth + k];
          const double term = x * t.right.values[t.rightTransposed ? i * t.depth + k : k * c.columns + i];
          sum[r * c.columns + i] += term;
          size[r * c.columns + i] += std::fabs(term);
        }
  const std::int64_t stride = (c.outTransposed ? c.rows : c.columns) + gap, lines = c.outTransposed ? c.columns : c.rows;
  const auto extra = [&](std::size_t i) { return std::ldexp(std::round(std::ldexp(random(i, 31), 7)), -7); };  // exact in bfloat16
  std::vector<float> residual(static_cast<std::size_t>(c.rows) * stride);
  std::vector<std::uint16_t> residual16(residual.size());
  for (std::size_t i = 0; i < residual.size(); ++i) {
    residual[i] = static_cast<float>(extra(i));
    residual16[i] = toBf16(residual[i]);
  }
  for (const Kernels& set : sets) {
    const std::size_t scratchBytes = roundUpBytes(mostProductScratch(c.rows, c.columns, *set.table));
    const auto scratch = alignedBytes(scratchBytes * pool.threads());
    const ProductContext context{set.table, &pool, set.bf16, scratch.get(), scratchBytes};
    std::vector<float> out(static_cast<std::size_t>(lines * stride), untouched);
    std::vector<std::uint16_t> out16(out.size(), toBf16(untouched));
    for (std::int64_t line = 0; line < lines; ++line)
      for (std::int64_t i = 0; i < stride - gap; ++i) {
        out[line * stride + i] = static_cast<float>(extra(line * stride + i + 7));
        out16[line * stride + i] = toBf16(out[line * stride + i]);
      }
    Product p;
    p.rows = c.rows;
    p.columns = c.columns;
    p.out = c.outType == DType::F32 ? static_cast<void*>(out.data()) : out16.data();
    p.outType = c.outType;
    p.outStride = stride;
    p.outTransposed = c.outTransposed;
    p.accumulate = c.accumulate;
    p.scale = c.scale;
    if (c.residual) {
      p.residual = c.residual == 1 ? static_cast<const void*>(residual.data()) : residual16.data();
      p.residualType = c.residual == 1 ? DType::F32 : DType::BF16;
    }
    std::vector<std::shared_ptr<unsigned char>> packed;
    for (const Term& t : c.terms) {
      if (!t.packed) {
        p.addPlain(t.left.view, t.leftTransposed, t.right.view, t.rightTransposed, t.depth);
        continue;
      }
      packed.push_back(alignedBytes(set.table->packedLeftBytes[set.bf16](c.rows, t.depth)));
      packLeft(context, t.left.view, t.leftTransposed, c.rows, t.depth, packed.back().get());
      p.add(packed.back().get(), t.right.view, t.rightTransposed, t.depth);
    }
    multiply(context, p);

    int wrong = 0;
    for (std::int64_t line = 0; line < lines; ++line)
      for (std::int64_t i = 0; i < stride; ++i) {
        const std::size_t at = line * stride + i;
        const double found = c.outType == DType::F32 ? out[at] : fromBf16(out16[at]);
        if (i >= stride - gap) {
          wrong += found != fromBf16(toBf16(untouched)) && found != untouched;
          continue;
        }
        const std::size_t from = c.outTransposed ? i * c.columns + line : at - line * gap;
        double expected = sum[from] * c.scale + (c.accumulate ? extra(at + 7) : 0);
        if (c.residual) expected += residual[at];
        double tolerance = size[from] * c.scale * (set.bf16 ? 1.01 / 128 : 2e-6) + 1e-6;
        if (c.outType == DType::BF16) tolerance += std::fabs(expected) / 256;
        wrong += !(std::fabs(found - expected) <= tolerance);
      }
    if (wrong == 0) continue;
    ++failures;
    std::printf("%s%s %d×%d, %zu terms of depth %d …, type %u, right %s, left %s%s, out %s%s, accumulate %d, residual %d: %d wrong\n", set.table->name,
                set.bf16 ? " bfloat16" : "", c.rows, c.columns, c.terms.size(), c.terms[0].depth, static_cast<unsigned>(c.terms[0].right.view.type),
                c.terms[0].rightTransposed ? "transposed" : "plain", c.terms[0].leftTransposed ? "transposed" : "plain",
                c.terms[0].packed ? " packed" : "", c.outType == DType::F32 ? "float32" : "bfloat16", c.outTransposed ? " transposed" : "", c.accumulate,
                c.residual, wrong);
  }
}

Term makeTerm(int rows, int columns, int depth, TensorType leftType, TensorType rightType, bool leftTransposed, bool rightTransposed, bool packed,
              std::uint32_t purpose) {
  return {leftTransposed ? randomMatrix(leftType, depth, rows, purpose) : randomMatrix(leftType, rows, depth, purpose),
          rightTransposed ? randomMatrix(rightType, columns, depth, purpose + 1) : randomMatrix(rightType, depth, columns, purpose + 1),
          leftTransposed, rightTransposed, packed, depth};
}

// Left sides that a set reads as they lie give the same bytes as packed. How many such products there were.
int sameAsPacked(const Kernels& set, ThreadPool& pool) {
  int found = 0;
  for (const int rows : {16, 48, 272})
    for (const int columns : {1, 16, 40, 200})
      for (const int depth : {32, 96, 608, 2080}) {
        Term terms[] = {makeTerm(rows, columns, depth, TensorType::BF16, TensorType::BF16, false, rows == 48, true, 7000),
                        makeTerm(rows, columns, 32, TensorType::BF16, TensorType::F32, false, true, true, 7004)};
        std::vector<std::shared_ptr<unsigned char>> lefts, packed;
        for (Term& t : terms) {
          lefts.push_back(alignedBytes(t.left.bytes.size()));
          std::memcpy(lefts.back().get(), t.left.bytes.data(), t.left.bytes.size());
          t.left.view.data = lefts.back().get();
        }
        if (!set.table->readsLeft[set.bf16](terms[0].left.view, false, rows, depth)) continue;
        ++found;
        const std::size_t scratchBytes = roundUpBytes(mostProductScratch(rows, columns, *set.table));
        const auto scratch = alignedBytes(scratchBytes * pool.threads());
        const ProductContext context{set.table, &pool, set.bf16, scratch.get(), scratchBytes};
        std::vector<float> out[2];
        for (const bool ahead : {false, true}) {
          out[ahead].resize(static_cast<std::size_t>(rows) * columns);
          Product p;
          p.rows = rows;
          p.columns = columns;
          p.out = out[ahead].data();
          p.outStride = columns;
          for (const Term& t : terms) {
            packed.push_back(alignedBytes(set.table->packedLeftBytes[set.bf16](rows, t.depth)));
            packLeft(context, t.left.view, false, rows, t.depth, packed.back().get());
            if (ahead) p.add(packed.back().get(), t.right.view, t.rightTransposed, t.depth);
            else p.addPlain(t.left.view, false, t.right.view, t.rightTransposed, t.depth);
          }
          multiply(context, p);
        }
        CHECK(std::memcmp(out[0].data(), out[1].data(), out[0].size() * sizeof(float)) == 0);
      }
  return found;
}

}  // namespace

int main() {
  std::vector<Kernels> sets;
  const char* names[8];
  const int count = availableKernels(names, 8);
  for (int n = 0; n < count; ++n)
    for (const bool bf16 : {false, true}) sets.push_back({&kernels(names[n]), bf16});
  ThreadPool pool(1);  // one piece of scratch, so that nothing lies behind it

  // Every shape once; what else varies is drawn for each.
  std::uint32_t number = 0;
  for (const int rows : sizes)
    for (const int columns : sizes)
      for (const int depth : depths) {
        std::uint32_t word[4];
        philox(++number, 0, 77, 42, word);
        const auto bit = [&](int i) { return (word[0] >> i & 1) != 0; };
        Case c{rows, columns, {}};
        const int terms = word[1] % 8 == 0 ? 3 : word[1] % 3 == 0 ? 2 : 1;
        for (int t = 0; t < terms; ++t) {
          const bool packed = bit(3 * t), transposed = bit(3 * t + 1);
          const TensorType right = word[2] % 4 == 0 ? TensorType::BF16 : word[2] % 4 == 1 ? TensorType::F16 : TensorType::F32;
          c.terms.push_back(makeTerm(rows, columns, t == 0 ? depth : depths[word[3] % 8], bit(20) ? TensorType::BF16 : TensorType::F32, right, transposed,
                                     bit(3 * t + 2), packed, 3000 + 4 * t));
        }
        c.outTransposed = bit(10) && bit(11);
        c.accumulate = bit(12);
        c.residual = c.outTransposed ? 0 : static_cast<int>(word[1] >> 8) % 3;
        c.outType = bit(13) ? DType::BF16 : DType::F32;
        c.scale = bit(14) ? 0.75f : 1.0f;
        check(c, sets, pool);
      }

  // Every type of block, along depth and along columns, alone and beside an adapter's plain term.
  int types = 0;
  for (std::uint32_t id = 0; id <= 42; ++id) {
    const auto type = static_cast<TensorType>(id);
    if (!decodable(type) || blockTraits(type).size == 1) continue;
    ++types;
    const int block = static_cast<int>(blockTraits(type).size);
    for (const int rows : {1, 7, 33})
      for (const int blocks : {1, 2, 3})
        for (const bool rightTransposed : {false, true}) {
          const int along = block * blocks, across = blocks == 2 ? 40 : 33;
          const int columns = rightTransposed ? across : along, depth = rightTransposed ? along : across;
          Case c{rows, columns, {}};
          c.terms.push_back(makeTerm(rows, columns, depth, TensorType::F32, type, false, rightTransposed, rows == 7, 5000));
          if (blocks == 2) c.terms.push_back(makeTerm(rows, columns, 9, TensorType::F32, TensorType::F32, false, rightTransposed, rows == 7, 5010));
          check(c, sets, pool);
        }
  }
  CHECK(types == 27);

  for (const Kernels& set : sets) CHECK(sameAsPacked(set, pool) == (set.bf16 && std::strcmp(set.table->name, "amx") == 0 ? 48 : 0));
  return report("product_test");
}
