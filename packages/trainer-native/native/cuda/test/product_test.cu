// Products of every orientation, type and epilogue against double loops, and the sums that blocks share out.
#include <cstdlib>
#include <memory>
#include <qt/blocks/types.hpp>

#include "array.hpp"
#include "check.hpp"
#include "device/cublaslt_products.hpp"
#include "kernels/product.hpp"
#include "numbers.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

constexpr float untouched = -12345.0f;

// A stored matrix; rows may lie apart, and begin off a 16-byte border.
struct Stored {
  std::unique_ptr<Array<float>> f32;
  std::unique_ptr<Array<bf16>> b16;
  std::vector<double> values;
  MatrixView view;

  Stored(DType type, int rows, int columns, int gap, int offset, std::uint32_t purpose) {
    const std::int64_t stride = columns + gap;
    // Nothing lies behind the last row.
    const auto count = static_cast<std::size_t>((rows - 1) * stride + columns);
    if (type == DType::F32) f32 = std::make_unique<Array<float>>(count, offset);
    else b16 = std::make_unique<Array<bf16>>(count, offset);
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) {
        const float x = drawn(r * columns + c, purpose);
        const auto at = static_cast<std::size_t>(r * stride + c);
        if (f32) (*f32)[at] = x;
        else (*b16)[at] = narrow(x);
        values.push_back(f32 ? x : widen(narrow(x)));
      }
    view = {f32 ? static_cast<const void*>(f32->data()) : b16->data(), f32 ? TensorType::F32 : TensorType::BF16, rows, columns,
            static_cast<std::size_t>(stride) * bytesOf(type)};
  }
};

struct TermOf {
  int depth;
  bool leftTransposed, rightTransposed;
  DType left, right;
  int gap = 0, offset = 0;
};

struct Case {
  int rows, columns;
  std::vector<TermOf> terms;
  DType out = DType::F32;
  bool outTransposed = false, accumulate = false, columnScale = false, branch = false, bias = false;
  int residual = 0;  // 1: float32, 2: bfloat16
  float scale = 1;
  int outGap = 5;
};

// Of two types, only one is used.
struct Output {
  Array<float> f32;
  Array<bf16> b16;
  DType type;
  Output(DType type, std::size_t count) : f32(type == DType::F32 ? count : 0), b16(type == DType::BF16 ? count : 0), type(type) {}
  void* data() { return type == DType::F32 ? static_cast<void*>(f32.data()) : b16.data(); }
  float get(std::size_t i) const { return type == DType::F32 ? f32[i] : widen(b16[i]); }
  void set(std::size_t i, float v) {
    if (type == DType::F32) f32[i] = v;
    else b16[i] = narrow(v);
  }
};

float extra(std::size_t i) { return std::ldexp(std::round(std::ldexp(drawn(i, 31), 6)), -6); }  // exact in bfloat16

// What NVIDIA's library works on, which knows a device's own memory: copies of what tests have.
class There {
 public:
  explicit There(Runtime& runtime) : runtime_(runtime) {}
  ~There() {
    for (void* p : taken_) runtime_.release(p);
  }
  There(const There&) = delete;
  There& operator=(const There&) = delete;

  void* room(std::size_t bytes) {
    taken_.push_back(runtime_.allocate(bytes));
    return taken_.back();
  }
  void* bring(const void* from, std::size_t bytes) {
    void* to = room(bytes);
    CHECK(to != nullptr && runtime_.copyIn(to, from, bytes) == Status::Ok);
    return to;
  }

 private:
  Runtime& runtime_;
  std::vector<void*> taken_;
};

struct Library {
  Runtime runtime{0};
  There own{runtime};
  std::unique_ptr<CublasLtProducts> products = CublasLtProducts::open(runtime);
  void* workspace = own.room(productRoom());

