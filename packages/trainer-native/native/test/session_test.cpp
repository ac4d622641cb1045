// Generation computes what training computes: the log-probabilities of a text through the cache, token by token and in
// one piece, equal the loss of the trainer; adapters, truncation, coarser caches, 8-bit products and company included.
#include <algorithm>
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

double lossOf(const std::vector<float>& logits, const std::vector<int>& ids, int count, int vocabulary) {
  double sum = 0;
  for (int i = 0; i + 1 < count; ++i) {
    double total = 0;
    for (int v = 0; v < vocabulary; ++v) total += std::exp(static_cast<double>(logits[i * vocabulary + v]));
    sum += std::log(total) - logits[i * vocabulary + ids[i + 1]];
  }
  return sum;
}

AdapterSet adaptersOf(const Tiny& tiny) {
  AdapterSet adapters;
  for (int l = 0; l < tiny.model.spec.layers; ++l)
    for (int p = 0; p < projectionCount; ++p) {
      const AdapterModule& m = tiny.options.adapters[l][p];
      if (m.rank == 0) continue;
      AppliedAdapter a{l, p, m.rank, m.scale, {}, {}, {}};
      const reference::Values& low = tiny.decoder.weights.at(loraA(l, p));
      const reference::Values& high = tiny.decoder.weights.at(loraB(l, p));
      a.a.assign(low.begin(), low.end());
      a.b.assign(high.begin(), high.end());
      if (m.magnitude) {
        const reference::Values& lengths = tiny.decoder.weights.at(magnitudeOf(l, p));
        a.magnitude.assign(lengths.begin(), lengths.end());
      }
      adapters.modules.push_back(a);
    }
  return adapters;
}

// Blocks of 8 bits in place of the projections, whose columns are made multiples of 32 for that.
struct Blocks {
  Model model;
  std::vector<std::vector<unsigned char>> storage;
};

void asQ8(MatrixView& view, Blocks& blocks) {
  const std::size_t groups = static_cast<std::size_t>(view.rows * view.columns / 32);
  std::vector<unsigned char> out(groups * sizeof(BlockQ8_0));
  for (std::size_t g = 0; g < groups; ++g) {
    auto* block = out.data() + g * sizeof(BlockQ8_0);
    block[0] = 0;
    block[1] = 0x18;  // 2⁻⁹
    for (int i = 0; i < 32; ++i)
      block[2 + i] = static_cast<unsigned char>(static_cast<int>(std::lround(static_cast<const float*>(view.data)[g * 32 + i] * 512 / 5)));
  }
  blocks.storage.push_back(std::move(out));
  view = {blocks.storage.back().data(), TensorType::Q8_0, view.rows, view.columns, static_cast<std::size_t>(view.columns) / 32 * sizeof(BlockQ8_0)};
}

