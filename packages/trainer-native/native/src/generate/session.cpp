#include "session.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace qt {
namespace {

constexpr std::int32_t fewTokens = 8;       // up to here weights are met row by row, beyond it in tiles
constexpr std::int32_t heldLogits = 1 << 23; // at once, when only some of their numbers are wanted
constexpr std::int32_t normalisedTogether = 16;  // rows: as many as stay in the first-level cache until they are packed
constexpr std::int32_t fewestScored = 64;    // rows of them nevertheless

}  // namespace

Session::Session(const Model& model, const SessionOptions& options, ThreadPool& pool, const KernelTable& kernels)
    : model_(model),
      spec_(model.spec),
      options_(options),
      pool_(pool),
      kernels_(kernels),
      dots_(dotKernels(kernels)),
      chunk_(spec_.ffn > 8192 ? 256 : 512),
      scoredTogether_(std::clamp(heldLogits / spec_.vocabulary, fewestScored, chunk_)),
      rotary_(spec_, options.contextLength) {
  const std::size_t d = spec_.dModel, attention = spec_.attentionWidth(), kv = spec_.kvWidth(), ffn = spec_.ffn, rows = chunk_;
  const std::size_t widest = std::max({d, attention, ffn});
  x_.resize(rows * d);
  hidden_.resize(rows * d);
  if (spec_.postNorms) normed_.resize(rows * d);
  q_.resize(rows * attention);
  k_.resize(rows * kv);
  v_.resize(rows * kv);
  attention_.resize(rows * attention);
  gate_.resize(rows * ffn);
  up_.resize(rows * ffn);
  inverse_.resize(rows * spec_.heads);
  positions_.resize(rows);
  partial_.resize(mostSequences * widest);
  codes_.resize(mostSequences * widest);
  scales_.resize(mostSequences * widest / dotGroup + 8);
  sums_.resize(mostSequences * widest / 16 + 16);
  packed_ = std::make_unique<Arena>(kernels.packedLeftBytes[0](chunk_, static_cast<std::int64_t>(widest)));
  if (kernels.gatedTile != nullptr) gated_ = std::make_unique<Arena>(kernels.packedLeftBytes[1](chunk_, static_cast<std::int64_t>(ffn)));
  const AttentionShape shape{spec_.heads, spec_.kvHeads, spec_.headDim, spec_.attentionScale, spec_.attentionSoftcap, 0};
  const std::size_t scratch = roundUpBytes(std::max({mostProductScratch(chunk_, 1 << 20, kernels), kernels.attentionScratch(shape), sizeof(float) * normalisedTogether * d}));
  scratch_ = std::make_unique<Arena>(scratch * pool.threads());
  products_ = {&kernels_, &pool_, false, scratch_->data(), scratch};
}

void Session::requireRoom(const KvCache& cache, std::int32_t count) const {
  if (count > cache.contextLength() - cache.length() || count > options_.contextLength - cache.length()) throw std::runtime_error("the context is full");
}

void Session::requireId(std::int32_t id) const {
  if (id < 0 || id >= spec_.vocabulary) throw std::runtime_error("a token id lies outside the vocabulary");
}

void Session::embed(std::int32_t row, std::int32_t id, std::int32_t position, const AdapterSet& adapters) {
  requireId(id);
  std::vector<float> decoded(static_cast<std::size_t>(spec_.dModel) + 256);
  kernels_.decodeRow(embeddingOf(adapters), id, decoded.data());
  float* x = x_.data() + static_cast<std::size_t>(row) * spec_.dModel;
  for (std::int32_t i = 0; i < spec_.dModel; ++i) x[i] = decoded[i] * spec_.embeddingScale;
  positions_[row] = position;
}

bool Session::layers(const std::atomic<bool>& abort) {
  straight_ = tiled_ && statistics_ == nullptr && std::all_of(segments_.begin(), segments_.end(), [](const Segment& s) { return s.adapters->modules.empty(); });
  for (int l = 0; l < spec_.layers; ++l) {
    if (abort.load(std::memory_order_relaxed)) return false;
    block(l);
  }
  return true;
}