  bool multiply(Product p, std::size_t outCount, std::size_t residualBytes) {
    There there(runtime);
    const auto side = [&](MatrixView& m) { m.data = there.bring(m.data, static_cast<std::size_t>(m.rows) * m.rowBytes); };
    for (int t = 0; t < p.termCount; ++t) {
      side(p.terms[t].left);
      side(p.terms[t].right);
    }
    void* out = p.out;
    const std::size_t bytes = outCount * bytesOf(p.outType);
    p.out = there.bring(out, bytes);
    if (p.bias != nullptr) p.bias = static_cast<const float*>(there.bring(p.bias, static_cast<std::size_t>(p.columns) * sizeof(float)));
    if (p.residual != nullptr) p.residual = there.bring(p.residual, residualBytes);
    return products->wants(p) && finish(products->multiply(p, workspace, runtime.stream())) && runtime.copyOut(out, p.out, bytes) == Status::Ok;
  }
};

// Returns the bytes of the output, for comparing two runs. `lt`: by cuBLASLt, which has to want it.
std::vector<float> check(const Case& c, Precision precision, Library* lt = nullptr) {
  std::vector<Stored> sides;
  Product p;
  p.rows = c.rows;
  p.columns = c.columns;
  bool rounded = false;
  for (const TermOf& t : c.terms) {
    const auto purpose = static_cast<std::uint32_t>(100 + 2 * sides.size());
    sides.push_back(t.leftTransposed ? Stored(t.left, t.depth, c.rows, t.gap, t.offset, purpose) : Stored(t.left, c.rows, t.depth, t.gap, t.offset, purpose));
    sides.push_back(t.rightTransposed ? Stored(t.right, c.columns, t.depth, t.gap, t.offset, purpose + 1)
                                      : Stored(t.right, t.depth, c.columns, t.gap, t.offset, purpose + 1));
    p.addPlain(sides[sides.size() - 2].view, t.leftTransposed, sides.back().view, t.rightTransposed, t.depth);
    rounded = rounded || t.left == DType::F32 || t.right == DType::F32;
  }
  const int lines = c.outTransposed ? c.columns : c.rows, across = c.outTransposed ? c.rows : c.columns, stride = across + c.outGap;
  const auto count = static_cast<std::size_t>(lines) * stride;
  Output out(c.out, count), branch(c.out, count), residual(c.residual == 1 ? DType::F32 : DType::BF16, count);
  Array<float> columnScale(c.columns), bias(c.columns);
  for (std::size_t i = 0; i < count; ++i) {
    out.set(i, static_cast<int>(i % stride) < across ? extra(i + 7) : untouched);
    branch.set(i, untouched);
    residual.set(i, extra(i));
  }
  for (int i = 0; i < c.columns; ++i) {
    columnScale[i] = 1 + extra(i + 3) / 2;
    bias[i] = extra(i + 5);
  }
  p.out = out.data();
  p.outType = c.out;
  p.outStride = stride;
  p.outTransposed = c.outTransposed;
  p.accumulate = c.accumulate;
  p.scale = c.scale;
  if (c.columnScale) p.columnScale = columnScale.data();
  if (c.branch) p.branch = branch.data();
  if (c.bias) p.bias = bias.data();
  if (c.residual != 0) p.residual = residual.data();
  p.residualType = residual.type;
  if (lt == nullptr) {
    const std::size_t bytes = productWorkspace(p, precision);
    Array<unsigned char> workspace(bytes);
    CHECK(finish(product(p, precision, bytes == 0 ? nullptr : workspace.data(), nullptr)));
  } else {
    CHECK(lt->multiply(p, count, count * bytesOf(residual.type)));
  }

  int wrong = 0;
  double worst = 0;
  std::vector<float> found;
  for (int line = 0; line < lines; ++line)
    for (int i = 0; i < stride; ++i) {
      const std::size_t at = static_cast<std::size_t>(line) * stride + i;
      found.push_back(out.get(at));
      if (i >= across) {
        wrong += out.get(at) != widen(narrow(untouched)) && out.get(at) != untouched;
        continue;
      }
      const int row = c.outTransposed ? i : line, column = c.outTransposed ? line : i;
      double sum = 0, size = 0;
      for (std::size_t t = 0; t < c.terms.size(); ++t)
        for (int k = 0; k < c.terms[t].depth; ++k) {
          const double x = sides[2 * t].values[c.terms[t].leftTransposed ? k * c.rows + row : row * c.terms[t].depth + k];
          const double y = sides[2 * t + 1].values[c.terms[t].rightTransposed ? column * c.terms[t].depth + k : k * c.columns + column];
          sum += x * y;
          size += std::fabs(x * y);
        }
      const double scale = c.scale * (c.columnScale ? columnScale[column] : 1.0f);
      const double scaled = sum * scale;
      const double expected = scaled + (c.bias ? bias[column] : 0) + (c.residual != 0 ? extra(at) : 0) + (c.accumulate ? extra(at + 7) : 0);
      const double sumError = size * std::fabs(scale) * (precision == Precision::Bf16 && rounded ? 1.01 / 128 : 9.5e-7) + 1e-6;
      const double rounding = c.out == DType::BF16 ? 1.0 / 256 : 0;
      // What is there between two terms is rounded as well.
      const double between = lt == nullptr ? 0 : rounding * static_cast<double>(c.terms.size()) * (size * std::fabs(scale) + 2);
      if (precision == Precision::F32 && c.out == DType::F32 && size > 0) worst = std::fmax(worst, std::fabs(out.get(at) - expected) / size);
      wrong += !(std::fabs(out.get(at) - expected) <= sumError + between + std::fabs(expected) * rounding);
      if (c.branch) wrong += !(std::fabs(branch.get(at) - scaled) <= sumError + std::fabs(scaled) * rounding);
    }
  if (wrong != 0) {
    ++failures;
    const TermOf& t = c.terms[0];
    std::printf("%s %d×%d, %zu terms of depth %d …, left %s%s, right %s%s, gap %d, offset %d, out %s%s: %d wrong (worst %.3g)\n",
                precision == Precision::F32 ? "float32" : "bfloat16", c.rows, c.columns, c.terms.size(), t.depth, t.left == DType::F32 ? "f32" : "bf16",
                t.leftTransposed ? " transposed" : "", t.right == DType::F32 ? "f32" : "bf16", t.rightTransposed ? " transposed" : "", t.gap, t.offset,
                c.out == DType::F32 ? "f32" : "bf16", c.outTransposed ? " transposed" : "", wrong, worst);
  }
  return found;
}

