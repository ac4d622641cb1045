// Processes that share each block, and groups of them that share a step's micro-batches, have the numbers of one process to rounding:
// losses, norms, and what is trained after several steps.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "check.hpp"
#include "parallel/data_parallel.hpp"
#include "processes.hpp"
#include "tiny.hpp"
#include "train/optimizer/moments.hpp"

using namespace qt;
using namespace qt::test;

namespace {

constexpr int microBatches = 3;
int steps = 3;

struct Result {
  std::vector<double> losses, norms;
  std::vector<float> parameters;  // of every tensor, whole, one after the other
  std::vector<float> state;
};

// How a model is divided among the processes of a group.
struct Division {
  std::vector<std::int32_t> kvHeads, ffn;
  int size() const { return static_cast<int>(kvHeads.size()) - 1; }
};

Batch batchOf(const Tiny& tiny, std::vector<int>& ids, int micro) {
  ids = tiny.ids;
  std::rotate(ids.begin(), ids.begin() + 7 * micro, ids.end());
  Batch batch = tiny.batch();
  batch.ids = ids.data();
  return batch;
}

void loadShare(const Tiny& tiny, Trainer& trainer) {
  for (const TrainedTensor& t : trainer.trained().tensors) {
    const reference::Values& whole = tiny.decoder.weights.at(t.id);
    std::vector<float> own;
    for (std::int64_t r = 0; r < t.part.rows; ++r)
      for (std::int64_t c = 0; c < t.part.columns; ++c)
        own.push_back(static_cast<float>(whole[static_cast<std::size_t>((t.part.firstRow + r) * t.part.wholeColumns + t.part.firstColumn + c)]));
    trainer.device().copyIn(trainer.parameters().data() + t.offset, own.data(), own.size() * sizeof(float));
  }
}

// What the optimiser keeps of a tensor, as numbers, whatever they are kept in.
void appendState(std::vector<float>& to, const std::vector<StateArray>& arrays, const std::function<std::vector<unsigned char>(std::size_t)>& gather) {
  std::vector<std::vector<unsigned char>> all;
  for (std::size_t a = 0; a < arrays.size(); ++a) all.push_back(gather(a));
  const auto floatsOf = [&](std::size_t a) {
    std::vector<float> numbers(all[a].size() / sizeof(float));
    if (!numbers.empty()) std::memcpy(numbers.data(), all[a].data(), all[a].size());
    return numbers;
  };
  for (std::size_t a = 0; a < arrays.size(); ++a) {
    if (arrays[a].numbers > 1) continue;
    std::vector<float> numbers;
    if (arrays[a].type == StateType::U8) {
      // Codes of both moments come first, and then the scales of their runs.
      numbers.resize(all[a].size());
      if (!numbers.empty()) widenMoments(a == 0 ? signedCodes() : unsignedCodes(), all[a].data(), floatsOf(a + 2).data(), static_cast<std::int64_t>(numbers.size()), numbers.data());
    } else {
      numbers = floatsOf(a);
    }
    to.insert(to.end(), numbers.begin(), numbers.end());
  }
}

Result train(const Tiny& tiny, TrainerOptions options, const std::shared_ptr<Communicator>& all, const Division& division) {
  const std::atomic<bool> abort{false};
  const int tensor = all ? division.size() : 1;
  options.rank = all ? all->rank() / tensor : 0;
  options.processes = all ? all->size() / tensor : 1;
  if (tensor > 1) options.tensor = {all->rank() % tensor, division.kvHeads, division.ffn};
  const std::shared_ptr<const Model> whole(&tiny.model, [](const Model*) {});
  const bool apart = options.shardBase && options.processes > 1;
  const Model local = options.tensor.divides() ? localModel(whole, options.tensor, apart) : tiny.model;
  ThreadPool pool(2);
  Trainer trainer(local, options, pool, kernels());
  DataParallel step(trainer, all, pool, kernels());
  loadShare(tiny, trainer);
  Result out;
  std::vector<int> ids;
  for (int s = 1; s <= steps; ++s) {
    // The last step has one micro-batch, so that a group may have none.
    const int there = s == steps ? 1 : microBatches;
    step.begin(there);
    double loss = 0;
    for (int micro = options.rank; micro < there; micro += options.processes)
      loss += step.forwardBackward(batchOf(tiny, ids, micro), 0.01f, static_cast<std::uint32_t>(s * microBatches + micro), abort).loss;
    // Who has no micro-batch attends to those of others.
    if (apart && options.rank >= there) step.attend(true);
    step.exchange();
    if (all) all->run([&] {
      double sum = 0;
      const auto everybodys = all->allGather({reinterpret_cast<const unsigned char*>(&loss), sizeof loss});
      for (int rank = 0; rank < all->size(); rank += tensor) {
        double one = 0;
        std::memcpy(&one, everybodys[rank].data(), sizeof one);
        sum += one;
      }
      loss = sum;
    });
    out.losses.push_back(loss);
    out.norms.push_back(step.update(updateOptions(1e-2f, 0.9f, 0.999f, 1e-3f, 0.1f, 0.5f, s)));
  }
  CHECK((trainer.shardedBase() != nullptr) == apart);
  const LossSum plain = trainer.evaluate(tiny.batch(), abort, {.adapters = options.full});
  out.losses.push_back(plain.loss);
  out.losses.push_back(static_cast<double>(plain.correct));
  for (const double one : plain.documents) out.losses.push_back(one);
  const auto append = [](std::vector<float>& to, const std::vector<unsigned char>& bytes) {
    const std::size_t before = to.size();
    to.resize(before + bytes.size() / sizeof(float));
    if (!bytes.empty()) std::memcpy(to.data() + before, bytes.data(), bytes.size());
  };
  for (std::size_t t = 0; t < trainer.trained().tensors.size(); ++t) {
    append(out.parameters, step.gatherParameters(t));
    appendState(out.state, trainer.trained().tensors[t].state, [&](std::size_t array) { return step.gatherState(t, array); });
  }
  // What nobody divides is the same everywhere, to the bit.
  if (all) {
    std::vector<float> replicated;
    for (const TrainedTensor& t : trainer.trained().tensors)
      if (t.part.whole()) replicated.insert(replicated.end(), trainer.parameters().data() + t.offset, trainer.parameters().data() + t.offset + t.size());
    for (const double norm : out.norms) replicated.push_back(static_cast<float>(norm));
    all->run([&] {
      const auto everybodys = all->allGather({reinterpret_cast<const unsigned char*>(replicated.data()), replicated.size() * 4});
      for (const auto& one : everybodys) CHECK(one == everybodys[0]);
    });
  }
  return out;
}

Result inGroups(const Tiny& tiny, const TrainerOptions& options, int size, const Division& division) {
  const auto bytes = sharedBytes(std::size_t{1} << 26);
  const auto statuses = inProcesses(size, [&](int rank, std::uint16_t port) {
    const auto all = size == 1 ? nullptr : std::make_shared<Communicator>(tcpJob(rank, size, port));
    const Result result = train(tiny, options, all, division);
    if (all) all->leave();
    if (rank != 0) {
      CHECK(result.parameters.empty() && result.state.empty());
      return failures;
    }
    unsigned char* to = bytes.get();
    const auto put = [&](const auto& values) {
      const std::size_t count = values.size();
      std::memcpy(to, &count, sizeof count);
      std::memcpy(to + sizeof count, values.data(), count * sizeof values[0]);
      to += sizeof count + count * sizeof values[0];
    };
    put(result.losses);
    put(result.norms);
    put(result.parameters);
    put(result.state);
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
  Result result;
  const unsigned char* from = bytes.get();
  const auto take = [&](auto& values) {
    std::size_t count = 0;
    std::memcpy(&count, from, sizeof count);
    values.resize(count);
    if (count > 0) std::memcpy(values.data(), from + sizeof count, count * sizeof values[0]);
    from += sizeof count + count * sizeof values[0];
  };
  take(result.losses);
  take(result.norms);
  take(result.parameters);
  take(result.state);
  return result;
}

// |a − b| relative to |b|, of each tensor the most.
double difference(const TrainedLayout& layout, const std::vector<float>& a, const std::vector<float>& b, int arrays) {
  double most = 0;
  std::size_t at = 0;
  for (const TrainedTensor& t : layout.tensors)
    for (int array = 0; array < arrays; ++array) {
      double error = 0, size = 0;
      for (std::int64_t i = 0; i < t.size(); ++i, ++at) {
        error += (a[at] - b[at]) * static_cast<double>(a[at] - b[at]);
        size += b[at] * static_cast<double>(b[at]);
      }
      if (size > 0) most = std::max(most, std::sqrt(error / size));
    }
  return most;
}

void compare(const char* name, const Tiny& tiny, const TrainerOptions& options, const std::vector<Division>& divisions, double tolerance) {
  const Result alone = inGroups(tiny, options, 1, {{0, 1}, {0, 1}});
  CHECK(alone.losses.size() == static_cast<std::size_t>(steps) + 2 + 3 && alone.norms[0] > 0 && !alone.parameters.empty());
  const TrainedLayout layout(tiny.model.spec, options);
  const auto& kept = layout.tensors[0].state;
  const auto arrays = static_cast<int>(std::count_if(kept.begin(), kept.end(), [](const StateArray& array) { return array.numbers == 1; }));
  for (const Division& division : divisions)
    for (const int groups : {1, 2}) {
      const Result shared = inGroups(tiny, options, groups * division.size(), division);
      if (shared.parameters.size() != alone.parameters.size() || shared.state.size() != alone.state.size()) {
        std::printf("%s: %d × %d processes gather other tensors\n", name, groups, division.size());
        ++failures;
        continue;
      }
      double loss = 0, norm = 0;
      for (std::size_t i = 0; i < alone.losses.size(); ++i) loss = std::max(loss, std::fabs(shared.losses[i] / alone.losses[i] - 1));
      for (std::size_t i = 0; i < alone.norms.size(); ++i) norm = std::max(norm, std::fabs(shared.norms[i] / alone.norms[i] - 1));
      const double parameters = difference(layout, shared.parameters, alone.parameters, 1);
      const double state = difference(layout, shared.state, alone.state, arrays);
      if (!(loss < tolerance && norm < 10 * tolerance && parameters < 10 * tolerance && state < 100 * tolerance)) {
        std::printf("%s: %d × %d processes differ by %.2g in losses, %.2g in norms, %.2g in parameters, %.2g in what the optimiser keeps\n", name, groups,
                    division.size(), loss, norm, parameters, state);
        ++failures;
      }
      if (std::getenv("QT_TEST_VERBOSE"))
        std::printf("%s: %d × %d: %.2g %.2g %.2g %.2g\n", name, groups, division.size(), loss, norm, parameters, state);
    }
}

constexpr double rounding = 2e-6;

ModelSpec eightHeads(ModelSpec spec) {
  spec.heads = 8;
  spec.kvHeads = 4;
  return spec;
}

const std::vector<Division> evenAndUneven = {{{0, 2, 4}, {0, 28, 56}}, {{0, 1, 4}, {0, 40, 56}}, {{0, 1, 2, 3, 4}, {0, 12, 28, 40, 56}}};

// Blocks of random codes around zero in place of the projections' floats.
void quantise(Tiny& tiny, TensorType type) {
  std::uint32_t next = 1;
  const std::size_t size = blockTraits(type).bytes;
  tiny.storage.reserve(tiny.storage.size() + tiny.model.blocks.size() * projectionCount);
  for (BlockWeights& block : tiny.model.blocks)
    for (MatrixView& view : block.projections) {
      const std::size_t row = rowBytes(type, view.columns), bytes = row * static_cast<std::size_t>(view.rows);
      std::vector<float>& room = tiny.storage.emplace_back(bytes / sizeof(float) + 1);
      auto* data = reinterpret_cast<unsigned char*>(room.data());
      for (std::size_t i = 0; i < bytes; ++i) {
        next = next * 1664525u + 1013904223u;
        data[i] = static_cast<unsigned char>(next >> 24);
      }
      for (std::size_t at = 0; at < bytes; at += size) {
        // Half-precision scales: 2⁻¹¹; of Q4_K 0.0015 and, for what is taken away, 7.5 times that, with all finer ones 8.
        const unsigned char eight[] = {0x00, 0x10}, four[] = {0x25, 0x16, 0xc3, 0x21, 8, 8, 8, 8, 8, 8, 8, 8, 0x88, 0x88, 0x88, 0x88};
        if (type == TensorType::Q8_0) std::memcpy(data + at, eight, sizeof eight);
        else std::memcpy(data + at, four, sizeof four);
      }
      view = {data, type, view.rows, view.columns, row};
    }
}

// Rows of whole blocks of 256, of which a process has some: two key heads with their queries, and some of three of the feed-forward.
ModelSpec blocksOf256() {
  ModelSpec spec = eightHeads(tinySpec(true, RopeLayout::Halves));
  spec.dModel = 256;
  spec.headDim = 64;
  spec.ffn = 768;
  return spec;
}

// Blocks so large that their gradients travel in several buckets: uneven parts would fill one after other numbers of blocks.
ModelSpec manyBuckets() {
  ModelSpec spec = blocksOf256();
  spec.layers = 6;
  spec.queryKeyNorms = true;  // whose gradients are added up
  return spec;
}

// Cuts that are none, and what a model is then.
void refuses() {
  const ModelSpec spec = blocksOf256();
  const auto throws = [&](const TensorShare& share, const Tiny& tiny) {
    try {
      localModel(std::shared_ptr<const Model>(&tiny.model, [](const Model*) {}), share);
    } catch (const std::runtime_error&) {
      return true;
    }
    return false;
  };
  Tiny tiny = makeTiny(false, spec);
  quantise(tiny, TensorType::Q4_K);
  CHECK(!throws({0, {0, 2, 4}, {0, 256, 768}}, tiny));
  CHECK(throws({0, {0, 2, 3}, {0, 256, 768}}, tiny));
  CHECK(throws({0, {0, 4, 4}, {0, 256, 768}}, tiny));
  CHECK(throws({2, {0, 2, 4}, {0, 256, 768}}, tiny));
  // Rows stay where they are.
  const Model half = localModel(std::shared_ptr<const Model>(&tiny.model, [](const Model*) {}), {1, {0, 2, 4}, {0, 256, 768}});
  const MatrixView &whole = tiny.model.blocks[0].projections[Up], &part = half.blocks[0].projections[Up];
  CHECK(static_cast<const unsigned char*>(part.data) == static_cast<const unsigned char*>(whole.data) + 256 * whole.rowBytes && part.rows == 512);
  // Moments of what has whole runs of the whole matrix are in 8 bits, whatever else is cut.
  TrainerOptions options = makeTiny(true, spec).options;
  options.optimizer = OptimizerKind::AdamW8bit;
  const auto inFloat32 = [&](const TensorShare& share, int projection) {
    options.tensor = share;
    return TrainedLayout(localSpec(spec, share), options).find(weightOf(0, projection))->state.size() == 2;
  };
  for (int p = 0; p < projectionCount; ++p) {
    CHECK(!inFloat32({1, {0, 2, 4}, {0, 256, 768}}, p));
    CHECK(inFloat32({1, {0, 1, 4}, {0, 120, 768}}, p) == (p == AttentionOut || p == Down));
  }
  // Blocks that are cut are numbers.
  const Model cut = localModel(std::shared_ptr<const Model>(&tiny.model, [](const Model*) {}), {0, {0, 1, 4}, {0, 256, 768}});
  CHECK(cut.blocks[0].projections[AttentionOut].type == TensorType::F32 && cut.blocks[0].projections[Down].type == TensorType::Q4_K);
  CHECK(half.spec.heads == 4 && half.spec.ffn == 512 && half.weightBytes() < tiny.model.weightBytes());
}

}  // namespace

int main() {
  refuses();
  for (const bool full : {false, true}) {
    const auto name = [&](const char* what) { return std::string(what) + (full ? ", whole" : ", LoRA"); };
    const Tiny llama = makeTiny(full, eightHeads(tinySpec(false, RopeLayout::Interleaved)));
    TrainerOptions options = llama.options;
    options.dropout = full ? 0.0f : 0.1f;
    compare(name("llama").c_str(), llama, options, evenAndUneven, rounding);
    options.checkpointing = true;
    options.feedForwardChunk = 40;
    options.lossChunk = 20;
    options.average = true;
    compare(name("repeated, in chunks").c_str(), llama, options, {evenAndUneven[1]}, rounding);

    const Tiny every = makeTiny(full, eightHeads(everySpec(true, RopeLayout::Interleaved)));
    options = every.options;
    options.embeddingNoise = 3.0f;
    options.labelSmoothing = 0.1f;
    options.optimizer = full ? OptimizerKind::AdamW : OptimizerKind::Sgd;
    compare(name("everything that architectures add").c_str(), every, options, {evenAndUneven[1], evenAndUneven[2]}, rounding);
    options.checkpointing = true;
    options.feedForwardChunk = 64;
    options.dropout = full ? 0.0f : 0.2f;
    options.exchangeOnce = true;
    compare(name("everything, repeated").c_str(), every, options, {evenAndUneven[0]}, rounding);
  }
  for (const bool every : {false, true}) {
    const RopeLayout layout = RopeLayout::Interleaved;
    const Tiny lengths = makeTiny(false, eightHeads(every ? everySpec(true, layout) : tinySpec(false, layout)), true);
    TrainerOptions options = lengths.options;
    options.dropout = 0.1f;
    compare("DoRA", lengths, options, {evenAndUneven[1], evenAndUneven[2]}, rounding);
    options.checkpointing = true;
    options.feedForwardChunk = 40;
    compare("DoRA, repeated", lengths, options, {evenAndUneven[0]}, rounding);
  }
  Tiny vocabulary = makeTiny(false, eightHeads(tinySpec(true, RopeLayout::Halves)));
  // The embedding beside the adapters, and an output of its own.
  const reference::Values embedding = vocabulary.decoder.weights.at(weightOf(-1, Embedding));
  vocabulary.decoder.weights[weightOf(-1, OutputWeight)] = embedding;
  vocabulary.options.trainEmbedding = vocabulary.options.trainOutput = true;
  compare("vocabulary", vocabulary, vocabulary.options, {evenAndUneven[0]}, rounding);

  for (const TensorType type : {TensorType::Q8_0, TensorType::Q4_K}) {
    Tiny packed = makeTiny(false, blocksOf256());
    quantise(packed, type);
    const char* name = type == TensorType::Q8_0 ? "Q8_0" : "Q4_K";
    compare(name, packed, packed.options, {{{0, 2, 4}, {0, 256, 768}}}, rounding);
    // Cuts through blocks: what has them is decoded.
    if (type == TensorType::Q4_K) compare("Q4_K, decoded", packed, packed.options, {{{0, 1, 4}, {0, 132, 768}}}, rounding);
    packed.options.shardBase = true;
    packed.options.checkpointing = type == TensorType::Q4_K;
    compare("a base that is shared out, too", packed, packed.options, {{{0, 2, 4}, {0, 256, 768}}, {{0, 1, 4}, {0, 260, 768}}}, rounding);
  }
  // At whole runs moments are those of one process, but where rounding makes another code of one: in a step or two that grows. What else is
  // cut has them in float32.
  for (const bool full : {false, true}) {
    Tiny moments = makeTiny(full, blocksOf256());
    moments.options.optimizer = OptimizerKind::AdamW8bit;
    moments.options.average = full;
    compare("8-bit moments in float32", moments, moments.options, {{{0, 1, 4}, {0, 120, 768}}}, 5e-3);
    steps = 1;
    if (full) compare("8-bit moments in the same runs", moments, moments.options, {{{0, 2, 4}, {0, 256, 768}}}, 2e-5);
    steps = 3;
  }
  Tiny large = makeTiny(true, manyBuckets());
  large.options.optimizer = OptimizerKind::Sgd;
  const Division uneven = {{0, 1, 4}, {0, 256, 768}};
  for (int rank = 0; rank < 2; ++rank) {
    TrainerOptions options = large.options;
    options.tensor = {rank, uneven.kvHeads, uneven.ffn};
    const TrainedLayout layout(localSpec(large.model.spec, options.tensor), options);
    // Of the embedding, of three blocks each, and of the norm above them.
    CHECK(layout.buckets.size() == 4 && layout.buckets[1].last == 0 && layout.buckets[2].last == 3);
  }
  compare("several buckets", large, large.options, {uneven}, 10 * rounding);
  Tiny narrow = makeTiny(false, eightHeads(tinySpec(false, RopeLayout::Interleaved)));
  narrow.options.precision = DType::BF16;
  narrow.options.dropout = 0.1f;
  compare("bfloat16", narrow, narrow.options, evenAndUneven, 2e-3);
  return report("tensor_parallel_test");
}
