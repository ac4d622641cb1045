#include "session.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "host_generation.hpp"

namespace qt {
namespace {

constexpr std::int32_t fewTokens = 8;       // up to here weights are met row by row, beyond it in tiles
constexpr std::int32_t heldLogits = 1 << 23; // at once, when only some of their numbers are wanted
constexpr std::int32_t fewestScored = 64;    // rows of them nevertheless

std::int32_t chunkOf(const ModelSpec& spec) { return spec.ffn > 8192 ? 256 : 512; }

// Numbers of a pass, by what they are. Where products have more rows than were asked for (Pass::company), those lie behind the last.
struct Activations {
  explicit Activations(const ModelSpec& spec, bool behind)
      : rows(chunkOf(spec)), scored(std::clamp(heldLogits / spec.vocabulary, fewestScored, rows)) {
    const std::size_t all = rows, more = behind ? scored : 0;
    residual = all * spec.dModel;
    hidden = (all + more) * spec.dModel;
    normed = spec.postNorms ? residual : 0;
    attention = all * spec.attentionWidth();
    kv = all * spec.kvWidth();
    ffn = all * spec.ffn;
    logits = (scored + more) * static_cast<std::size_t>(spec.vocabulary);
  }
  std::size_t total() const { return residual + hidden + normed + 2 * (attention + kv + ffn) + logits; }

