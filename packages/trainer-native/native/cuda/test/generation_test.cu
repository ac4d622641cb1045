// Sessions on the GPU, or on its emulator, beside the processor's: the same logits, scores and statistics from every kind of model, adapter and
// cache.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "activations.hpp"
#include "crowded.hpp"
#include "device/cuda_generation.hpp"
#include "generate/host_generation.hpp"
#include "generate/session.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::cuda;
using namespace qt::test;

namespace {

constexpr std::int32_t context = 160;
const std::atomic<bool> going{false};

std::unique_ptr<Session> onGpu(const Model& model, const SessionOptions& options, CacheType type = CacheType::F32, std::int32_t sequences = 3) {
  return std::make_unique<Session>(model, options, std::make_unique<CudaGeneration>(0, model.spec, Session::planned(model, options, sequences, type)));
}

// DoRA's magnitudes where the adapters have them; with `whole` an embedding and an output, too.
AdapterSet adaptersOf(const Tiny& tiny, bool whole) {
  AdapterSet adapters;
  const auto values = [&](const TensorId& id) {
    const reference::Values& from = tiny.decoder.weights.at(id);
    return std::vector<float>(from.begin(), from.end());
  };
  for (int l = 0; l < tiny.model.spec.layers; ++l)
    for (int p = 0; p < projectionCount; ++p) {
      const AdapterModule& m = tiny.options.adapters[l][p];
      if (m.rank == 0) continue;
      adapters.modules.push_back({l, p, m.rank, m.scale, values(loraA(l, p)), values(loraB(l, p)), m.magnitude ? values(magnitudeOf(l, p)) : std::vector<float>{}});
    }
  const auto changed = [](std::vector<float> x, float factor) {
    for (std::size_t i = 0; i < x.size(); i += 3) x[i] *= factor;
    return x;
  };
  if (whole) {
    adapters.embedding = changed(values(weightOf(-1, Embedding)), 0.8f);
    adapters.output = changed(values(weightOf(-1, tiny.model.spec.tiedEmbeddings ? Embedding : OutputWeight)), 1.2f);
  }
  return adapters;
}

using Floats = std::vector<float>;

// Everything that a session says of a text, in one list.
struct Said {
  Floats logits;   // of a prompt in two pieces, of its continuation token by token, and of three sequences together
  Floats scores;   // log-probabilities: of a text, and of continuations
  Floats likeliest;
  Floats mean;
  std::vector<double> sums;
};

Said said(Session& session, const Tiny& tiny, AdapterSet adapters, AdapterSet others, CacheType type, bool exact) {
  session.prepare(adapters);
  session.prepare(others);
  const AdapterSet none;
  const std::int32_t vocabulary = tiny.model.spec.vocabulary, *ids = tiny.ids.data();
  Said out;
  const auto room = [&](std::int32_t rows) {
    out.logits.resize(out.logits.size() + static_cast<std::size_t>(rows) * vocabulary);
    return out.logits.data() + out.logits.size() - static_cast<std::size_t>(rows) * vocabulary;
  };
  const auto first = session.makeCache(type), second = session.makeCache(type), third = session.makeCache(type);
  CHECK(session.append(*first, adapters, ids, 70, 3, room(3), exact, going));
  CHECK(session.append(*first, adapters, ids + 70, 65, 65, room(65), exact, going));
  first->truncate(100);
  CHECK(session.append(*first, adapters, ids + 100, 5, 1, room(1), exact, going));
  CHECK(session.append(*second, none, ids + 3, 20, 0, nullptr, exact, going));
  CHECK(session.append(*third, others, ids + 9, 64, 0, nullptr, exact, going));
  for (int step = 0; step < 3; ++step) {
    const DecodeItem items[] = {{first.get(), &adapters, ids[step]}, {second.get(), &none, ids[step + 1]}, {third.get(), &others, ids[step + 2]}};
    CHECK(session.decode(items, 3, room(3), going));
  }
  CHECK(first->length() == 108 && second->length() == 23 && third->length() == 67);
  third->truncate(0);
  const auto own = type == CacheType::F32 ? nullptr : session.makeCache(CacheType::F32);
  KvCache& scored = own ? *own : *third;
  out.scores.resize(99);
  CHECK(session.score(scored, adapters, ids, 100, out.scores.data(), exact, going));
  scored.truncate(0);
  out.mean.resize(static_cast<std::size_t>(tiny.model.spec.dModel));
  CHECK(session.meanState(scored, others, ids, 33, out.mean.data(), exact, going));
  scored.truncate(0);
  Statistics statistics(tiny.model.spec, true);
  CHECK(session.collect(scored, adapters, ids, 77, statistics, exact, going));
  out.sums = statistics.values;
  // Contexts that end within a page and at its end, and continuations of no, one and several tokens.
  const auto text = [&](int from, int count) { return std::vector<std::int32_t>(ids + from, ids + from + count); };
  Judgement judged;
  CHECK(session.judge({{&adapters, text(0, 70), {text(70, 4), text(90, 1), {}, text(80, 30)}}, {&others, text(5, 64), {text(1, 2), text(2, 2)}}, {&none, text(40, 1), {text(41, 5)}}}, judged, exact, going));
  out.scores.insert(out.scores.end(), judged.logs.begin(), judged.logs.end());
  out.likeliest.assign(judged.likeliest.begin(), judged.likeliest.end());
  return out;
}

void compare(const std::string& name, const Model& model, const Tiny& tiny, bool whole, CacheType type, bool bf16, double tolerance) {
  ThreadPool pool(2);
  const SessionOptions options{context, bf16, false};
  Session here(model, options, pool, kernels());
  const AdapterSet adapters = adaptersOf(tiny, whole), others = adaptersOf(tiny, false);
  const Said expected = said(here, tiny, adapters, others, type, !bf16), found = said(*onGpu(model, options, type), tiny, adapters, others, type, !bf16);
  const auto close = [&](const char* what, const auto& a, const auto& b) { checkClose((name + ": " + what).c_str(), a, b, tolerance); };
  close("logits", found.logits, expected.logits);
  close("scores", found.scores, expected.scores);
  close("mean", found.mean, expected.mean);
  close("sums", found.sums, expected.sums);
  if (!bf16) CHECK(found.likeliest == expected.likeliest);
}

// Projections and output in blocks of 8 bits.
struct Blocks {
  Model model;
  std::vector<std::vector<unsigned char>> storage;
};
void inBlocks(MatrixView& view, Blocks& blocks) {
  const auto groups = static_cast<std::size_t>(view.rows * view.columns / 32);
  std::vector<unsigned char> out(groups * sizeof(BlockQ8_0));
  for (std::size_t g = 0; g < groups; ++g) {
    unsigned char* block = out.data() + g * sizeof(BlockQ8_0);
    block[0] = 0;
    block[1] = 0x18;  // 2⁻⁹
    for (int i = 0; i < 32; ++i) block[2 + i] = static_cast<unsigned char>(static_cast<int>(std::lround(static_cast<const float*>(view.data)[g * 32 + i] * 512 / 5)));
  }
  blocks.storage.push_back(std::move(out));
  view = {blocks.storage.back().data(), TensorType::Q8_0, view.rows, view.columns, static_cast<std::size_t>(view.columns) / 32 * sizeof(BlockQ8_0)};
}

bool refuses(const std::function<void()>& body, const char* what) {
  try {
    body();
  } catch (const std::exception& e) {
    return std::string(e.what()).find(what) != std::string::npos;
  }
  return false;
}

// An answer is the same bytes beside others; so is a judgement.
void answersAsIfAlone(const Tiny& tiny) {
  const auto session = onGpu(tiny.model, {context, true, false}, CacheType::F16);
  AdapterSet adapters = adaptersOf(tiny, true);
  session->prepare(adapters);
  const AdapterSet none;
  const std::int32_t vocabulary = tiny.model.spec.vocabulary, *ids = tiny.ids.data();
  const auto first = session->makeCache(CacheType::F16), second = session->makeCache(CacheType::F16);
  session->append(*first, adapters, ids, 40, 0, nullptr, false, going);
  session->append(*second, none, ids, 71, 0, nullptr, false, going);
  Floats together(2 * vocabulary), alone(2 * vocabulary);
  const DecodeItem items[] = {{first.get(), &adapters, 5}, {second.get(), &none, 6}};
  CHECK(session->decode(items, 2, together.data(), going));
  first->truncate(40);
  second->truncate(71);
  for (int i = 0; i < 2; ++i) CHECK(session->decode(items + i, 1, alone.data() + i * vocabulary, going));
  CHECK(std::memcmp(together.data(), alone.data(), sizeof(float) * alone.size()) == 0);

  const auto text = [&](int from, int count) { return std::vector<std::int32_t>(ids + from, ids + from + count); };
  const Question one{&adapters, text(0, 30), {text(30, 4)}}, other{&none, text(20, 100), {text(7, 9), text(8, 3)}};
  Judgement both, single;
  CHECK(session->judge({other, one}, both, true, going) && session->judge({one}, single, true, going));
  CHECK(std::memcmp(both.logs.data() + 12, single.logs.data(), sizeof(float) * 4) == 0);
}

// Too few pages: an error that says so, and every sequence is as it was and goes on.
void refusesBeforeAnythingIsLost(const Tiny& tiny) {
  const auto session = onGpu(tiny.model, {context, false, false}, CacheType::F16, 1);
  const AdapterSet none;
  const std::int32_t vocabulary = tiny.model.spec.vocabulary, *ids = tiny.ids.data();
  const auto first = session->makeCache(CacheType::F16);
  auto second = session->makeCache(CacheType::F16);
  session->append(*first, none, ids, 64, 0, nullptr, true, going);   // a page of three
  session->append(*second, none, ids, 128, 0, nullptr, true, going);  // the two others
  Floats logits(2 * vocabulary), expected(vocabulary);
  CHECK(refuses([&] { session->append(*first, none, ids, 1, 0, nullptr, true, going); }, "no room"));
  const DecodeItem items[] = {{second.get(), &none, 3}, {first.get(), &none, 4}};
  CHECK(refuses([&] { session->decode(items, 2, logits.data(), going); }, "no room"));
  CHECK(first->length() == 64 && second->length() == 128);
  second->truncate(64);
  CHECK(session->decode(items, 1, logits.data(), going));
  second.reset();
  CHECK(session->decode(items + 1, 1, logits.data(), going));
  first->truncate(0);
  const auto fresh = session->makeCache(CacheType::F16);
  session->append(*fresh, none, ids, 64, 0, nullptr, true, going);
  const DecodeItem again{fresh.get(), &none, 4};
  CHECK(session->decode(&again, 1, expected.data(), going));
  CHECK(std::memcmp(expected.data(), logits.data(), sizeof(float) * vocabulary) == 0);

  const std::atomic<bool> stop{true};
  CHECK(!session->append(*fresh, none, ids, 5, 1, logits.data(), true, stop));
  CHECK(fresh->length() == 65);
  CHECK(refuses([&] { static_cast<void>(session->makeCache(CacheType::I8)); }, "another type"));
  // 64 contexts would take more than there is, one does not.
  CudaGeneration crowded(0, tiny.model.spec, {1 << 20, 512, 64, CacheType::F16});
  crowded.ready();
  CHECK(crowded.failure() == nullptr);
  CHECK(refuses([&] { onGpu(tiny.model, {1 << 28, false, false}, CacheType::F16, 1); }, "are free"));
}

#ifdef QT_CUDA_EMULATED
// A pass that finds no memory, because others have taken it, ends with an error that says so; what is asked next is answered as if it had not
// been.
void goesOnWithoutMemory(const Tiny& tiny) {
  const auto session = onGpu(tiny.model, {context, false, false}, CacheType::F16), undisturbed = onGpu(tiny.model, {context, false, false}, CacheType::F16);
  const AdapterSet none;
  const std::int32_t vocabulary = tiny.model.spec.vocabulary, *ids = tiny.ids.data();
  const auto first = session->makeCache(CacheType::F16), second = session->makeCache(CacheType::F16), third = session->makeCache(CacheType::F16), same = undisturbed->makeCache(CacheType::F16);
  const auto after = [&](Session& s, KvCache& cache) {
    Floats logits(vocabulary);
    const DecodeItem item{&cache, &none, 5};
    CHECK(s.decode(&item, 1, logits.data(), going));
    return logits;
  };
  session->append(*first, none, ids, 128, 0, nullptr, true, going);
  undisturbed->append(*same, none, ids, 128, 0, nullptr, true, going);
  Floats logits(3 * vocabulary);
  const DecodeItem items[] = {{first.get(), &none, 5}, {second.get(), &none, 6}, {third.get(), &none, 7}};
  {
    const FullOnce full;
    CHECK(throws<OutOfMemory>([&] { session->decode(items, 3, logits.data(), going); }));
  }
  CHECK(first->length() == 128 && second->length() == 0);
  // The pages that they took for their next tokens are free again: two are the first one's, and no more than seven are left.
  const auto lack = [&](std::int32_t more) { return session->withoutRoom(std::vector<CacheRows>{{second.get(), 0, 7 * 64 + more}}).size(); };
  CHECK(lack(0) == 0 && lack(1) == 1);
  CHECK(after(*session, *first) == after(*undisturbed, *same));
  {
    const FullOnce full;
    CHECK(throws<OutOfMemory>([&] { session->append(*second, none, ids, 40, 1, logits.data(), true, going); }));
  }
  AdapterSet adapters = adaptersOf(tiny, true);
  const std::size_t before = emulator::bytesTaken();
  {
    // Some of it is brought there, and given back.
    const Set left("QT_EMULATED_GPU_LEFT", std::to_string(before + 40000).c_str());
    CHECK(throws<OutOfMemory>([&] { session->prepare(adapters); }));
  }
  const std::size_t grown = emulator::bytesTaken();
  CHECK(grown >= before && grown < before + 40000);
  {
    const Set left("QT_EMULATED_GPU_LEFT", std::to_string(grown).c_str());
    CHECK(throws<OutOfMemory>([&] { session->prepare(adapters); }));
    CHECK(emulator::bytesTaken() == grown);
    std::vector<std::int32_t> many(ids, ids + 100);
    CHECK(session->append(*second, none, many.data(), 40, 1, logits.data(), true, going));
    Judgement judged;
    CHECK(throws<OutOfMemory>([&] { session->judge({{&none, many, {{1, 2, 3}}}}, judged, true, going); }));
  }
  session->prepare(adapters);
  // A room for wider adapters takes the place of the one that was there.
  const std::size_t in = tiny.model.spec.dModel, out = tiny.model.spec.attentionWidth(), rows = session->mostTogether();
  const auto takes = [&](std::size_t rank) {
    AdapterSet wide;
    wide.modules.push_back({0, Query, static_cast<std::int32_t>(rank), 1.0f, Floats(rank * in), Floats(out * rank), {}});
    const std::size_t had = emulator::bytesTaken();
    session->prepare(wide);
    return emulator::bytesTaken() - had - sizeof(float) * rank * (in + out);
  };
  takes(64);
  CHECK(takes(64) == 0 && takes(128) == sizeof(float) * rows * 64);
  CHECK(after(*session, *first) == after(*undisturbed, *same));
}
#endif

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_generation_test", 3);
#ifdef QT_CUDA_EMULATED
  cuda::emulator::setApart();
#endif
  for (const bool tied : {false, true}) {
    const Tiny plain = makeTiny(false, tinySpec(tied, RopeLayout::Interleaved), true), every = makeTiny(false, everySpec(tied, RopeLayout::Halves), true);
    compare("llama", plain.model, plain, false, CacheType::F32, false, 2e-5);
    compare("llama, whole matrices, 8-bit cache", plain.model, plain, true, CacheType::I8, false, 1e-3);
    compare("every part", every.model, every, true, CacheType::F32, false, 2e-5);
    compare("every part, float16 cache", every.model, every, false, CacheType::F16, false, 2e-4);
    compare("every part in bfloat16", every.model, every, true, CacheType::F16, true, 3e-2);
  }
  const Tiny tiny = makeTiny(false, blockSpec(), true);
  Blocks blocks{tiny.model, {}};
  blocks.storage.reserve(64);
  inBlocks(blocks.model.output, blocks);
  for (BlockWeights& b : blocks.model.blocks)
    for (MatrixView& m : b.projections) inBlocks(m, blocks);
  compare("blocks", blocks.model, tiny, false, CacheType::F32, false, 2e-5);
  answersAsIfAlone(makeTiny(false, everySpec(false, RopeLayout::Interleaved), true));
  refusesBeforeAnythingIsLost(tiny);
#ifdef QT_CUDA_EMULATED
  goesOnWithoutMemory(tiny);
#endif
  return report("cuda_generation_test");
}
