// Kernels over rows of activations beside the CPU's: norms, rotary embedding, gated units, sums over rows, conversions.
#include <limits>
#include <string>

#include "kernels/columns.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/heads.hpp"
#include "kernels/norm.hpp"
#include "kernels/rotary.hpp"
#include "activations.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

// Sums may be taken in another order; a bfloat16 may then round the other way.
double toleranceOf(DType type) { return type == DType::F32 ? 2e-6 : 2e-3; }
const ActivationOps& opsOf(DType type) { return kernels().ops[type == DType::BF16]; }
constexpr DType types[] = {DType::F32, DType::BF16};

std::vector<float> zeros(std::size_t count) { return std::vector<float>(count); }

std::string named(const char* what, DType type, std::int64_t rows, std::int64_t columns) {
  return std::string(what) + (type == DType::F32 ? " float32 " : " bfloat16 ") + std::to_string(rows) + "×" + std::to_string(columns);
}

void norms(std::int64_t rows, std::int64_t columns) {
  const std::size_t count = rows * columns;
  const Array<float> weight(drawNumbers(columns, 9));
  for (const DType type : types) {
    const ActivationOps& ops = opsOf(type);
    const double tolerance = toleranceOf(type);
    Activations x(drawNumbers(count, 1), type), dy(drawNumbers(count, 2), type), out(count, type), expected(count, type);
    Array<float> inverse(rows), expectedInverse(rows);
    ops.rmsNorm(x.data(), weight.data(), expected.data(), expectedInverse.data(), rows, columns, 1e-5f);
    CHECK(finish(rmsNorm(x.data(), type, weight.data(), nullptr, out.data(), inverse.data(), rows, columns, 1e-5f, nullptr, nullptr)));
    checkClose(named("norm", type, rows, columns).c_str(), out, expected, tolerance);
    checkClose(named("inverse", type, rows, columns).c_str(), inverse, expectedInverse, 3e-6);
    Activations again(count, type);
    CHECK(finish(rmsNormApply(x.data(), type, weight.data(), again.data(), inverse.data(), rows, columns, nullptr)));
    for (std::size_t i = 0; i < count; ++i) CHECK(again[i] == out[i]);

    // residual + norm(x): the CPU rounds the norm before it adds.
    ops.add(expected.data(), dy.data(), static_cast<std::int64_t>(count));
    CHECK(finish(rmsNorm(x.data(), type, weight.data(), dy.data(), again.data(), inverse.data(), rows, columns, 1e-5f, nullptr, nullptr)));
    checkClose(named("norm and residual", type, rows, columns).c_str(), again, expected, type == DType::F32 ? tolerance : 4e-3);

    const std::vector<float> before = drawNumbers(count, 3);
    Array<float> dx(before), expectedDx(before), dw(drawNumbers(columns, 4)), expectedDw(drawNumbers(columns, 4)), scratch(columnScratch(rows, columns));
    ops.rmsNormBackward(x.data(), weight.data(), expectedInverse.data(), dy.data(), expectedDx.data(), rows, columns);
    CHECK(finish(rmsNormBackward(x.data(), type, weight.data(), inverse.data(), dy.data(), dx.data(), rows, columns, nullptr, nullptr)));
    checkClose(named("norm backward", type, rows, columns).c_str(), dx, expectedDx, 2e-6);
    ops.rmsNormWeightGrad(x.data(), expectedInverse.data(), dy.data(), expectedDw.data(), rows, columns, 0, columns);
    CHECK(finish(rmsNormWeightGrad(x.data(), type, inverse.data(), dy.data(), dw.data(), rows, columns, nullptr, scratch.data(), nullptr)));
    checkClose(named("norm's weight", type, rows, columns).c_str(), dw, expectedDw, 3e-6);

    Activations there(drawNumbers(count, 2), type);
    ops.rmsNormBackwardInPlace(x.data(), weight.data(), expectedInverse.data(), there.data(), rows, columns);
    CHECK(finish(rmsNormBackwardInPlace(x.data(), type, weight.data(), inverse.data(), dy.data(), rows, columns, nullptr)));
    checkClose(named("norm backward in place", type, rows, columns).c_str(), dy, there, tolerance);
  }
}

