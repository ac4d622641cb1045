// Running a model: tokens go in, logits come out, keys and values are kept so that nothing is computed twice.
//   append   many tokens of one sequence: products in tiles, as in training
//   decode   one token of each of several sequences: every weight is read once for all of them
// What comes out for a sequence is the same bytes whatever else is computed beside it and however many threads there are.
#pragma once
#include <atomic>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "../kernels/dots.hpp"
#include "../memory.hpp"
#include "../model/model.hpp"
#include "../model/rotary.hpp"
#include "../product.hpp"
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

  Session(const Model& model, const SessionOptions& options, ThreadPool& pool, const KernelTable& kernels);

  const SessionOptions& options() const { return options_; }

  // Finds the stretches of DoRA's adapters; once, before the set is used.
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
  // Consecutive rows of activations that belong to one sequence.
  struct Segment {
    KvCache* cache;
    const AdapterSet* adapters;
    std::int32_t begin, count;
    const std::vector<std::unique_ptr<KvCache>>* heirs = nullptr;  // of those that go on from here: they get its keys and values, too
  };
  // One of several products with the same input.
  struct Target {
    int projection;
    float* out;
    bool accumulate;
  };

  // Chunk by chunk; use(first, rows) is called after each, while its activations are there.
  using Use = std::function<void(std::int32_t first, std::int32_t rows)>;
  bool pass(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, bool exact, const std::atomic<bool>& abort, const Use& use);
  void requireRoom(const KvCache& cache, std::int32_t count) const;
  void embed(std::int32_t row, std::int32_t id, std::int32_t position, const AdapterSet& adapters);
  MatrixView embeddingOf(const AdapterSet& adapters) const { return adapters.embedding.empty() ? model_.embedding : vocabularyMatrix(adapters.embedding); }
  MatrixView outputOf(const AdapterSet& adapters) const { return adapters.output.empty() ? model_.output : vocabularyMatrix(adapters.output); }
  MatrixView vocabularyMatrix(const std::vector<float>& values) const { return dense(values.data(), DType::F32, spec_.vocabulary, spec_.dModel); }
  const AdapterSet& adaptersAt(std::int32_t row) const;
  bool layers(const std::atomic<bool>& abort);
  void block(int layer);
  void finalStates(std::int32_t first, std::int32_t count);
  void requireId(std::int32_t id) const;
  void logits(std::int32_t first, std::int32_t count, float* out);

  void normalise(const float* x, const float* weight, float* out);
  const void* blockInput(const float* weight);
  // `packed` is x as products take it where that is made already, else null.
  void projectToResidual(int layer, int projection, const float* x, const void* packed, const float* postNorm);
  void project(int layer, const float* x, const void* packed, std::initializer_list<Target> targets);
  const void* gate(int layer, const void* packed);
  void adapt(int layer, const float* x, const Target& target);
  bool stretched(int layer, int projection) const;
  void multiplyTiles(const MatrixView& weights, const float* x, std::int32_t count, float* out, float scale, bool accumulate);
  struct RowProduct {
    const MatrixView* weights;
    float* out;
    bool accumulate;
    float scale = 1.0f;
  };
  void multiplyRows(const float* x, std::int32_t count, std::initializer_list<RowProduct> products, bool exact);

  // What `collect` asked for; nothing otherwise.
  void note(int layer, BlockInput input, const float* x, std::int64_t columns);
  void noteBlockBegins();
  void noteBlockEnds(int layer);
  void addSquares(const float* x, std::int64_t columns, double* sums);

  void store(int layer);
  const void* attend(int layer);
  const void* attendTiles(int layer, const Segment& segment);
  void attendRows(int layer);

  const Model& model_;
  const ModelSpec& spec_;
  SessionOptions options_;
  ThreadPool& pool_;
  const KernelTable& kernels_;
  const DotKernels& dots_;
  std::int32_t chunk_;           // tokens of a prompt taken at once
  std::int32_t scoredTogether_;  // rows of logits held at once when only some of their numbers are wanted

  // The pass at hand.
  std::vector<Segment> segments_;
  std::int32_t rows_ = 0;
  bool tiled_ = false, exact_ = false;
  bool straight_ = false;  // only products read what projections are given: it is made as they take it, and the same bytes come out
  std::vector<std::int32_t> positions_;
  Statistics* statistics_ = nullptr;
  std::vector<float> before_;  // the residual when a block began

  RotaryTables rotary_;
  std::vector<float> x_, hidden_, normed_, q_, k_, v_, attention_, gate_, up_, low_, plain_, turned_, partial_, inverse_, stretches_, logits_;
  std::vector<float> scales_, sums_;
  std::vector<std::int8_t> codes_;
  std::unique_ptr<Arena> packed_, gated_, scratch_, wide_;  // gated_: packed for Down; wide_: keys, values, queries and outputs of a prompt's attention
  ProductContext products_;
};

}  // namespace qt
