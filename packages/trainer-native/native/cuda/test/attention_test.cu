// Attention of packed documents on the device against the reference in double precision and against the CPU's kernels: head sizes that do
// and do not fill a tile, grouped heads, windows, soft caps, empty documents, and what must not leak from one document into the next.
#include <cstring>
#include <string>

#include "kernels/attention.hpp"
#include "kernels/attention_tile.cuh"
#include "activations.hpp"
#include "aligned_bytes.hpp"
#include "reference/ops.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

struct Case {
  int heads, kvHeads, headDim;
  float softcap = 0;
  int window = 0;
  float sharpness = 1;
};

std::string nameOf(const Case& c, DType type) {
  char text[160];
  std::snprintf(text, sizeof text, "%s, %d/%d heads of %d, soft cap %g, window %d, sharpness %g: ", type == DType::F32 ? "float32" : "bfloat16", c.heads, c.kvHeads, c.headDim, c.softcap,
                c.window, c.sharpness);
  return text;
}

struct Results {
  Activations out, dq, dk, dv;
  Array<float> logSumExp, delta;
  Results(std::size_t tokens, const Case& c, DType type)
      : out(tokens * c.heads * c.headDim, type),
        dq(out.size(), type),
        dk(tokens * c.kvHeads * c.headDim, type),
        dv(dk.size(), type),
        logSumExp(tokens * c.heads),
        delta(tokens * c.heads) {}
};

struct Inputs {
  Activations q, k, v, dOut;
  Inputs(std::size_t tokens, const Case& c, DType type)
      : q(drawNumbers(tokens * c.heads * c.headDim, 1, c.sharpness), type),
        k(drawNumbers(tokens * c.kvHeads * c.headDim, 2), type),
        v(drawNumbers(tokens * c.kvHeads * c.headDim, 3), type),
        dOut(drawNumbers(tokens * c.heads * c.headDim, 4), type) {}
};

AttentionShape shapeOf(const Case& c) { return {c.heads, c.kvHeads, c.headDim, 1.0f / std::sqrt(static_cast<float>(c.headDim)), c.softcap, c.window}; }

void run(Inputs& in, Results& results, const std::vector<std::int32_t>& borders, const Case& c, DType type) {
  const AttentionShape shape = shapeOf(c);
  const auto plan = [&](AttentionPass pass) {
    return Array<AttentionSpan>(planAttention(pass, borders.data(), static_cast<int>(borders.size()) - 1, attentionRows(pass, c.headDim, type), c.window));
  };
  const Array<AttentionSpan> forward = plan(AttentionPass::Forward), query = plan(AttentionPass::Query), key = plan(AttentionPass::Key);
  const AttentionBackward a{shape,
                            in.q.data(), in.k.data(), in.v.data(), results.out.data(), in.dOut.data(), results.logSumExp.data(), results.delta.data(),
                            results.dq.data(), results.dk.data(), results.dv.data()};
  CHECK(finish(attentionForward({shape, in.q.data(), in.k.data(), in.v.data(), results.out.data(), results.logSumExp.data()}, type, forward.data(), forward.size(), nullptr)));
  CHECK(finish(attentionDelta(a, type, borders.back(), nullptr)));
  CHECK(finish(attentionBackwardQuery(a, type, query.data(), query.size(), nullptr)));
  CHECK(finish(attentionBackwardKey(a, type, key.data(), key.size(), nullptr)));
}