void everyShape() {
  std::uint32_t number = 0;
  for (const int rows : {1, 8, 16, 33, 64, 100, 130})
    for (const int columns : {1, 8, 16, 33, 64, 100, 130})
      for (const int depth : {1, 8, 33, 96})
        for (const Precision precision : {Precision::Bf16, Precision::F32}) {
          std::uint32_t word[4];
          philox(++number, 0, 77, 42, word);
          const auto bit = [&](int i) { return (word[0] >> i & 1) != 0; };
          Case c{rows, columns, {}};
          const int terms = word[1] % 8 == 0 ? 3 : word[1] % 3 == 0 ? 2 : 1;
          for (int t = 0; t < terms; ++t) {
            const bool plain = bit(24 + t);  // what copies in 16 bytes, as a model's matrices do
            const DType own = precision == Precision::F32 ? DType::F32 : DType::BF16;
            c.terms.push_back({t == 0 ? depth : 1 + static_cast<int>(word[2] >> 4 * t) % 40, bit(2 * t), bit(2 * t + 1), plain || bit(12 + t) ? own : DType::F32,
                               plain || bit(15 + t) ? own : DType::BF16, plain ? 0 : static_cast<int>(word[3]) & 7, plain ? 0 : static_cast<int>(word[3]) >> 3 & 3});
          }
          c.outTransposed = bit(6) && bit(7);
          c.accumulate = bit(8);
          c.columnScale = bit(9);
          c.branch = bit(10);
          c.bias = bit(11);
          c.residual = c.outTransposed ? 0 : static_cast<int>(word[1] >> 8) % 3;
          c.out = bit(18) ? DType::BF16 : DType::F32;
          c.scale = bit(19) ? 0.75f : 1.0f;
          c.outGap = bit(20) ? 5 : bit(21) ? 0 : 2;
          check(c, precision);
        }
}