bool Session::pass(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, bool exact,
                   const std::atomic<bool>& abort, const Use& use) {
  requireRoom(cache, count);
  const std::int32_t before = cache.length();
  exact_ = exact;
  tiled_ = count > fewTokens;
  products_.bf16 = options_.bf16 && !exact;
  for (std::int32_t first = 0; first < count; first += chunk_) {
    rows_ = std::min(chunk_, count - first);
    segments_.assign(1, {&cache, &adapters, 0, rows_});
    for (std::int32_t i = 0; i < rows_; ++i) embed(i, ids[first + i], cache.length() + i, adapters);
    if (!layers(abort)) {
      cache.truncate(before);
      return false;
    }
    cache.grow(rows_);
    use(first, rows_);
  }
  return true;
}

bool Session::append(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, std::int32_t wanted, float* out,
                     bool exact, const std::atomic<bool>& abort) {
  if (count <= 0 || wanted < 0 || wanted > count) throw std::runtime_error("nothing to append, or more logits asked for than tokens given");
  const std::int32_t from = count - wanted;
  return pass(cache, adapters, ids, count, exact, abort, [&](std::int32_t first, std::int32_t rows) {
    const std::int32_t skip = std::max(0, from - first);
    if (skip < rows) logits(skip, rows - skip, out + static_cast<std::size_t>(first + skip - from) * spec_.vocabulary);
  });
}

bool Session::decode(const DecodeItem* items, std::int32_t count, float* out, const std::atomic<bool>& abort) {
  if (count <= 0 || count > mostSequences) throw std::runtime_error("too many sequences at once");
  exact_ = tiled_ = products_.bf16 = false;
  rows_ = count;
  segments_.clear();
  for (std::int32_t i = 0; i < count; ++i) {
    requireRoom(*items[i].cache, 1);
    for (std::int32_t j = 0; j < i; ++j)
      if (items[j].cache == items[i].cache) throw std::runtime_error("a sequence cannot go on twice in one step");
    embed(i, items[i].id, items[i].cache->length(), *items[i].adapters);
    segments_.push_back({items[i].cache, items[i].adapters, i, 1});
  }
  if (!layers(abort)) return false;
  for (std::int32_t i = 0; i < count; ++i) items[i].cache->grow(1);
  logits(0, count, out);
  return true;
}

bool Session::score(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* out, bool exact,
                    const std::atomic<bool>& abort) {
  if (count < 2) throw std::runtime_error("a text of one token has no log-probabilities");
  const std::size_t vocabulary = spec_.vocabulary;
  logits_.resize(scoredTogether_ * vocabulary);
  return pass(cache, adapters, ids, count, exact, abort, [&](std::int32_t first, std::int32_t rows) {
    const std::int32_t wanted = std::min(rows, count - 1 - first);
    for (std::int32_t at = 0; at < wanted; at += scoredTogether_) {
      const std::int32_t some = std::min(scoredTogether_, wanted - at);
      logits(at, some, logits_.data());
      pool_.run(some, [&](std::int64_t i, int) {
        bool correct;
        out[first + at + i] = -kernels_.crossEntropy(logits_.data() + i * vocabulary, spec_.vocabulary, ids[first + at + i + 1], 1.0f, 0.0f, false, 0.0f, &correct);
      });
    }
  });
}

