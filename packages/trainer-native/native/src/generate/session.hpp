// Running a model: tokens go in, logits come out, keys and values are kept so that nothing is computed twice.
//   append   many tokens of one sequence: products in tiles, as in training
//   decode   one token of each of several sequences: every weight is read once for all of them
// What comes out for a sequence is the same bytes whatever else is computed beside it and however many threads there are.
// The session knows the model and asks a device (device/generation.hpp) for each operation.
#pragma once
#include <atomic>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "../device/generation.hpp"
#include "../model/model.hpp"
#include "../model/rotary.hpp"
#include "../threads.hpp"
#include "adapters.hpp"
#include "cache.hpp"
#include "statistics.hpp"

namespace qt {

struct SessionOptions {
  std::int32_t contextLength = 0;
  bool bf16 = false;  // multiply bfloat16 in long prompts
  bool dots = false;  // multiply single tokens in 8 bits with weights that are stored in blocks
};

// A context and all that may follow it.
struct Question {
  const AdapterSet* adapters;
  std::vector<std::int32_t> context;
  std::vector<std::vector<std::int32_t>> continuations;
};

// What a model thinks of each token of a text.
struct Judgement {
  std::vector<float> logs;               // log p, given all before it
  std::vector<std::uint8_t> likeliest;   // whether it is the likeliest one there, the first of those that are equally likely
};

// One token of one sequence.
struct DecodeItem {
  KvCache* cache;
  const AdapterSet* adapters;
  std::int32_t id;
};

class Session {
 public:
  static constexpr std::int32_t mostSequences = 64;  // in one decode

  // On the processor.
  Session(const Model& model, const SessionOptions& options, ThreadPool& pool, const KernelTable& kernels);
  Session(const Model& model, const SessionOptions& options, std::unique_ptr<GenerationDevice> device);

  // What a device must be made for.
  static GenerationOptions planned(const Model& model, const SessionOptions& options, std::int32_t sequences, CacheType type);

  const SessionOptions& options() const { return options_; }

  std::unique_ptr<KvCache> makeCache(CacheType type) { return made(type, options_.contextLength, false); }
  // Numbers of those for whose tokens the device has no room left, once those before them have theirs.
  std::vector<std::int32_t> withoutRoom(std::span<const CacheRows> sequences) { return device_->withoutRoom(sequences); }
  // Brings adapters to the device and finds the stretches of DoRA's; once, before the set is used. Whole or, where there is no room for it, not at all.
  void prepare(AdapterSet& adapters);

  // Appends tokens. Writes the logits of the last `wanted` of them, [wanted, vocabulary]. `exact` multiplies float32 throughout.
  // False: stopped by the flag, and nothing was appended.
  bool append(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, std::int32_t wanted, float* logits, bool exact,
              const std::atomic<bool>& abort);

  // Appends one token to each of several caches, which are different ones. Logits are [count, vocabulary].
  bool decode(const DecodeItem* items, std::int32_t count, float* logits, const std::atomic<bool>& abort);

  // Appends tokens and writes log p(ids[i + 1] | ids[0 … i]) for i < count − 1, without keeping more logits than a few rows.
  bool score(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* logProbabilities, bool exact,
             const std::atomic<bool>& abort);

  // Reads contexts and, in the same pass, what may follow each, each by itself: weights are met once for all of them. Says what to think of the
  // tokens of all continuations, in order. They have at most `mostTogether` tokens, of which the last of a continuation is not one.
  bool judge(const std::vector<Question>& questions, Judgement& out, bool exact, const std::atomic<bool>& abort);
  std::int32_t mostTogether() const { return chunk_; }

  // Appends tokens and writes the mean of their last hidden states (after the final norm), [dModel].
  bool meanState(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* mean, bool exact,
                 const std::atomic<bool>& abort);
  // Appends tokens and adds what they did on their way; no logits are made.
  bool collect(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, Statistics& statistics, bool exact,
               const std::atomic<bool>& abort);