// Every tile, every orientation, from lines that copy in 16 bytes.
void everyOrientation() {
  for (const bool leftTransposed : {false, true})
    for (const bool rightTransposed : {false, true})
      for (const auto& [rows, columns] : {std::pair{136, 136}, std::pair{24, 264}, std::pair{264, 24}}) {
        check({rows, columns, {{72, leftTransposed, rightTransposed, DType::BF16, DType::BF16}}, DType::BF16}, Precision::Bf16);
        check({rows, columns, {{72, leftTransposed, rightTransposed, DType::F32, DType::F32}}}, Precision::F32);
        check({rows, columns, {{72, leftTransposed, rightTransposed, DType::F32, DType::BF16}}}, Precision::Bf16);
        check({rows, columns, {{72, leftTransposed, rightTransposed, DType::F32, DType::BF16}}}, Precision::F32);
      }
}

// Enough tiles for the large ones.
void largeTiles() {
  Case c{1544, 1032, {{40, false, true, DType::BF16, DType::BF16}, {8, false, false, DType::BF16, DType::BF16}}, DType::BF16};
  c.residual = 2;
  check(c, Precision::Bf16);
  c.terms[0].leftTransposed = true;
  check(c, Precision::Bf16);
}

// An adapter's gradients: 16 rows (or columns), all tokens. Twice the same bytes.
void sumsAreSharedOutInAFixedOrder() {
  for (const bool transposed : {false, true}) {
    Case c{16, 200, {{1600, true, false, DType::BF16, DType::BF16}}};
    c.outTransposed = transposed;
    c.accumulate = true;
    Product shape;
    shape.rows = c.rows;
    shape.columns = c.columns;
    shape.termCount = 1;
    shape.terms[0].depth = 1600;
    CHECK(productWorkspace(shape, Precision::Bf16) >= 2 * sizeof(float) * 16 * 200);
    CHECK(check(c, Precision::Bf16) == check(c, Precision::Bf16));
    check(c, Precision::F32);
  }
  check({300, 16, {{1100, false, true, DType::BF16, DType::BF16}}}, Precision::Bf16);
}

// What the sums are is the operands' alone: infinities and NaN go through, and reach nothing else.
void notNumbersPassThrough() {
  for (const Precision precision : {Precision::Bf16, Precision::F32}) {
    constexpr int n = 40;
    Array<float> left(n * n), right(n * n), out(n * n);
    for (int i = 0; i < n * n; ++i) left[i] = right[i] = 1 + i % 3;
    left[3 * n + 5] = INFINITY;
    left[7 * n + 2] = NAN;
    Product p;
    p.rows = p.columns = p.outStride = n;
    p.out = out.data();
    p.addPlain({left.data(), TensorType::F32, n, n, n * 4}, false, {right.data(), TensorType::F32, n, n, n * 4}, true, n);
    CHECK(finish(product(p, precision, nullptr, nullptr)));
    for (int r = 0; r < n; ++r)
      for (int c = 0; c < n; ++c) CHECK(r == 3 && precision == Precision::Bf16 ? std::isinf(out[r * n + c]) : r == 3 ? !std::isfinite(out[r * n + c]) : r == 7 ? std::isnan(out[r * n + c]) : std::isfinite(out[r * n + c]));
  }
}

void nothingToDo() {
  // No terms, or none with a depth: what is added is still added.
  Array<float> out(12);
  for (int i = 0; i < 12; ++i) out[i] = static_cast<float>(i);
  Array<float> bias(4);
  for (int i = 0; i < 4; ++i) bias[i] = 100;
  Product p;
  p.rows = 3;
  p.columns = p.outStride = 4;
  p.out = out.data();
  p.bias = bias.data();
  p.accumulate = true;
  CHECK(finish(product(p, Precision::Bf16, nullptr, nullptr)));
  for (int i = 0; i < 12; ++i) CHECK(out[i] == 100 + i);
  p.rows = 0;
  CHECK(finish(product(p, Precision::Bf16, nullptr, nullptr)));
  // A side in blocks has to be decoded first.
  p.rows = 3;
  p.addPlain({out.data(), TensorType::F32, 3, 32, 128}, false, {out.data(), TensorType::Q4_0, 4, 32, 18}, true, 32);
  CHECK(product(p, Precision::Bf16, nullptr, nullptr) == Status::BadShape);
}