// Rows picked by index: x and dx are of 9 tokens, 4 of which carry loss.
void normsOfSomeRows() {
  constexpr std::int64_t columns = 40;
  const std::vector<std::int32_t> picked{1, 2, 5, 8};
  const Array<std::int32_t> index(picked);
  const Array<float> weight(drawNumbers(columns, 9));
  for (const DType type : types) {
    const ActivationOps& ops = opsOf(type);
    Activations x(drawNumbers(9 * columns, 1), type), dy(drawNumbers(4 * columns, 2), type), out(4 * columns, type), expected(4 * columns, type);
    Array<float> inverse(4), expectedInverse(4), dx(zeros(9 * columns)), expectedDx(zeros(9 * columns)), dw(zeros(columns)),
        expectedDw(zeros(columns)), scratch(columnScratch(4, columns));
    const auto* rowsOfX = static_cast<const unsigned char*>(x.data());
    auto *rowsOfOut = static_cast<unsigned char*>(expected.data()), *rowsOfDy = static_cast<unsigned char*>(dy.data());
    const std::size_t row = columns * bytesOf(type);
    for (int r = 0; r < 4; ++r) {
      ops.rmsNorm(rowsOfX + picked[r] * row, weight.data(), rowsOfOut + r * row, expectedInverse.data() + r, 1, columns, 1e-5f);
      ops.rmsNormBackward(rowsOfX + picked[r] * row, weight.data(), expectedInverse.data() + r, rowsOfDy + r * row, expectedDx.data() + picked[r] * columns, 1, columns);
      ops.rmsNormWeightGrad(rowsOfX + picked[r] * row, expectedInverse.data() + r, rowsOfDy + r * row, expectedDw.data(), 1, columns, 0, columns);
    }
    CHECK(finish(rmsNorm(x.data(), type, weight.data(), nullptr, out.data(), inverse.data(), 4, columns, 1e-5f, index.data(), nullptr)));
    CHECK(finish(rmsNormBackward(x.data(), type, weight.data(), inverse.data(), dy.data(), dx.data(), 4, columns, index.data(), nullptr)));
    CHECK(finish(rmsNormWeightGrad(x.data(), type, inverse.data(), dy.data(), dw.data(), 4, columns, index.data(), scratch.data(), nullptr)));
    checkClose("norm of picked rows", out, expected, toleranceOf(type));
    checkClose("norm backward of picked rows", dx, expectedDx, 2e-6);
    checkClose("norm's weight of picked rows", dw, expectedDw, 3e-6);
    for (int c = 0; c < columns; ++c) CHECK(dx[3 * columns + c] == 0);
  }
}

void normKeepsNan() {
  constexpr std::int64_t columns = 136;
  const Array<float> weight(drawNumbers(columns, 9));
  for (const DType type : types) {
    Activations x(drawNumbers(3 * columns, 1), type), out(3 * columns, type);
    x.set(columns + 7, NAN);
    Array<float> inverse(3);
    CHECK(finish(rmsNorm(x.data(), type, weight.data(), nullptr, out.data(), inverse.data(), 3, columns, 1e-5f, nullptr, nullptr)));
    CHECK(!std::isnan(out[0]) && std::isnan(out[columns]) && std::isnan(out[2 * columns - 1]) && !std::isnan(out[2 * columns]));
  }
}

