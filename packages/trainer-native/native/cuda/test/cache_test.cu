// Paged keys and values, and attention of single tokens over them, beside the CPU's cache and the reference in double precision.
#include <string>

#include "kernels/cache.hpp"
#include "activations.hpp"
#include "reference/ops.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

struct Case {
  int heads, kvHeads, headDim;
  float softcap = 0;
  int window = 0;
};

// Two sequences whose pages lie in any order.
struct Sequences {
  static constexpr int lengths[] = {300, 67};
  static constexpr std::int64_t stride = 5;
  Array<std::int32_t> table{std::vector<std::int32_t>{4, 0, 6, 2, 5, 1, 3, -1, -1, -1}};
};

void compare(const Case& c, CacheType type, DType activations) {
  const Sequences sequences;
  const std::size_t kv = static_cast<std::size_t>(c.kvHeads) * c.headDim, row = static_cast<std::size_t>(c.heads) * c.headDim;
  constexpr int tokens = Sequences::lengths[0] + Sequences::lengths[1];
  std::vector<std::int32_t> ofSequence, position;
  for (int s = 0; s < 2; ++s)
    for (int p = 0; p < Sequences::lengths[s]; ++p) ofSequence.push_back(s), position.push_back(p);
  Array<unsigned char> keys(7 * pageBytes(type, c.kvHeads, c.headDim)), values(keys.size());
  const KvPages pages{type, c.kvHeads, c.headDim, keys.data(), values.data(), sequences.table.data(), Sequences::stride};
  Activations k(drawNumbers(tokens * kv, 1), activations), v(drawNumbers(tokens * kv, 2), activations);
  const Array<std::int32_t> sequenceOf(ofSequence), positionOf(position);
  CHECK(finish(cacheStore(pages, k.data(), v.data(), activations, tokens, sequenceOf.data(), positionOf.data(), nullptr)));

  // Back again: what the CPU's cache would hold. A processor without fused multiply-add may round a product that lies halfway the other way.
  std::size_t otherwise = 0;
  reference::Values heldKeys, heldValues;
  for (int s = 0, first = 0; s < 2; first += Sequences::lengths[s++]) {
    const int length = Sequences::lengths[s];
    Activations loadedKeys(length * kv, DType::F32), loadedValues(length * kv, DType::F32), narrowKeys(length * kv, DType::BF16), narrowValues(length * kv, DType::BF16);
    CHECK(finish(cacheLoad(pages, s, length, loadedKeys.data(), loadedValues.data(), DType::F32, nullptr)));
    CHECK(finish(cacheLoad(pages, s, length, narrowKeys.data(), narrowValues.data(), DType::BF16, nullptr)));
    std::vector<unsigned char> one(cacheRowBytes(type, c.headDim));
    std::vector<float> head(c.headDim), held(c.headDim);
    std::vector<std::uint16_t> narrowHeld(c.headDim);
    for (const bool isValue : {false, true})
      for (std::size_t i = 0; i < static_cast<std::size_t>(length) * c.kvHeads; ++i) {
        const Activations& from = isValue ? v : k;
        for (int j = 0; j < c.headDim; ++j) head[j] = from[first * kv + i * c.headDim + j];
        kernels().cacheStore(type, head.data(), c.headDim, one.data());
        kernels().cacheLoad(type, one.data(), 1, c.headDim, DType::F32, held.data(), c.headDim);
        kernels().cacheLoad(type, one.data(), 1, c.headDim, DType::BF16, narrowHeld.data(), c.headDim);
        for (int j = 0; j < c.headDim; ++j) {
          const float found = (isValue ? loadedValues : loadedKeys)[i * c.headDim + j];
          std::uint16_t bits;
          std::memcpy(&bits, static_cast<unsigned char*>((isValue ? narrowValues : narrowKeys).data()) + 2 * (i * c.headDim + j), 2);
          if (type == CacheType::I8 && found != held[j]) {
            ++otherwise;
            CHECK_NEAR(found, held[j], 1.01 / 127);
          } else {
            CHECK(found == held[j] && bits == narrowHeld[j]);
          }
          (isValue ? heldValues : heldKeys).push_back(found);
        }
      }
  }

  CHECK(otherwise * 1000 <= heldKeys.size());

  // Tokens here and there of both sequences.
  const std::vector<std::int32_t> askedSequence{0, 1, 0, 1, 0, 0}, askedPosition{299, 66, 0, 63, 255, 256};
  const std::size_t asked = askedSequence.size();
  Activations q(drawNumbers(asked * row, 3), activations), out(asked * row, activations);
  const Array<std::int32_t> sequenceAsked(askedSequence), positionAsked(askedPosition);
  const AttentionShape shape{c.heads, c.kvHeads, c.headDim, 1.0f / std::sqrt(static_cast<float>(c.headDim)), c.softcap, c.window};
  Array<float> scratch(pagedScratch(shape, static_cast<std::int64_t>(asked), 300));
  CHECK(finish(attendPages(pages, {shape, q.data(), out.data(), static_cast<std::int64_t>(asked), sequenceAsked.data(), positionAsked.data(), 300, scratch.data()}, activations, nullptr)));
  std::vector<double> expected;
  for (std::size_t r = 0; r < asked; ++r)
    for (int h = 0; h < c.heads; ++h) {
      const int kvHead = h / (c.heads / c.kvHeads), last = askedPosition[r], first = c.window > 0 ? std::max(0, last + 1 - c.window) : 0;
      const std::size_t base = askedSequence[r] == 0 ? 0 : Sequences::lengths[0];
      std::vector<double> weights, sum(c.headDim);
      double high = -1e300, all = 0;
      for (int p = first; p <= last; ++p) {
        double dot = 0;
        for (int j = 0; j < c.headDim; ++j) dot += static_cast<double>(q[r * row + h * c.headDim + j]) * heldKeys[(base + p) * kv + kvHead * c.headDim + j];
        weights.push_back(reference::cap(dot * shape.scale, c.softcap));
        high = std::max(high, weights.back());
      }
      for (double& w : weights) all += w = std::exp(w - high);
      for (int p = first; p <= last; ++p)
        for (int j = 0; j < c.headDim; ++j) sum[j] += weights[p - first] / all * heldValues[(base + p) * kv + kvHead * c.headDim + j];
      expected.insert(expected.end(), sum.begin(), sum.end());
    }
  const std::string name = "paged attention, cache " + std::to_string(static_cast<int>(type)) + ", " + std::to_string(c.heads) + "/" + std::to_string(c.kvHeads) + " heads of " + std::to_string(c.headDim);
  checkClose(name.c_str(), out, expected, activations == DType::F32 ? 2e-6 : 3e-3);
}