void compare(const std::vector<std::int32_t>& borders, const Case& c) {
  const std::size_t tokens = borders.back();
  std::vector<int> document(tokens);
  for (std::size_t d = 0; d + 1 < borders.size(); ++d) std::fill(document.begin() + borders[d], document.begin() + borders[d + 1], static_cast<int>(d));
  const reference::AttentionSizes sizes{c.heads, c.kvHeads, c.headDim, shapeOf(c).scale, c.softcap, c.window};
  for (const DType type : {DType::F32, DType::BF16}) {
    Inputs in(tokens, c, type);
    const auto wider = [](const Activations& x) {
      reference::Values out(x.size());
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = x[i];
      return out;
    };
    const reference::Values q = wider(in.q), k = wider(in.k), v = wider(in.v), dOut = wider(in.dOut);
    const reference::Values expected = reference::attention(q, k, v, document, sizes);
    reference::Values dq(q.size()), dk(k.size()), dv(v.size()), logSumExp;
    reference::attentionBackward(q, k, v, dOut, document, sizes, dq, dk, dv);
    for (std::size_t t = 0; t < tokens; ++t)
      for (int h = 0; h < c.heads; ++h) {
        double sum = 0;
        for (std::size_t u = 0; u <= t; ++u)
          if (reference::sees(document, sizes, static_cast<int>(t), static_cast<int>(u))) sum += std::exp(reference::score(q, k, sizes, static_cast<int>(t), static_cast<int>(u), h));
        logSumExp.push_back(std::log(sum));
      }
    Results results(tokens, c, type);
    run(in, results, borders, c, type);
    const std::string name = nameOf(c, type);
    const double tolerance = type == DType::F32 ? 2e-6 : 8e-3;
    checkClose((name + "the output").c_str(), results.out, expected, tolerance);
    checkClose((name + "the log-sum-exp").c_str(), results.logSumExp, logSumExp, 1e-6);
    checkClose((name + "dq").c_str(), results.dq, dq, tolerance * 2);
    checkClose((name + "dk").c_str(), results.dk, dk, tolerance * 2);
    checkClose((name + "dv").c_str(), results.dv, dv, tolerance * 2);

    // The CPU's kernels keep the same log-sum-exp and delta, and round as often.
    const KernelTable& table = kernels();
    const ActivationOps& ops = table.ops[type == DType::BF16];
    const auto scratch = alignedBytes(table.attentionScratch(shapeOf(c)));
    Results cpu(tokens, c, type);
    const AttentionForward f{shapeOf(c), in.q.data(), in.k.data(), in.v.data(), cpu.out.data(), cpu.logSumExp.data()};
    for (std::size_t d = 0; d + 1 < borders.size(); ++d)
      for (int tile = 0; tile * attentionTileRows < borders[d + 1] - borders[d]; ++tile)
        for (int head = 0; head < c.kvHeads; ++head) ops.attention(f, {borders[d], borders[d + 1], tile, head}, scratch.get());
    ops.attentionDelta({shapeOf(c), in.q.data(), in.k.data(), in.v.data(), results.out.data(), in.dOut.data(), nullptr, cpu.delta.data(), nullptr, nullptr, nullptr}, 0,
                       static_cast<std::int64_t>(tokens));
    checkClose((name + "the output beside the CPU's").c_str(), results.out, cpu.out, tolerance);
    checkClose((name + "the log-sum-exp beside the CPU's").c_str(), results.logSumExp, cpu.logSumExp, 1e-6);
    checkClose((name + "delta beside the CPU's").c_str(), results.delta, cpu.delta, 1e-5);
  }
}

// A NaN in one document's keys, values or queries reaches that document alone.
void keepsDocumentsApart() {
  const std::vector<std::int32_t> borders{0, 70, 135};
  const Case c{2, 1, 64};
  for (const DType type : {DType::F32, DType::BF16}) {
    Inputs clean(135, c, type), in(135, c, type);
    in.q.set(3 * 128, NAN);
    in.k.set(69 * 64, NAN);
    in.v.set(68 * 64 + 1, NAN);
    Results expected(135, c, type), found(135, c, type);
    run(clean, expected, borders, c, type);
    run(in, found, borders, c, type);
    for (std::size_t i = 70 * 128; i < 135 * 128; ++i) {
      CHECK(found.out[i] == expected.out[i]);
      CHECK(found.dq[i] == expected.dq[i]);
    }
    for (std::size_t i = 70 * 64; i < 135 * 64; ++i) {
      CHECK(found.dk[i] == expected.dk[i]);
      CHECK(found.dv[i] == expected.dv[i]);
    }
    CHECK(std::isnan(found.out[3 * 128 + 5]));
    CHECK(std::isnan(found.out[69 * 128 + 5]));
    CHECK(!std::isnan(found.out[0]));
  }
}