void rotations(int heads, int headDim, int pairs, bool interleaved) {
  constexpr std::int64_t rows = 5;
  const Array<std::int32_t> positions(std::vector<std::int32_t>{0, 1, 2, 0, 6});
  const Array<float> cosine(drawNumbers(7 * pairs, 5)), sine(drawNumbers(7 * pairs, 6));
  const RotaryTable table{cosine.data(), sine.data(), pairs, interleaved};
  for (const DType type : types)
    for (const float direction : {1.0f, -1.0f}) {
      const std::vector<float> from = drawNumbers(rows * heads * headDim, 1);
      Activations x(from, type), expected(from, type);
      opsOf(type).rotate(expected.data(), positions.data(), rows, heads, headDim, table, direction);
      CHECK(finish(rotate(x.data(), type, positions.data(), rows, heads, headDim, table, direction, nullptr)));
      checkClose((named("rotation", type, heads, headDim) + " of " + std::to_string(pairs) + (interleaved ? " interleaved pairs" : " pairs in halves")).c_str(), x, expected,
                 toleranceOf(type));
    }
}

// Norm and rotation of heads in one go: the CPU rounds between them, so two roundings apart.
void preparedHeads(int heads, int headDim, int pairs, bool interleaved, bool norm) {
  constexpr std::int64_t rows = 5;
  const Array<std::int32_t> positions(std::vector<std::int32_t>{0, 1, 2, 0, 6});
  const Array<float> cosine(drawNumbers(7 * pairs, 5)), sine(drawNumbers(7 * pairs, 6)), weight(drawNumbers(headDim, 7));
  const RotaryTable table{cosine.data(), sine.data(), pairs, interleaved};
  const std::size_t count = rows * heads * headDim;
  for (const DType type : types) {
    const ActivationOps& ops = opsOf(type);
    Activations raw(drawNumbers(count, 1), type), expected(drawNumbers(count, 1), type), to(drawNumbers(count, 1), type);
    Array<float> inverse(rows * heads), expectedInverse(rows * heads);
    const Heads h{type, rows, heads, headDim, norm ? weight.data() : nullptr, inverse.data(), 1e-5f, table, positions.data()};
    if (norm) ops.rmsNorm(raw.data(), weight.data(), expected.data(), expectedInverse.data(), rows * heads, headDim, 1e-5f);
    ops.rotate(expected.data(), positions.data(), rows, heads, headDim, table, 1.0f);
    CHECK(finish(prepareHeads(h, norm ? raw.data() : to.data(), to.data(), nullptr)));
    const std::string name = named(norm ? "norm and rotation" : "rotation alone", type, heads, headDim) + " of " + std::to_string(pairs) + (interleaved ? " interleaved pairs" : " pairs in halves");
    const double tolerance = type == DType::F32 ? 2e-6 : 5e-3;
    checkClose(name.c_str(), to, expected, tolerance);
    if (norm) checkClose((name + ", inverse").c_str(), inverse, expectedInverse, 1e-6);
  }
}