bool Session::judge(const std::vector<Question>& questions, Judgement& out, bool exact, const std::atomic<bool>& abort) {
  const auto rowsOf = [](const std::vector<std::int32_t>& continuation) { return continuation.empty() ? 0 : static_cast<std::int32_t>(continuation.size()) - 1; };
  std::size_t all = 0;
  for (const Question& q : questions) {
    std::int32_t longest = 0;
    all += q.context.size();
    for (const auto& ids : q.continuations) {
      all += rowsOf(ids);
      longest = std::max(longest, rowsOf(ids));
    }
    if (q.context.empty()) throw std::runtime_error("no context");
    if (q.context.size() + longest > static_cast<std::size_t>(options_.contextLength)) throw std::runtime_error("the context is full");
  }
  if (all > static_cast<std::size_t>(chunk_)) throw std::runtime_error("more tokens than are read together");
  exact_ = exact;
  tiled_ = true;
  products_.bf16 = options_.bf16 && !exact;
  rows_ = 0;
  segments_.clear();
  const auto place = [&](KvCache& cache, const AdapterSet* adapters, const std::int32_t* ids, std::int32_t count) {
    segments_.push_back({&cache, adapters, rows_, count});
    for (std::int32_t i = 0; i < count; ++i) embed(rows_++, ids[i], cache.length() + i, *adapters);
  };
  // A token, and which of the states that foretell anything foretells it.
  struct Foretold {
    std::int32_t state, id;
  };
  std::vector<Foretold> foretold;
  std::vector<std::int32_t> states;  // their rows, in ascending order
  using Caches = std::vector<std::unique_ptr<KvCache>>;
  Caches own;
  std::vector<Caches> heirs(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Question& q = questions[i];
    const auto before = static_cast<std::int32_t>(q.context.size()), ofContext = static_cast<std::int32_t>(states.size());
    own.push_back(std::make_unique<KvCache>(spec_, CacheType::F32, before));
    place(*own.back(), q.adapters, q.context.data(), before);
    segments_.back().heirs = &heirs[i];
    states.push_back(rows_ - 1);
    for (const auto& ids : q.continuations) {
      for (const std::int32_t id : ids) requireId(id);
      if (ids.empty()) continue;
      foretold.push_back({ofContext, ids[0]});
      const std::int32_t rows = rowsOf(ids);
      if (rows == 0) continue;
      heirs[i].push_back(std::make_unique<KvCache>(spec_, CacheType::F32, before + rows));
      heirs[i].back()->grow(before);
      for (std::int32_t k = 0; k < rows; ++k) {
        foretold.push_back({static_cast<std::int32_t>(states.size()), ids[k + 1]});
        states.push_back(rows_ + k);
      }
      place(*heirs[i].back(), q.adapters, ids.data(), rows);
    }
  }
  if (!layers(abort)) return false;

  finalStates(0, rows_);
  const std::size_t vocabulary = spec_.vocabulary, d = spec_.dModel;
  for (std::size_t i = 0; i < states.size(); ++i) std::memmove(hidden_.data() + i * d, hidden_.data() + states[i] * d, d * sizeof(float));
  out.logs.resize(foretold.size());
  out.likeliest.resize(foretold.size());
  logits_.resize(scoredTogether_ * vocabulary);
  const auto count = static_cast<std::int32_t>(states.size());
  for (std::int32_t first = 0; first < count; first += scoredTogether_) {
    const std::int32_t some = std::min(scoredTogether_, count - first);
    // In tiles even when it is one row, so that nothing depends on what is asked together.
    for (std::int32_t done = 0, run; done < some; done += run) {
      const MatrixView output = outputOf(adaptersAt(states[first + done]));
      for (run = 1; done + run < some && outputOf(adaptersAt(states[first + done + run])).data == output.data;) ++run;
      multiplyTiles(output, hidden_.data() + (first + done) * d, run, logits_.data() + done * vocabulary, 1.0f, false);
    }
    if (spec_.logitSoftcap != 0.0f) kernels_.softcap(logits_.data(), static_cast<std::int64_t>(some) * spec_.vocabulary, spec_.logitSoftcap);
    pool_.run(static_cast<std::int64_t>(foretold.size()), [&](std::int64_t i, int) {
      const auto [state, id] = foretold[i];
      if (state < first || state >= first + some) return;
      float* row = logits_.data() + (state - first) * vocabulary;
      bool highest;
      out.logs[i] = -kernels_.crossEntropy(row, spec_.vocabulary, id, 1.0f, 0.0f, false, 0.0f, &highest);
      out.likeliest[i] = highest && std::find(row, row + id, row[id]) == row + id;
    });
  }
  return true;
}

bool Session::meanState(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* mean, bool exact,
                        const std::atomic<bool>& abort) {
  if (count <= 0) throw std::runtime_error("no tokens have no mean state");
  std::vector<double> sum(spec_.dModel);
  const bool finished = pass(cache, adapters, ids, count, exact, abort, [&](std::int32_t, std::int32_t rows) {
    finalStates(0, rows);
    for (std::int32_t row = 0; row < rows; ++row)
      for (std::int32_t i = 0; i < spec_.dModel; ++i) sum[i] += hidden_[static_cast<std::size_t>(row) * spec_.dModel + i];
  });
  for (std::int32_t i = 0; i < spec_.dModel; ++i) mean[i] = static_cast<float>(sum[i] / count);
  return finished;
}

