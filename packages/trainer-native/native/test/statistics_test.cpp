// Statistics of a text: squares of what the matrices are given, the same with any number of threads and however the text is cut.
#include <cmath>
#include <cstring>

#include "check.hpp"
#include "generate/host_cache.hpp"
#include "generate/session.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

std::atomic<bool> abortFlag{false};

void collects(const KernelTable& k, const ModelSpec& spec) {
  const Tiny tiny = makeTiny(false, spec);
  const AdapterSet none;
  const int count = 150;
  const auto collect = [&](int threads, std::initializer_list<int> pieces) {
    ThreadPool pool(threads);
    Session session(tiny.model, {160, false, false}, pool, k);
    HostCache cache(spec, CacheType::F32, 160);
    Statistics statistics(spec, true);
    for (const int piece : pieces) CHECK(session.collect(cache, none, tiny.ids.data() + cache.length(), piece, statistics, true, abortFlag));
    CHECK(cache.length() == count);
    return statistics;
  };
  Statistics one = collect(1, {count});
  const Statistics three = collect(3, {count}), cut = collect(2, {100, 47, 3});
  CHECK(std::memcmp(one.values.data(), three.values.data(), sizeof(double) * one.values.size()) == 0);
  for (std::size_t i = 0; i < one.values.size(); ++i) CHECK_NEAR(cut.values[i], one.values[i], 1e-4 * std::fabs(one.values[i]) + 1e-6);

  // The first input is the norm of the embedding, which needs no block.
  std::vector<double> expected(spec.dModel);
  for (int t = 0; t < count; ++t) {
    const float* row = static_cast<const float*>(tiny.model.embedding.data) + static_cast<std::size_t>(tiny.ids[t]) * spec.dModel;
    double squares = 0;
    for (int c = 0; c < spec.dModel; ++c) squares += std::pow(row[c] * static_cast<double>(spec.embeddingScale), 2);
    for (int c = 0; c < spec.dModel; ++c)
      expected[c] += std::pow(row[c] * spec.embeddingScale * tiny.model.blocks[0].attentionNorm[c], 2) / (squares / spec.dModel + spec.normEpsilon);
  }
  for (int c = 0; c < spec.dModel; ++c) CHECK_NEAR(one.of(0, BlockInput::Attention)[c] / expected[c], 1.0, 1e-4);
  for (int l = 0; l < spec.layers; ++l) CHECK(one.cosine(l) > -count && one.cosine(l) < count);

  // A session that collected once computes on without.
  ThreadPool pool(1);
  Session session(tiny.model, {160, false, false}, pool, k);
  HostCache cache(spec, CacheType::F32, 160);
  Statistics statistics(spec, false);
  abortFlag = true;
  CHECK(!session.collect(cache, none, tiny.ids.data(), count, statistics, true, abortFlag));
  abortFlag = false;
  CHECK(cache.length() == 0);
  std::vector<float> logits(spec.vocabulary);
  CHECK(session.append(cache, none, tiny.ids.data(), count, 1, logits.data(), true, abortFlag));
  for (const double value : statistics.values) CHECK(value == 0);
}

}  // namespace

int main() {
  const char* names[8];
  const int sets = availableKernels(names, 8);
  for (int n = 0; n < sets; ++n) {
    collects(kernels(names[n]), tinySpec(false, RopeLayout::Interleaved));
    collects(kernels(names[n]), everySpec(true, RopeLayout::Halves));
  }
  return report("statistics_test");
}