  std::int32_t rows, scored;
  std::size_t residual, hidden, normed, attention, kv, ffn, logits;
};

}  // namespace

GenerationOptions Session::planned(const Model& model, const SessionOptions& options, std::int32_t sequences, CacheType type) {
  const ModelSpec& spec = model.spec;
  const Activations of(spec, true);
  std::size_t floats = of.total();
  for (const Rope& rope : spec.ropes) floats += 2 * rope.frequencies.size() * static_cast<std::size_t>(options.contextLength);
  return {options.contextLength, of.rows, sequences, type, model.weightBytes() + floats * sizeof(float)};
}

Session::Session(const Model& model, const SessionOptions& options, ThreadPool& pool, const KernelTable& kernels)
    : Session(model, options, std::make_unique<HostGeneration>(model.spec, chunkOf(model.spec), options.dots, pool, kernels)) {}

Session::Session(const Model& model, const SessionOptions& options, std::unique_ptr<GenerationDevice> device)
    : spec_(model.spec),
      options_(options),
      device_(std::move(device)),
      chunk_(chunkOf(spec_)),
      scoredTogether_(std::clamp(heldLogits / spec_.vocabulary, fewestScored, chunk_)) {
  bringModel(model);
  const Activations of(spec_, !device_->callersMemory());
  x_ = taken(of.residual);
  hidden_ = taken(of.hidden);
  if (spec_.postNorms) normed_ = taken(of.normed);
  q_ = taken(of.attention);
  k_ = taken(of.kv);
  v_ = taken(of.kv);
  attention_ = taken(of.attention);
  gate_ = taken(of.ffn);
  up_ = taken(of.ffn);
  logits_ = taken(of.logits);
  numbers_.resize(static_cast<std::size_t>(chunk_));
  std::iota(numbers_.begin(), numbers_.end(), 0);
  device_->ready();
  requireDevice();
}

std::unique_ptr<KvCache> Session::made(CacheType type, std::int32_t positions, bool passing) {
  auto cache = device_->makeCache(type, positions, passing);
  if (!cache) throw std::runtime_error("the device's memory was planned for caches of another type");
  return cache;
}

void Session::grow(Room& room, std::size_t floats) {
  if (floats <= room.size) return;
  float* more = taken(floats);
  device_->release(room.data);
  room = {more, floats};
}

void Session::bringModel(const Model& model) {
  const auto vector = [&](const float* from, std::int64_t count) {
    return from == nullptr ? nullptr : static_cast<const float*>(device_->resident(from, static_cast<std::size_t>(count) * sizeof(float)));
  };
  const auto matrix = [&](MatrixView view) {
    view.data = device_->resident(view.data, static_cast<std::size_t>(view.rows) * view.rowBytes);
    return view;
  };
  embedding_ = matrix(model.embedding);
  output_ = model.output.data == model.embedding.data ? embedding_ : matrix(model.output);
  outputNorm_ = vector(model.outputNorm, spec_.dModel);
  blocks_ = model.blocks;
  for (BlockWeights& w : blocks_) {
    for (const float** norm : {&w.attentionNorm, &w.ffnNorm, &w.postAttentionNorm, &w.postFfnNorm}) *norm = vector(*norm, spec_.dModel);
    for (const float** norm : {&w.queryNorm, &w.keyNorm}) *norm = vector(*norm, spec_.headDim);
    for (int p = 0; p < projectionCount; ++p) w.projections[p] = matrix(w.projections[p]);
    for (int p = 0; p <= Value; ++p) w.biases[p] = vector(w.biases[p], projectionShape(spec_, p).rows);
  }
  // The tables are kept by the device, wherever it has them.
  rotaryHost_ = std::make_unique<RotaryTables>(spec_, options_.contextLength);
  for (RotaryTable table : rotaryHost_->tables()) {
    const std::int64_t count = static_cast<std::int64_t>(table.pairs) * options_.contextLength;
    table.cosine = vector(table.cosine, count);
    table.sine = vector(table.sine, count);
    rotary_.push_back(table);
  }
  if (!device_->callersMemory()) rotaryHost_.reset();
  requireDevice();
}

void Session::requireRoom(const KvCache& cache, std::int32_t count) const {
  if (count > cache.contextLength() - cache.length() || count > options_.contextLength - cache.length()) throw std::runtime_error("the context is full");
}

void Session::requireId(std::int32_t id) const {
  if (id < 0 || id >= spec_.vocabulary) throw std::runtime_error("a token id lies outside the vocabulary");
}

void Session::clear() {
  sequences_.clear();
  sets_.clear();
  ids_.clear();
  positions_.clear();
}

// The next rows of the pass.
void Session::place(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count) {
  sequences_.push_back({&cache, rows(), count});
  sets_.push_back(&adapters);
  for (std::int32_t i = 0; i < count; ++i) {
    requireId(ids[i]);
    ids_.push_back(ids[i]);
    positions_.push_back(cache.length() + i);
  }
}

bool Session::layers(bool tiled, bool exact, bool company, const std::atomic<bool>& abort) {
  tiled_ = tiled;
  company_ = company;
  const bool straight = tiled && statistics_ == nullptr && std::all_of(sets_.begin(), sets_.end(), [](const AdapterSet* set) { return set->modules.empty(); });
  device_->begin({sequences_, ids_, positions_, tiled, exact, options_.bf16 && !exact && tiled, straight, company});
  requireDevice();
  embed();
  for (int l = 0; l < spec_.layers; ++l) {
    if (abort.load(std::memory_order_relaxed)) {
      // What failed of a pass that nobody wants is no matter of the next one's.
      device_->recover();
      return false;
    }
    block(l);
  }
  return true;
}

// Rows of sequences with one table go together.
void Session::embed() {
  for (std::size_t i = 0, run; i < sequences_.size(); i += run) {
    const MatrixView& table = embeddingOf(*sets_[i]);
    std::int32_t count = sequences_[i].count;
    for (run = 1; i + run < sequences_.size() && embeddingOf(*sets_[i + run]).data == table.data; ++run) count += sequences_[i + run].count;
    device_->embed(table, sequences_[i].begin, count, spec_.embeddingScale, x_);
  }
}

bool Session::pass(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, bool exact,
                   const std::atomic<bool>& abort, const Use& use) {
  requireRoom(cache, count);
  const std::int32_t before = cache.length();
  try {
    for (std::int32_t first = 0; first < count; first += chunk_) {
      const std::int32_t rows = std::min(chunk_, count - first);
      clear();
      place(cache, adapters, ids + first, rows);
      if (!layers(count > fewTokens, exact, false, abort)) {
        cache.truncate(before);
        return false;
      }
      cache.grow(rows);
      use(first, rows);
      requireDevice();
    }
  } catch (...) {
    cache.truncate(before);
    throw;
  }
  return true;
}

bool Session::append(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, std::int32_t wanted, float* out,
                     bool exact, const std::atomic<bool>& abort) {
  if (count <= 0 || wanted < 0 || wanted > count) throw std::runtime_error("nothing to append, or more logits asked for than tokens given");
  const std::int32_t from = count - wanted;
  return pass(cache, adapters, ids, count, exact, abort, [&](std::int32_t first, std::int32_t rows) {
    const std::int32_t skip = std::max(0, from - first);
    if (skip < rows) logitsOf(skip, rows - skip, out + static_cast<std::size_t>(first + skip - from) * spec_.vocabulary);
  });
}

bool Session::decode(const DecodeItem* items, std::int32_t count, float* out, const std::atomic<bool>& abort) {
  if (count <= 0 || count > mostSequences) throw std::runtime_error("too many sequences at once");
  clear();
  for (std::int32_t i = 0; i < count; ++i) {
    requireRoom(*items[i].cache, 1);
    for (std::int32_t j = 0; j < i; ++j)
      if (items[j].cache == items[i].cache) throw std::runtime_error("a sequence cannot go on twice in one step");
    place(*items[i].cache, *items[i].adapters, &items[i].id, 1);
  }
  const auto forget = [&] {
    for (std::int32_t i = 0; i < count; ++i) items[i].cache->truncate(items[i].cache->length());
  };
  try {
    if (!layers(false, false, false, abort)) {
      forget();
      return false;
    }
    logitsOf(0, count, out);
    requireDevice();
  } catch (...) {
    forget();
    throw;
  }
  for (std::int32_t i = 0; i < count; ++i) items[i].cache->grow(1);
  return true;
}

bool Session::score(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* out, bool exact,
                    const std::atomic<bool>& abort) {
  if (count < 2) throw std::runtime_error("a text of one token has no log-probabilities");
  std::vector<std::uint8_t> likeliest(static_cast<std::size_t>(scoredTogether_));
  return pass(cache, adapters, ids, count, exact, abort, [&](std::int32_t first, std::int32_t rows) {
    const std::int32_t wanted = std::min(rows, count - 1 - first);
    for (std::int32_t at = 0; at < wanted; at += scoredTogether_) {
      const std::int32_t some = std::min(scoredTogether_, wanted - at);
      finalStates(at, some);
      logits(rowNumbers(at, some), some, logits_, tiled_ && some > 1);
      std::vector<Foretold> foretold;
      for (std::int32_t i = 0; i < some; ++i) foretold.push_back({i, ids[first + at + i + 1]});
      device_->foretell(logits_, foretold, out + first + at, likeliest.data());
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
  clear();
  std::vector<Foretold> foretold;    // by number of a state
  std::vector<std::int32_t> states;  // those that foretell anything: their rows, in ascending order
  using Caches = std::vector<std::unique_ptr<KvCache>>;
  Caches own;
  std::vector<Caches> heirs(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Question& q = questions[i];
    const auto before = static_cast<std::int32_t>(q.context.size()), ofContext = static_cast<std::int32_t>(states.size());
    own.push_back(made(CacheType::F32, before, true));
    place(*own.back(), *q.adapters, q.context.data(), before);
    sequences_.back().heirs = &heirs[i];
    states.push_back(rows() - 1);
    for (const auto& ids : q.continuations) {
      for (const std::int32_t id : ids) requireId(id);
      if (ids.empty()) continue;
      foretold.push_back({ofContext, ids[0]});
      const std::int32_t count = rowsOf(ids);
      if (count == 0) continue;
      heirs[i].push_back(made(CacheType::F32, before + count, true));
      heirs[i].back()->grow(before);
      for (std::int32_t k = 0; k < count; ++k) {
        foretold.push_back({static_cast<std::int32_t>(states.size()), ids[k + 1]});
        states.push_back(rows() + k);
      }
      place(*heirs[i].back(), *q.adapters, ids.data(), count);
    }
  }
  if (!layers(true, exact, true, abort)) return false;

  out.logs.resize(foretold.size());
  out.likeliest.resize(foretold.size());
  const auto count = static_cast<std::int32_t>(states.size());
  std::vector<float> logs(foretold.size());
  std::vector<std::uint8_t> likeliest(foretold.size());
  for (std::int32_t first = 0; first < count; first += scoredTogether_) {
    const std::int32_t some = std::min(scoredTogether_, count - first);
    const std::span<const std::int32_t> these(states.data() + first, static_cast<std::size_t>(some));
    finalStates(these);
    // In tiles even when it is one row, so that nothing depends on what is asked together.
    logits(these, scoredTogether_, logits_, true);
    std::vector<Foretold> here;
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < foretold.size(); ++i)
      if (foretold[i].row >= first && foretold[i].row < first + some) {
        here.push_back({foretold[i].row - first, foretold[i].id});
        at.push_back(i);
      }
    device_->foretell(logits_, here, logs.data(), likeliest.data());
    for (std::size_t i = 0; i < at.size(); ++i) {
      out.logs[at[i]] = logs[i];
      out.likeliest[at[i]] = likeliest[i];
    }
  }
  requireDevice();
  return true;
}

bool Session::meanState(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* mean, bool exact,
                        const std::atomic<bool>& abort) {
  if (count <= 0) throw std::runtime_error("no tokens have no mean state");
  std::vector<double> sum(spec_.dModel);
  const bool finished = pass(cache, adapters, ids, count, exact, abort, [&](std::int32_t, std::int32_t rows) {
    finalStates(0, rows);
    device_->addSums(hidden_, rows, spec_.dModel, false, sum.data());
  });
  for (std::int32_t i = 0; i < spec_.dModel; ++i) mean[i] = static_cast<float>(sum[i] / count);
  return finished;
}

// Rows of the pass at hand through the final norm, into the first rows of hidden_.
void Session::finalStates(std::span<const std::int32_t> rows) { device_->normaliseRows(x_, outputNorm_, hidden_, rows); }
void Session::finalStates(std::int32_t first, std::int32_t count) { finalStates(rowNumbers(first, count)); }

std::span<const std::int32_t> Session::rowNumbers(std::int32_t first, std::int32_t count) const { return {numbers_.data() + first, static_cast<std::size_t>(count)}; }

const AdapterSet& Session::adaptersAt(std::int32_t row) const {
  const auto found = std::find_if(sequences_.begin(), sequences_.end(), [&](const CacheRows& s) { return row < s.begin + s.count; });
  return *sets_[static_cast<std::size_t>(found - sequences_.begin())];
}

// Of `count` rows of the pass, for the caller.
void Session::logitsOf(std::int32_t first, std::int32_t count, float* out) {
  const bool tiled = tiled_ && count > 1;
  for (std::int32_t at = 0; at < count; at += scoredTogether_) {
    const std::int32_t some = std::min(scoredTogether_, count - at);
    float* callers = out + static_cast<std::size_t>(at) * spec_.vocabulary;
    float* to = device_->callersMemory() ? callers : logits_;
    finalStates(first + at, some);
    logits(rowNumbers(first + at, some), some, to, tiled);
    if (to != callers) device_->copyOut(callers, to, static_cast<std::size_t>(some) * spec_.vocabulary);
  }
}

// Rows of sequences with one output go together.
void Session::logits(std::span<const std::int32_t> rowsOf, std::int32_t most, float* out, bool tiled) {
  const auto count = static_cast<std::int32_t>(rowsOf.size());
  for (std::int32_t done = 0, run; done < count; done += run) {
    const MatrixView& output = outputOf(adaptersAt(rowsOf[done]));
    for (run = 1; done + run < count && outputOf(adaptersAt(rowsOf[done + run])).data == output.data;) ++run;
    const RowsOut to[] = {{output, out + static_cast<std::size_t>(done) * spec_.vocabulary}};
    device_->multiply({hidden_ + static_cast<std::size_t>(done) * spec_.dModel}, {run, std::max(run, most)}, to, tiled);
  }
  if (spec_.logitSoftcap != 0.0f) device_->softcap(out, static_cast<std::int64_t>(count) * spec_.vocabulary, spec_.logitSoftcap);
}

void Session::block(int layer) {
  const BlockWeights& w = blocks_[layer];
  noteBlockBegins();
  RowsIn in = device_->normalise(x_, w.attentionNorm, hidden_);
  note(layer, BlockInput::Attention, hidden_, spec_.dModel);
  project(layer, in, {{Query, q_, false}, {Key, k_, false}, {Value, v_, false}});
  const std::int32_t rope = spec_.layer(layer).rope;
  device_->store({layer, q_, k_, v_, w.queryNorm, w.keyNorm, rope < 0 ? nullptr : &rotary_[rope]});
  in = device_->attend(layer, q_, attention_);
  note(layer, BlockInput::AttentionOut, attention_, spec_.attentionWidth());
  projectToResidual(layer, AttentionOut, in, w.postAttentionNorm);

  in = device_->normalise(x_, w.ffnNorm, hidden_);
  note(layer, BlockInput::Feed, hidden_, spec_.dModel);
  in = feedForward(layer, in);
  note(layer, BlockInput::Down, gate_, spec_.ffn);
  projectToResidual(layer, Down, in, w.postFfnNorm);
  noteBlockEnds(layer);
}

// What Down is given.
RowsIn Session::feedForward(int layer, const RowsIn& in) {
  const auto& weights = blocks_[layer].projections;
  if (in.packed != nullptr)
    if (const void* packed = device_->multiplyGated(in, weights[Gate], weights[Up])) return {gate_, packed};
  project(layer, in, {{Gate, gate_, false}, {Up, up_, false}});
  device_->gated(gate_, up_);
  return {gate_};
}

}  // namespace qt