// Rows [first, first + count) of the pass at hand through the final norm, into hidden_.
void Session::finalStates(std::int32_t first, std::int32_t count) {
  const float* x = x_.data() + static_cast<std::size_t>(first) * spec_.dModel;
  kernels_.ops[0].rmsNorm(x, model_.outputNorm, hidden_.data(), inverse_.data(), count, spec_.dModel, spec_.normEpsilon);
}

const AdapterSet& Session::adaptersAt(std::int32_t row) const {
  return *std::find_if(segments_.begin(), segments_.end(), [&](const Segment& s) { return row < s.begin + s.count; })->adapters;
}

void Session::logits(std::int32_t first, std::int32_t count, float* out) {
  finalStates(first, count);
  // Rows of sequences with one output go together.
  for (std::int32_t done = 0, run; done < count; done += run) {
    const MatrixView output = outputOf(adaptersAt(first + done));
    for (run = 1; done + run < count && outputOf(adaptersAt(first + done + run)).data == output.data;) ++run;
    const float* x = hidden_.data() + static_cast<std::size_t>(done) * spec_.dModel;
    float* to = out + static_cast<std::size_t>(done) * spec_.vocabulary;
    if (tiled_ && count > 1) multiplyTiles(output, x, run, to, 1.0f, false);
    else multiplyRows(x, run, {{&output, to, false}}, exact_);
  }
  if (spec_.logitSoftcap != 0.0f) kernels_.softcap(out, static_cast<std::int64_t>(count) * spec_.vocabulary, spec_.logitSoftcap);
}

void Session::normalise(const float* x, const float* weight, float* out) {
  const std::int64_t d = spec_.dModel;
  constexpr std::int64_t rowsPerTask = 32;
  pool_.run((rows_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, rows_ - begin);
    kernels_.ops[0].rmsNorm(x + begin * d, weight, out + begin * d, inverse_.data() + begin, count, d, spec_.normEpsilon);
  });
}

// What projections of x_ through its norm are given: packed, or hidden_ and null.
const void* Session::blockInput(const float* weight) {
  if (!straight_) {
    normalise(x_.data(), weight, hidden_.data());
    return nullptr;
  }
  const std::int64_t d = spec_.dModel, panelRows = kernels_.panelRows[products_.bf16], rowsPerTask = std::max<std::int64_t>(1, normalisedTogether / panelRows) * panelRows;
  pool_.run((rows_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int thread) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, rows_ - begin);
    auto* rows = reinterpret_cast<float*>(products_.scratch + thread * products_.scratchBytes);
    kernels_.ops[0].rmsNorm(x_.data() + begin * d, weight, rows, inverse_.data() + begin, count, d, spec_.normEpsilon);
    kernels_.packLeft[products_.bf16](dense(rows, DType::F32, count, d), false, count, d, 0, (count + panelRows - 1) / panelRows,
                                      packed_->data() + kernels_.packedLeftBytes[products_.bf16](begin, d));
  });
  return packed_->data();
}

// x_ += what the projection makes of x, through its norm where there is one.
void Session::projectToResidual(int layer, int projection, const float* x, const void* packed, const float* postNorm) {
  if (postNorm == nullptr) return project(layer, x, packed, {{projection, x_.data(), true}});
  project(layer, x, packed, {{projection, normed_.data(), false}});
  normalise(normed_.data(), postNorm, normed_.data());
  kernels_.addScaled(x_.data(), normed_.data(), 1.0f, static_cast<std::int64_t>(rows_) * spec_.dModel);
}