 private:
  // One of several products with the same input.
  struct Target {
    int projection;
    float* out;
    bool accumulate;
  };
  // Memory of the device that is taken when it is first known how much is needed.
  struct Room {
    float* data = nullptr;
    std::size_t size = 0;
  };

  // Chunk by chunk; use(first, rows) is called after each, while its activations are there.
  using Use = std::function<void(std::int32_t first, std::int32_t rows)>;
  bool pass(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, bool exact, const std::atomic<bool>& abort, const Use& use);
  void requireRoom(const KvCache& cache, std::int32_t count) const;
  void requireId(std::int32_t id) const;

  // The pass at hand, row by row as it is put together; then through the blocks.
  void clear();
  void place(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count);
  bool layers(bool tiled, bool exact, bool company, const std::atomic<bool>& abort);
  void embed();
  void block(int layer);
  RowsIn feedForward(int layer, const RowsIn& in);
  void finalStates(std::int32_t first, std::int32_t count);
  void finalStates(std::span<const std::int32_t> rows);
  std::span<const std::int32_t> rowNumbers(std::int32_t first, std::int32_t count) const;
  void logitsOf(std::int32_t first, std::int32_t count, float* out);
  // Of rows in hidden_, each with the output of its own adapters: those of row rowsOf[i] of the pass.
  void logits(std::span<const std::int32_t> rowsOf, std::int32_t most, float* out, bool tiled);
  void requireDevice() { requireWorking(*device_); }

  RowCount count() const { return {rows(), company_ ? chunk_ : rows()}; }
  std::int32_t rows() const { return static_cast<std::int32_t>(ids_.size()); }
  const MatrixView& embeddingOf(const AdapterSet& adapters) const { return adapters.embedding.empty() ? embedding_ : adapters.embeddingView; }
  const MatrixView& outputOf(const AdapterSet& adapters) const { return adapters.output.empty() ? output_ : adapters.outputView; }
  const AdapterSet& adaptersAt(std::int32_t row) const;

  // `in` is x as products take it.
  void projectToResidual(int layer, int projection, const RowsIn& in, const float* postNorm);
  void project(int layer, const RowsIn& in, std::initializer_list<Target> targets);
  void adapt(int layer, const float* x, const Target& target);
  bool stretched(int layer, int projection) const;

  // What `collect` asked for; nothing otherwise.
  void note(int layer, BlockInput input, const float* x, std::int64_t columns);
  void noteBlockBegins();
  void noteBlockEnds(int layer);

  float* taken(std::size_t floats) { return reinterpret_cast<float*>(takeMemory(*device_, floats * sizeof(float))); }
  std::unique_ptr<KvCache> made(CacheType type, std::int32_t positions, bool passing);
  void grow(Room& room, std::size_t floats);
  void bringModel(const Model& model);
  void bring(AdapterSet& adapters, std::vector<const void*>& brought);

  const ModelSpec& spec_;
  SessionOptions options_;
  std::unique_ptr<GenerationDevice> device_;
  std::int32_t chunk_;           // tokens of a prompt taken at once
  std::int32_t scoredTogether_;  // rows of logits held at once

  // The model where the device has it.
  MatrixView embedding_, output_;
  const float* outputNorm_ = nullptr;
  std::vector<BlockWeights> blocks_;
  std::unique_ptr<RotaryTables> rotaryHost_;  // where the device reads the caller's memory
  std::vector<RotaryTable> rotary_;
  std::vector<std::int32_t> numbers_;  // 0, 1, 2 …

  // The pass at hand.
  std::vector<CacheRows> sequences_;
  std::vector<const AdapterSet*> sets_;  // of each
  std::vector<std::int32_t> ids_, positions_;
  bool tiled_ = false, company_ = false;
  Statistics* statistics_ = nullptr;

  float *x_ = nullptr, *hidden_ = nullptr, *normed_ = nullptr, *q_ = nullptr, *k_ = nullptr, *v_ = nullptr, *attention_ = nullptr, *gate_ = nullptr, *up_ = nullptr;
  float* logits_ = nullptr;
  Room before_;                // the residual when a block began
  Room low_, plain_, turned_;  // of adapters
};

}  // namespace qt