// The terms, types and additions that a step has, of every orientation, by cuBLASLt together with our own kernel.
void cublasLt() {
  setenv("QT_CUDA_PRODUCTS", "cublaslt", 1);
  std::string why;
  if (cublasLtLibrary(&why) == nullptr) {
    std::printf("cuBLASLt is not there: skipped 1 (%s)\n", why.c_str());
    return;
  }
  Library lt;
  CHECK(lt.products != nullptr && lt.workspace != nullptr);
  if (lt.products == nullptr) return;
  std::uint32_t number = 0;
  for (const auto& [rows, columns] : {std::pair{64, 48}, std::pair{40, 136}, std::pair{136, 64}})
    for (int i = 0; i < 40; ++i) {
      std::uint32_t word[4];
      philox(++number, 0, 78, 42, word);
      const auto bit = [&](int at) { return (word[0] >> at & 1) != 0; };
      const auto term = [&](int depth, int at) { return TermOf{depth, bit(at), bit(at + 1), DType::BF16, DType::BF16}; };
      Case c{rows, columns, {term(i % 2 == 0 ? 64 : 168, 0)}};
      if (bit(4)) c.terms.push_back(term(16, 6));  // an adapter's
      if (bit(5)) c.terms.push_back(term(40, 8));
      c.out = bit(10) ? DType::BF16 : DType::F32;
      c.outTransposed = bit(11) && bit(12);
      c.accumulate = bit(13);
      c.bias = bit(14);
      c.residual = c.outTransposed || bit(15) ? 0 : 1 + bit(16);
      c.scale = bit(17) ? 0.75f : 1.0f;
      c.outGap = bit(18) ? 0 : 8;
      const auto once = check(c, Precision::Bf16, &lt);
      if (i < 4) CHECK(check(c, Precision::Bf16, &lt) == once);
    }
#ifdef QT_CUDA_EMULATED
  setenv("QT_EMULATED_CUBLASLT_FULL", "1", 1);
  {
    There there(lt.runtime);
    Product p;
    p.rows = p.columns = p.outStride = 64;
    p.out = there.room(64 * 64 * sizeof(float));
    const MatrixView side{there.room(64 * 64 * sizeof(bf16)), TensorType::BF16, 64, 64, 64 * sizeof(bf16)};
    p.addPlain(side, false, side, true, 64);
    CHECK(lt.products->wants(p) && lt.products->multiply(p, lt.workspace, lt.runtime.stream()) == Status::OutOfMemory);
  }
  unsetenv("QT_EMULATED_CUBLASLT_FULL");
#endif
  // What it is not asked for: thin products, adapters' alone, DoRA's scales, matrices that do not lie as it wants them.
  const auto wants = [&](int rows, int depth, std::int64_t stride, const float* columnScale) {
    Array<bf16> side(static_cast<std::size_t>(64) * 65);
    Array<float> out(static_cast<std::size_t>(64) * 65);
    Product p;
    p.rows = rows;
    p.columns = 64;
    p.outStride = 64;
    p.out = out.data();
    p.columnScale = columnScale;
    const MatrixView view{side.data(), TensorType::BF16, 64, depth, static_cast<std::size_t>(stride) * 2};
    p.addPlain(view, false, view, true, depth);
    return lt.products->wants(p);
  };
  const float one = 1;
  CHECK(wants(64, 64, 64, nullptr));
  CHECK(!wants(4, 64, 64, nullptr));
  CHECK(!wants(64, 16, 16, nullptr));
  CHECK(!wants(64, 64, 65, nullptr));
  CHECK(!wants(64, 64, 64, &one));
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_product_test", 7);
  everyShape();
  everyOrientation();
  largeTiles();
  sumsAreSharedOutInAFixedOrder();
  notNumbersPassThrough();
  nothingToDo();
  cublasLt();
  return report("cuda_product_test");
}