void Session::block(int layer) {
  const BlockWeights& w = model_.blocks[layer];
  noteBlockBegins();
  const void* packed = blockInput(w.attentionNorm);
  note(layer, BlockInput::Attention, hidden_.data(), spec_.dModel);
  project(layer, hidden_.data(), packed, {{Query, q_.data(), false}, {Key, k_.data(), false}, {Value, v_.data(), false}});
  store(layer);
  packed = attend(layer);
  note(layer, BlockInput::AttentionOut, attention_.data(), spec_.attentionWidth());
  projectToResidual(layer, AttentionOut, attention_.data(), packed, w.postAttentionNorm);

  packed = blockInput(w.ffnNorm);
  note(layer, BlockInput::Feed, hidden_.data(), spec_.dModel);
  packed = gate(layer, packed);
  note(layer, BlockInput::Down, gate_.data(), spec_.ffn);
  projectToResidual(layer, Down, gate_.data(), packed, w.postFfnNorm);
  noteBlockEnds(layer);
}

// What Down is given of hidden_, or of the same packed: packed, or gate_ and null.
const void* Session::gate(int layer, const void* packed) {
  const bool gelu = spec_.activation == Activation::Gelu;
  if (packed != nullptr && hasGated(products_, spec_.ffn)) {
    const auto& weights = model_.blocks[layer].projections;
    GatedProduct p;
    p.rows = rows_;
    p.columns = spec_.ffn;
    p.depth = spec_.dModel;
    p.packedLeft = packed;
    p.gate = weights[Gate];
    p.up = weights[Up];
    p.gelu = gelu;
    p.packedOut = gated_->data();
    multiplyGated(products_, p);
    return gated_->data();
  }
  project(layer, hidden_.data(), packed, {{Gate, gate_.data(), false}, {Up, up_.data(), false}});
  const std::int64_t ffn = spec_.ffn;
  const auto gated = gelu ? kernels_.ops[0].geglu : kernels_.ops[0].swiglu;
  constexpr std::int64_t rowsPerTask = 4;
  pool_.run((rows_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask * ffn, count = std::min(rowsPerTask * ffn, rows_ * ffn - begin);
    gated(gate_.data() + begin, up_.data() + begin, gate_.data() + begin, count);
  });
  return nullptr;
}

// Norms of heads and rotation of queries and keys; then keys and values go into the caches.
void Session::store(int layer) {
  const std::int32_t headDim = spec_.headDim;
  const std::int64_t attention = spec_.attentionWidth(), kv = spec_.kvWidth();
  const BlockWeights& w = model_.blocks[layer];
  const RotaryTable* rotary = rotary_.ofLayer(layer);
  const ActivationOps& ops = kernels_.ops[0];
  const auto prepare = [&](float* x, const float* norm, std::int64_t begin, std::int64_t count, std::int32_t heads) {
    if (norm != nullptr) ops.rmsNorm(x, norm, x, inverse_.data() + begin * spec_.heads, count * heads, headDim, spec_.normEpsilon);
    if (rotary != nullptr) ops.rotate(x, positions_.data() + begin, count, heads, headDim, *rotary, 1.0f);
  };
  constexpr std::int32_t rowsPerTask = 32;
  for (const Segment& s : segments_)
    pool_.run((s.count + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
      const std::int64_t begin = s.begin + task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, s.begin + s.count - begin);
      prepare(q_.data() + begin * attention, w.queryNorm, begin, count, spec_.heads);
      prepare(k_.data() + begin * kv, w.keyNorm, begin, count, spec_.kvHeads);
      for (std::int64_t row = begin; row < begin + count; ++row)
        for (std::int32_t head = 0; head < spec_.kvHeads; ++head) {
          kernels_.cacheStore(s.cache->type(), k_.data() + row * kv + head * headDim, headDim, s.cache->keys(layer, head, positions_[row]));
          kernels_.cacheStore(s.cache->type(), v_.data() + row * kv + head * headDim, headDim, s.cache->values(layer, head, positions_[row]));
          if (s.heirs == nullptr) continue;
          for (const auto& heir : *s.heirs) {
            kernels_.cacheStore(heir->type(), k_.data() + row * kv + head * headDim, headDim, heir->keys(layer, head, positions_[row]));
            kernels_.cacheStore(heir->type(), v_.data() + row * kv + head * headDim, headDim, heir->values(layer, head, positions_[row]));
          }
        }
    });
}

}  // namespace qt