// `whole`: DoRA's magnitudes, and an embedding and an output of the adapter's own.
void compare(const KernelTable& k, const ModelSpec& spec, bool whole) {
  ThreadPool pool(2);
  Tiny tiny = makeTiny(false, spec, whole);
  tiny.options.trainEmbedding = tiny.options.trainOutput = whole;
  Trainer trainer(tiny.model, tiny.options, pool, k);
  if (spec.tiedEmbeddings) tiny.decoder.weights[weightOf(-1, OutputWeight)] = tiny.decoder.weights.at(weightOf(-1, Embedding));
  loadParameters(tiny, trainer);
  AdapterSet adapters = adaptersOf(tiny);
  const AdapterSet none;
  const auto own = [&](int module, std::vector<float>& to, float factor) {
    const TrainedTensor& t = *trainer.trained().find(weightOf(-1, module));
    const auto values = trainer.parameters().subspan(t.offset, static_cast<std::size_t>(t.size()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= i % 3 == 0 ? factor : 1.0f;
    to.assign(values.begin(), values.end());
  };
  if (whole) {
    own(Embedding, adapters.embedding, 0.8f);
    own(OutputWeight, adapters.output, 1.2f);
  }
  const int count = 150, vocabulary = tiny.model.spec.vocabulary;
  std::vector<int> labels(count, -100);
  for (int i = 0; i + 1 < count; ++i) labels[i] = tiny.ids[i + 1];
  const int* ids = tiny.ids.data();
  // The trainer's tables are planned for 100 positions: its loss is that of the first 100 tokens.
  const int compared = 100;
  labels[compared - 1] = -100;
  const int borders[] = {0, compared};
  const LossSum expected = trainer.evaluate({ids, labels.data(), borders, compared, 1}, abortFlag);

  Session session(tiny.model, {160, false, true}, pool, k);
  session.prepare(adapters);
  std::vector<float> logits(static_cast<std::size_t>(count) * vocabulary), step(vocabulary);
  const auto loss = [&] { return lossOf(logits, tiny.ids, compared, vocabulary) / expected.loss; };

  HostCache cache(tiny.model.spec, CacheType::F32, 160);
  CHECK(session.append(cache, adapters, ids, count, count, logits.data(), true, abortFlag));
  CHECK_NEAR(loss(), 1.0, 1e-5);
  cache.truncate(5);
  for (int i = 5; i < count; ++i) {
    const DecodeItem item{&cache, &adapters, ids[i]};
    CHECK(session.decode(&item, 1, logits.data() + static_cast<std::size_t>(i) * vocabulary, abortFlag));
  }
  CHECK_NEAR(loss(), 1.0, 1e-5);
  CHECK(cache.length() == count);
  cache.truncate(37);
  CHECK(session.append(cache, adapters, ids + 37, count - 37, count - 37, logits.data() + 37 * vocabulary, true, abortFlag));
  CHECK_NEAR(loss(), 1.0, 1e-5);

  std::vector<float> scores(count - 1);
  cache.truncate(0);
  CHECK(session.score(cache, adapters, ids, count, scores.data(), true, abortFlag));
  double sum = 0;
  for (int i = 0; i + 1 < compared; ++i) sum -= scores[i];
  CHECK_NEAR(sum / expected.loss, 1.0, 1e-5);

  // Coarser caches.
  for (const CacheType type : {CacheType::F16, CacheType::I8}) {
    HostCache coarse(tiny.model.spec, type, 160);
    CHECK(session.append(coarse, adapters, ids, 40, 40, logits.data(), true, abortFlag));
    for (int i = 40; i < count; ++i) {
      const DecodeItem item{&coarse, &adapters, ids[i]};
      session.decode(&item, 1, logits.data() + static_cast<std::size_t>(i) * vocabulary, abortFlag);
    }
    CHECK_NEAR(loss(), 1.0, type == CacheType::F16 ? 2e-4 : 5e-3);
  }

  // An answer is the same bytes beside others, with other adapters and other lengths, and with another number of threads.
  std::vector<float> alone(3 * vocabulary), together(3 * vocabulary);
  for (const int threads : {1, 3}) {
    ThreadPool other(threads);
    Session many(tiny.model, {160, false, true}, other, k);
    many.prepare(adapters);
    HostCache caches[3] = {{tiny.model.spec, CacheType::F16, 160}, {tiny.model.spec, CacheType::F16, 160}, {tiny.model.spec, CacheType::I8, 160}};
    const AdapterSet* sets3[3] = {&adapters, &none, &adapters};
    std::vector<DecodeItem> items;
    for (int i = 0; i < 3; ++i) {
      many.append(caches[i], *sets3[i], ids + i, 20 + 40 * i, 0, nullptr, false, abortFlag);
      items.push_back({&caches[i], sets3[i], ids[i + 7]});
    }
    CHECK(many.decode(items.data(), 3, together.data(), abortFlag));
    for (int i = 0; i < 3; ++i) caches[i].truncate(20 + 40 * i);
    for (int i = 0; i < 3; ++i) many.decode(&items[i], 1, (threads == 1 ? alone.data() : step.data()) + (threads == 1 ? i * vocabulary : 0), abortFlag);
    CHECK(std::memcmp(alone.data(), together.data(), sizeof(float) * alone.size()) == 0);
  }

  // Weights in blocks: 8-bit activations stay close to float32 ones, in the logits and in the loss.
  Tiny wide = makeTiny(false, blockSpec());
  Blocks blocks;
  blocks.model = wide.model;
  blocks.storage.reserve(64);
  asQ8(blocks.model.output, blocks);
  for (BlockWeights& b : blocks.model.blocks)
    for (MatrixView& m : b.projections) asQ8(m, blocks);
  std::vector<float> exact(static_cast<std::size_t>(count) * vocabulary);
  for (const bool dots : {false, true}) {
    Session eight(blocks.model, {160, false, dots}, pool, k);
    HostCache own(wide.model.spec, CacheType::F32, 160);
    for (int i = 0; i < 60; ++i) {
      const DecodeItem item{&own, &none, ids[i]};
      eight.decode(&item, 1, (dots ? logits : exact).data() + static_cast<std::size_t>(i) * vocabulary, abortFlag);
    }
  }
  double apart = 0, size = 0;
  for (int i = 0; i < 60 * vocabulary; ++i) {
    apart += std::pow(logits[i] - exact[i], 2);
    size += std::pow(exact[i], 2);
  }
  CHECK(std::sqrt(apart / size) < 0.03);
  CHECK(apart > 0);
  CHECK_NEAR(lossOf(logits, tiny.ids, 60, vocabulary) / lossOf(exact, tiny.ids, 60, vocabulary), 1.0, 0.01);

  cache.truncate(10);
  abortFlag = true;
  CHECK(!session.append(cache, adapters, ids, 3, 1, logits.data(), false, abortFlag));
  CHECK(cache.length() == 10);
  abortFlag = false;
  const auto refuses = [&](auto&& body) {
    try {
      body();
    } catch (const std::exception&) {
      return true;
    }
    return false;
  };
  cache.truncate(0);
  session.append(cache, adapters, ids, 150, 0, nullptr, false, abortFlag);
  CHECK(refuses([&] { session.append(cache, adapters, ids, 11, 1, logits.data(), false, abortFlag); }));
  const int outside = vocabulary;
  CHECK(refuses([&] { session.append(cache, adapters, &outside, 1, 1, logits.data(), false, abortFlag); }));
  const DecodeItem same[2] = {{&cache, &none, 1}, {&cache, &none, 2}};
  CHECK(refuses([&] { session.decode(same, 2, logits.data(), abortFlag); }));
}

// What only products read is made as they take it; an adapter, though it adds nothing, needs it for itself. Depths of one stretch of packed
// weights and of two, and a last tile of columns that is not full.
void givesTheSameStraight(const KernelTable& k) {
  for (const bool deep : {false, true}) {
    ModelSpec spec = blockSpec();
    if (deep) {
      spec.dModel = 704;
      spec.ffn = 224;
      spec.activation = Activation::Gelu;
    }
    Tiny tiny = makeTiny(false, spec);
    Blocks blocks;
    blocks.model = tiny.model;
    blocks.storage.reserve(64);
    for (BlockWeights& b : blocks.model.blocks)
      for (MatrixView& m : b.projections) asQ8(m, blocks);
    AdapterSet none, idle;
    const Shape shape = projectionShape(spec, Query);
    AppliedAdapter adapter;
    adapter.projection = Query;
    adapter.rank = 1;
    adapter.a.resize(shape.columns);
    adapter.b.resize(shape.rows);
    idle.modules.push_back(adapter);
    ThreadPool pool(2);
    const std::atomic<bool> abort{false};
    for (const bool bf16 : {false, true})
      for (const int count : {9, 33, 48, 150}) {
        Session session(blocks.model, {160, bf16, true}, pool, k);
        session.prepare(idle);
        std::vector<float> straight(static_cast<std::size_t>(count) * spec.vocabulary), stepwise(straight.size());
        for (const AdapterSet* set : {&none, &idle}) {
          HostCache cache(spec, CacheType::F16, 160);
          session.append(cache, *set, tiny.ids.data(), count, count, (set == &none ? straight : stepwise).data(), false, abort);
        }
        CHECK(std::memcmp(straight.data(), stepwise.data(), sizeof(float) * straight.size()) == 0);
        CHECK(std::all_of(straight.begin(), straight.end(), [](float x) { return std::isfinite(x); }));
      }
  }
}

}  // namespace

int main() {
  const char* names[8];
  const int sets = availableKernels(names, 8);
  for (int n = 0; n < sets; ++n) {
    givesTheSameStraight(kernels(names[n]));
    for (const bool whole : {false, true}) {
      compare(kernels(names[n]), tinySpec(false, RopeLayout::Interleaved), whole);
      compare(kernels(names[n]), everySpec(true, RopeLayout::Halves), whole);
    }
  }
  return report("session_test");
}