void elementwise(std::int64_t count) {
  for (const DType type : types) {
    const ActivationOps& ops = opsOf(type);
    const double tolerance = toleranceOf(type);
    Activations gate(drawNumbers(count, 1, 12), type), up(drawNumbers(count, 2), type), dOut(drawNumbers(count, 3), type), out(count, type), expected(count, type);
    if (count > 5) gate.set(3, -1e4f), gate.set(4, 1e4f);
    const auto both = [&](auto forward, auto backward, auto ownForward, auto ownBackward, const char* name) {
      forward(gate.data(), up.data(), expected.data(), count);
      CHECK(finish(ownForward(gate.data(), up.data(), out.data(), type, count, nullptr)));
      checkClose(named(name, type, 1, count).c_str(), out, expected, tolerance);
      Activations dGate(count, type), dUp(count, type), expectedGate(count, type), expectedUp(count, type);
      for (std::int64_t i = 0; i < count; ++i) expectedGate.set(i, gate[i]), expectedUp.set(i, up[i]);
      backward(expectedGate.data(), expectedUp.data(), dOut.data(), count);
      CHECK(finish(ownBackward(gate.data(), up.data(), dOut.data(), dGate.data(), dUp.data(), type, count, nullptr)));
      checkClose(named(name, type, 1, count).append(", dGate").c_str(), dGate, expectedGate, tolerance);
      checkClose(named(name, type, 1, count).append(", dUp").c_str(), dUp, expectedUp, tolerance);
      Activations gateThere(count, type), upThere(count, type);
      for (std::int64_t i = 0; i < count; ++i) gateThere.set(i, gate[i]), upThere.set(i, up[i]);
      CHECK(finish(ownBackward(gateThere.data(), upThere.data(), dOut.data(), gateThere.data(), upThere.data(), type, count, nullptr)));
      for (std::int64_t i = 0; i < count; ++i) CHECK(gateThere[i] == dGate[i] && upThere[i] == dUp[i]);
    };
    both(ops.swiglu, ops.swigluBackward, swiglu, swigluBackward, "swiglu");
    both(ops.geglu, ops.gegluBackward, geglu, gegluBackward, "geglu");

    ops.add(expected.data(), up.data(), count);
    for (std::int64_t i = 0; i < count; ++i) out.set(i, 0);
    opsOf(type).geglu(gate.data(), up.data(), out.data(), count);
    CHECK(finish(add(out.data(), up.data(), type, count, nullptr)));
    for (std::int64_t i = 0; i < count; ++i) CHECK(out[i] == expected[i]);

    Array<float> wide(count), expectedWide(count);
    ops.widen(gate.data(), expectedWide.data(), count);
    CHECK(finish(widen(gate.data(), type, wide.data(), count, nullptr)));
    for (std::int64_t i = 0; i < count; ++i) CHECK(wide[i] == expectedWide[i]);
    for (std::int64_t i = 0; i < count; ++i) wide[i] = wide[i] * 1.2345678f;
    if (count > 5) wide[1] = std::numeric_limits<float>::infinity(), wide[2] = 3.4e38f;
    ops.narrow(wide.data(), expected.data(), count);
    CHECK(finish(narrow(wide.data(), out.data(), type, count, nullptr)));
    for (std::int64_t i = 0; i < count; ++i) CHECK(out[i] == expected[i]);
  }
  Array<float> z(drawNumbers(count, 7, 90)), expected(drawNumbers(count, 7, 90));
  kernels().softcap(expected.data(), count, 30);
  CHECK(finish(softcap(z.data(), count, 30, nullptr)));
  checkClose("soft cap", z, expected, 2e-6);
}

void sums(std::int64_t rows, std::int64_t columns) {
  const std::size_t count = rows * columns;
  const Array<float> bias(drawNumbers(columns, 5)), scale(drawNumbers(columns, 6));
  for (const DType type : types) {
    const ActivationOps& ops = opsOf(type);
    Activations x(drawNumbers(count, 1), type);
    Array<float> found(drawNumbers(columns, 4)), expected(drawNumbers(columns, 4)), scratch(columnScratch(rows, columns));
    ops.columnSums(x.data(), expected.data(), rows, columns, 0, columns);
    CHECK(finish(columnSums(x.data(), type, found.data(), rows, columns, scratch.data(), nullptr)));
    checkClose(named("column sums", type, rows, columns).c_str(), found, expected, 3e-6);
    for (const DType dyType : types)
      for (const float* shift : {static_cast<const float*>(nullptr), bias.data()}) {
        Activations dy(drawNumbers(count, 2), dyType), dz(count, type), expectedDz(count, type);
        Array<float> own(std::vector<float>(columns, 0.5f)), expectedOwn(std::vector<float>(columns, 0.5f));
        ops.scaleBackward(dy.data(), dyType, x.data(), shift, scale.data(), expectedDz.data(), expectedOwn.data(), rows, columns, 0, columns);
        CHECK(finish(scaleBackward(dy.data(), dyType, x.data(), type, shift, scale.data(), dz.data(), own.data(), rows, columns, scratch.data(), nullptr)));
        checkClose(named("scale backward", type, rows, columns).c_str(), own, expectedOwn, 3e-6);
        for (std::size_t i = 0; i < count; ++i) CHECK(dz[i] == expectedDz[i]);
      }
  }
}