// Rows of no document stay as they are, whatever stands in them.
void leavesOtherRowsAlone() {
  const std::vector<std::int32_t> borders{0, 20, 20, 33};
  const Case c{1, 1, 16};
  for (const DType type : {DType::F32, DType::BF16}) {
    Inputs in(40, c, type);
    for (std::size_t i = 33 * 16; i < 40 * 16; ++i) in.k.set(i, NAN), in.v.set(i, NAN), in.q.set(i, NAN);
    Results found(40, c, type);
    for (std::size_t i = 33 * 16; i < 40 * 16; ++i) found.out.set(i, 7), found.dq.set(i, 7), found.dk.set(i, 7), found.dv.set(i, 7);
    run(in, found, borders, c, type);
    for (std::size_t i = 0; i < 33 * 16; ++i) CHECK(!std::isnan(found.out[i]) && !std::isnan(found.dk[i]));
    for (std::size_t i = 33 * 16; i < 40 * 16; ++i) CHECK(found.out[i] == 7 && found.dq[i] == 7 && found.dk[i] == 7 && found.dv[i] == 7);
  }
}

void refusesWhatItCannotDo() {
  AttentionForward a{};
  a.shape = {4, 3, 64, 1.0f};
  CHECK(attentionForward(a, DType::BF16, nullptr, 1, nullptr) == Status::BadShape);
  a.shape = {4, 4, 264, 1.0f};
  CHECK(attentionForward(a, DType::BF16, nullptr, 1, nullptr) == Status::BadShape);
  a.shape = {4, 4, 64, 1.0f};
  CHECK(attentionForward(a, DType::BF16, nullptr, 0, nullptr) == Status::Ok);
}

void plansTheLongestFirst() {
  const std::int32_t borders[] = {0, 0, 100, 100, 300};
  const auto starts = [&](AttentionPass pass, int window) {
    std::vector<int> out;
    for (const AttentionSpan& s : planAttention(pass, borders, 4, 64, window)) out.push_back(s.first);
    return out;
  };
  CHECK((starts(AttentionPass::Forward, 0) == std::vector<int>{292, 228, 164, 64, 0, 100}));
  CHECK((starts(AttentionPass::Key, 0) == std::vector<int>{100, 164, 0, 228, 64, 292}));
  CHECK(starts(AttentionPass::Key, 1).front() == 0);
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_attention_test", 5);
  const std::vector<std::int32_t> ragged{0, 1, 1, 65, 129, 194, 330};  // documents of 1, 0, 64, 64, 65 and 136 tokens
  const std::vector<std::int32_t> few{0, 37, 150};
  for (const auto& [heads, kvHeads] : {std::pair{4, 2}, std::pair{3, 1}, std::pair{2, 2}}) compare(ragged, {heads, kvHeads, 16});
  for (const int headDim : {8, 12, 24, 64, 80, 96, 128, 200, 256}) compare(few, {2, 1, headDim});
  compare(ragged, {2, 1, 64, 0, 0, 16});
  compare(few, {2, 1, 64, 5, 50, 4});
  compare(few, {2, 2, 128, 5, 50, 4});
  compare(ragged, {4, 2, 128, 0, 70});
  compare(few, {2, 1, 256, 5, 50, 4});
  for (const int window : {1, 2, 5, 63, 64, 65, 100}) compare(ragged, {4, 2, 16, window % 2 == 0 ? 3.0f : 0.0f, window});
#ifdef QT_CUDA_EMULATED
  // What devices with less shared memory run, and have room for.
  emulator::mostShared = 99 * 1024;
  for (const int headDim : {16, 32, 64, 80, 96, 128, 256}) compare(few, {2, 1, headDim, headDim == 128 ? 3.0f : 0.0f, headDim == 96 ? 70 : 0});
  emulator::mostShared = 163 * 1024;
  for (const float cap : {0.0f, 3.0f})
    for (const int headDim : {96, 128, 256}) compare(ragged, {4, 2, headDim, cap});
  emulator::mostShared = emulator::sharedRoom;
#endif
  keepsDocumentsApart();
  leavesOtherRowsAlone();
  refusesWhatItCannotDo();
  plansTheLongestFirst();
  return report("cuda_attention_test");
}
