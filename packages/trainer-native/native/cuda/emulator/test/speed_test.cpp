// What can be held of speed without a device: that products and attention read shared memory without conflicts, global memory in whole
// sectors, and no more of shared memory for a multiplication than they do now.
#include <cmath>
#include <cstdio>
#include <vector>

#include "../../kernels/attention.hpp"
#include "../../../src/product.hpp"
#include "../../kernels/product.hpp"
#include "../../platform.cuh"
#include "../../test/array.hpp"
#include "../counts.hpp"
#include "check.hpp"

using namespace qt;
using namespace qt::cuda;
using namespace qt::cuda::emulator;

namespace {

MatrixView matrix(const Array<bf16>& from, std::int64_t rows, std::int64_t columns) { return dense(from.data(), DType::BF16, rows, columns); }

// Of the kernels that multiply. `mostWavefronts` is for each multiplication.
void holds(const char* what, const Counts& counts, double mostWavefronts) {
  std::uint64_t multiplications = 0;
  SiteCount sum;
  for (const auto& kernel : counts.kernels()) {
    if (kernel->together[static_cast<std::size_t>(Together::Multiply)] == 0) continue;
    multiplications += kernel->together[static_cast<std::size_t>(Together::Multiply)];
    const SiteCount t = kernel->total();
    sum.read.add(t.read);
    sum.shared.add(t.shared);
  }
  const double wavefronts = static_cast<double>(sum.shared.wavefronts) / static_cast<double>(multiplications);
  std::printf("%s: %.2f wavefronts a multiplication\n", what, wavefronts);
  CHECK(multiplications > 0);
  CHECK(wavefronts <= mostWavefronts);
  CHECK(sum.shared.wavefronts == sum.shared.leastWavefronts);
  CHECK(static_cast<double>(sum.read.sectors) <= 1.1 * static_cast<double>(sum.read.leastSectors));
}

void largeProducts() {
  constexpr int rows = 1536, columns = 1024, depth = 64;
  Array<bf16> left(rows * depth), right(columns * depth), out(rows * columns);
  for (const bool leftTransposed : {false, true})
    for (const bool rightTransposed : {false, true}) {
      Product p;
      p.rows = rows;
      p.columns = columns;
      p.out = out.data();
      p.outType = DType::BF16;
      p.outStride = columns;
      p.addPlain(leftTransposed ? matrix(left, depth, rows) : matrix(left, rows, depth), leftTransposed,
                 rightTransposed ? matrix(right, columns, depth) : matrix(right, depth, columns), rightTransposed, depth);
      Counts counts;
      observer = &counts;
      CHECK(finish(product(p, Precision::Bf16, nullptr, nullptr)));
      observer = nullptr;
      holds("a product", counts, 1.5);
    }
}

void attentionOf(std::int32_t headDim, double forwardMost, double queryMost, double keyMost) {
  constexpr std::int32_t tokens = 512;
  const AttentionShape shape{1, 1, headDim, 1.0f / std::sqrt(static_cast<float>(headDim))};
  const auto count = static_cast<std::size_t>(tokens) * headDim;
  Array<bf16> q(count), k(count), v(count), out(count), dOut(count), dq(count), dk(count), dv(count);
  for (Array<bf16>* x : {&q, &k, &v, &dOut})
    for (std::size_t i = 0; i < count; ++i) (*x)[i] = narrow(static_cast<float>(i * 37 % 61) / 64);
  Array<float> logSumExp(tokens), delta(tokens);
  const AttentionForward forward{shape, q.data(), k.data(), v.data(), out.data(), logSumExp.data()};
  const AttentionBackward backward{shape, q.data(), k.data(), v.data(), out.data(), dOut.data(), logSumExp.data(), delta.data(), dq.data(), dk.data(), dv.data()};
  const std::int32_t borders[] = {0, tokens};
  const auto run = [&](const char* what, AttentionPass pass, double most, const auto& launchPass) {
    const Array<AttentionSpan> spans(planAttention(pass, borders, 1, attentionRows(pass, headDim, DType::BF16), 0));
    Counts counts;
    observer = &counts;
    CHECK(finish(launchPass(spans)));
    observer = nullptr;
    holds(what, counts, most);
  };
  run("attention", AttentionPass::Forward, forwardMost, [&](const Array<AttentionSpan>& s) { return attentionForward(forward, DType::BF16, s.data(), static_cast<std::int64_t>(s.size()), nullptr); });
  CHECK(finish(attentionDelta(backward, DType::BF16, tokens, nullptr)));
  run("dQ", AttentionPass::Query, queryMost,
      [&](const Array<AttentionSpan>& s) { return attentionBackwardQuery(backward, DType::BF16, s.data(), static_cast<std::int64_t>(s.size()), nullptr); });
  run("dK and dV", AttentionPass::Key, keyMost,
      [&](const Array<AttentionSpan>& s) { return attentionBackwardKey(backward, DType::BF16, s.data(), static_cast<std::int64_t>(s.size()), nullptr); });
}

}  // namespace

int main() {
  largeProducts();
  attentionOf(64, 1.8, 2.05, 2.0);
  attentionOf(128, 1.75, 2.05, 2.3);
  return report("cuda_speed_test");
}