// What lies beside borders of 16 bytes is read number by number.
void unalignedMemory() {
  Array<float> x(drawNumbers(33, 1), 1), y(drawNumbers(33, 2), 1), out(33, 1), expected(33, 1);
  opsOf(DType::F32).swiglu(x.data(), y.data(), expected.data(), 33);
  CHECK(finish(swiglu(x.data(), y.data(), out.data(), DType::F32, 33, nullptr)));
  checkClose("swiglu of unaligned memory", out, expected, 2e-6);
  Array<float> inverse(1), weight(drawNumbers(32, 3), 1);
  opsOf(DType::F32).rmsNorm(x.data(), weight.data(), expected.data(), inverse.data(), 1, 32, 1e-5f);
  CHECK(finish(rmsNorm(x.data(), DType::F32, weight.data(), nullptr, out.data(), inverse.data(), 1, 32, 1e-5f, nullptr, nullptr)));
  for (int i = 0; i < 32; ++i) CHECK_NEAR(out[i], expected[i], 1e-5);
}

void nothingToDo() {
  CHECK(rmsNorm(nullptr, DType::BF16, nullptr, nullptr, nullptr, nullptr, 0, 64, 1e-5f, nullptr, nullptr) == Status::Ok);
  CHECK(rmsNorm(nullptr, DType::BF16, nullptr, nullptr, nullptr, nullptr, 1, 0, 1e-5f, nullptr, nullptr) == Status::BadShape);
  CHECK(swiglu(nullptr, nullptr, nullptr, DType::BF16, 0, nullptr) == Status::Ok);
  CHECK(columnSums(nullptr, DType::F32, nullptr, 0, 8, nullptr, nullptr) == Status::Ok);
  CHECK(rotate(nullptr, DType::F32, nullptr, 1, 1, 8, {nullptr, nullptr, 5, false}, 1, nullptr) == Status::BadShape);
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_rows_test", 8);
  for (const auto& [rows, columns] : {std::pair{1, 3}, std::pair{7, 12}, std::pair{5, 37}, std::pair{33, 64}, std::pair{70, 128}, std::pair{9, 256}, std::pair{3, 896}, std::pair{2, 2048},
                                      std::pair{2, 3584}, std::pair{3, 8192}, std::pair{2, 12288}, std::pair{1, 18432}})
    norms(rows, columns);
  normsOfSomeRows();
  normKeepsNan();
  for (const bool interleaved : {false, true}) {
    rotations(2, 64, 32, interleaved);
    rotations(3, 128, 64, interleaved);
    rotations(2, 80, 16, interleaved);  // a part of the head
    rotations(2, 12, 6, interleaved);
    rotations(1, 12, 3, interleaved);
  }
  for (const bool norm : {false, true}) {
    for (const bool interleaved : {false, true})
      for (const auto& [headDim, pairs] : {std::pair{64, 32}, std::pair{64, 0}, std::pair{80, 40}, std::pair{96, 16}, std::pair{128, 64}, std::pair{256, 128}, std::pair{12, 4}})
        preparedHeads(3, headDim, pairs, interleaved, norm);
  }
  for (const std::int64_t count : {1, 7, 8, 100, 4099}) elementwise(count);
  for (const auto& [rows, columns] : {std::pair{1, 1}, std::pair{70, 5}, std::pair{130, 64}, std::pair{700, 24}, std::pair{3, 264}, std::pair{40000, 8}}) sums(rows, columns);
  unalignedMemory();
  nothingToDo();
  return report("cuda_rows_test");
}