// A row with NaN is NaN under a scale for codes, as in the CPU's cache; its neighbours are not touched.
void keepsNan() {
  const Sequences sequences;
  for (const CacheType type : {CacheType::F32, CacheType::F16, CacheType::I8}) {
    Array<unsigned char> keys(7 * pageBytes(type, 1, 16)), values(keys.size());
    const KvPages pages{type, 1, 16, keys.data(), values.data(), sequences.table.data(), Sequences::stride};
    Activations k(drawNumbers(3 * 16, 1), DType::F32), v(drawNumbers(3 * 16, 2), DType::F32), outK(3 * 16, DType::F32), outV(3 * 16, DType::F32);
    k.set(20, NAN);
    for (int i = 32; i < 48; ++i) v.set(i, 0);
    const Array<std::int32_t> sequence(std::vector<std::int32_t>{0, 0, 0}), position(std::vector<std::int32_t>{0, 1, 2});
    CHECK(finish(cacheStore(pages, k.data(), v.data(), DType::F32, 3, sequence.data(), position.data(), nullptr)));
    CHECK(finish(cacheLoad(pages, 0, 3, outK.data(), outV.data(), DType::F32, nullptr)));
    CHECK(std::isnan(outK[20]) && !std::isnan(outK[15]) && !std::isnan(outK[32]) && !std::isnan(outV[20]));
    for (int i = 32; i < 48; ++i) CHECK(outV[i] == 0);
  }
}

// Numbers at the borders of float16.
void roundsHalves() {
  const Sequences sequences;
  const std::vector<float> hard{65504, 65519.99f, 65520, 1e30f, 6.1e-5f, 6.0e-8f, 2.9e-8f, 2.98e-8f, 1.0009765f, 1.0004883f, 1.0014648f, -0.0f, 5.96e-8f, 3.3e-5f, -1e-7f, 1e-10f};
  Array<unsigned char> keys(7 * pageBytes(CacheType::F16, 1, 16)), values(keys.size());
  const KvPages pages{CacheType::F16, 1, 16, keys.data(), values.data(), sequences.table.data(), Sequences::stride};
  Activations k(hard, DType::F32), v(hard, DType::F32), outK(16, DType::F32), outV(16, DType::F32);
  const Array<std::int32_t> zero(std::vector<std::int32_t>{0});
  CHECK(finish(cacheStore(pages, k.data(), v.data(), DType::F32, 1, zero.data(), zero.data(), nullptr)));
  CHECK(finish(cacheLoad(pages, 0, 1, outK.data(), outV.data(), DType::F32, nullptr)));
  std::vector<unsigned char> one(32);
  std::vector<float> held(16);
  kernels().cacheStore(CacheType::F16, hard.data(), 16, one.data());
  kernels().cacheLoad(CacheType::F16, one.data(), 1, 16, DType::F32, held.data(), 16);
  for (int i = 0; i < 16; ++i) CHECK(outK[i] == held[i] && std::signbit(outK[i]) == std::signbit(held[i]));
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_cache_test", 3);
  for (const CacheType type : {CacheType::F32, CacheType::F16, CacheType::I8}) {
    for (const int headDim : {12, 32, 64, 80, 128, 256}) compare({4, 2, headDim}, type, DType::F32);
    compare({3, 3, 64, 5}, type, DType::BF16);
    compare({7, 1, 128, 0, 70}, type, DType::F32);
    compare({10, 1, 16, 3, 1}, type, DType::F32);
  }
  keepsNan();
  roundsHalves();
  return report("cuda_cache_test");
}
