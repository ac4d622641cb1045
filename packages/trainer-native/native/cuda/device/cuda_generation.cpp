#include "cuda_generation.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "../kernels/applied.hpp"
#include "../kernels/decode.hpp"
#include "../kernels/elementwise.hpp"
#include "../kernels/embedding.hpp"
#include "../kernels/foretell.hpp"
#include "../kernels/heads.hpp"
#include "../kernels/norm.hpp"
#include "../kernels/statistics.hpp"
#include "generate/session.hpp"
#include "or_nothing.hpp"
#include "product.hpp"
#include "train/magnitude.hpp"

namespace qt::cuda {
namespace {

enum : std::size_t { OfSequences, OfOthers, OfPassing };

constexpr std::size_t mostDecoded = std::size_t{256} << 20;  // bytes of a weight decoded at once
constexpr std::size_t keptFree = std::size_t{256} << 20;     // of a memory that cannot hold all sequences at once: for adapters, and for what a pass uploads

// A weight is decoded as a whole, or in stretches of rows where that would take too much.
std::size_t decodeRoom(const ModelSpec& spec) {
  std::size_t largest = 0, widest = 0;
  for (int p = 0; p < projectionCount; ++p) {
    const Shape s = projectionShape(spec, p);
    largest = std::max(largest, sizeof(float) * s.rows * s.columns);
    widest = std::max(widest, sizeof(float) * s.columns);
  }
  return roundUpBytes(std::clamp(largest, 16 * widest, std::max(mostDecoded, 16 * widest)), 256);
}

PagedCache& paged(KvCache& cache) { return static_cast<PagedCache&>(cache); }  // caches come from the device that is asked to use them

std::string mebibytes(std::size_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

}  // namespace

template <class T>
T* CudaGeneration::taken(std::size_t count) {
  return reinterpret_cast<T*>(takeMemory(device_, count * sizeof(T)));
}

CudaGeneration::CudaGeneration(int index, const ModelSpec& spec, const GenerationOptions& options)
    : spec_(spec),
      options_(options),
      index_(index),
      device_(index, DType::F32, CudaDevice::Products::Own),  // the left sides of sessions are float32, which it does not take
      decodeBytes_(decodeRoom(spec)),
      tables_(device_.runtime()),
      copiedSequences_(device_.runtime()),
      rowNumbers_(device_.runtime()),
      spans_(device_.runtime()),
      foretold_(device_.runtime()),
      logs_(device_.runtime()),
      likeliest_(device_.runtime()),
      doubles_(device_.runtime()) {
  if (device_.failure() != nullptr) return;
  const std::size_t rows = options.rows, context = options.contextLength, attention = spec.attentionWidth(), kv = spec.kvWidth();
  const std::size_t partial = Session::mostSequences * std::max({static_cast<std::size_t>(spec.dModel), attention, static_cast<std::size_t>(spec.ffn)});
  const auto parts = static_cast<std::size_t>(std::max(pagedScratch(shape(0), options.rows, options.rows), pagedScratch(shape(0), Session::mostSequences, options.contextLength)));
  const std::size_t scratch = mostProductWorkspace + decodeBytes_;
  std::size_t fixed = scratch + sizeof(float) * (partial + rows * spec.heads * 2 + parts + 2 * context * kv + 2 * rows * attention);

  const std::int32_t ofContext = pagesFor(options.contextLength);
  // One more sequence, in float32, is for scores, means and statistics.
  const std::int32_t more = options.type == CacheType::F32 ? 1 : 0;
  regions_ = {{options.type, (options.sequences + more) * ofContext, spec.layers, nullptr},
              {CacheType::F32, (1 - more) * ofContext, spec.layers, nullptr},
              {CacheType::F32, options.rows, 1, nullptr}};
  fixed += options.elsewhere;
  for (const std::size_t region : {OfOthers, OfPassing}) fixed += poolBytes(regions_[region], regions_[region].pages);
  const std::size_t least = fixed + poolBytes(regions_[OfSequences], ofContext), free = freeMemory();
  if (least > free)
    throw std::runtime_error("generation takes " + mebibytes(least) + " of the GPU's memory with one sequence of " + std::to_string(context) + " tokens, and " +
                             mebibytes(free) + " are free");
  device_.useScratch(taken<unsigned char>(scratch), scratch);
  partial_ = taken<float>(partial);
  inverse_ = taken<float>(rows * spec.heads);
  logSumExp_ = taken<float>(rows * spec.heads);
  parts_ = taken<float>(parts);
  keys_ = taken<unsigned char>(sizeof(float) * context * kv);
  values_ = taken<unsigned char>(sizeof(float) * context * kv);
  queries_ = taken<unsigned char>(sizeof(float) * rows * attention);
  outputs_ = taken<unsigned char>(sizeof(float) * rows * attention);
}

std::size_t CudaGeneration::poolBytes(const Region& r, std::int32_t pages) const {
  return 2 * pageBytes(r.type, spec_.kvHeads, spec_.headDim) * static_cast<std::size_t>(pages) * static_cast<std::size_t>(r.layers);
}

std::size_t CudaGeneration::freeMemory() const {
  CudaInfo info{};
  return describe(index_, true, info) ? info.freeMemory : 0;
}

// Sequences that are shorter than the context share what there is, where not all may be as long.
void CudaGeneration::ready() noexcept {
  device_.check("taking memory for caches", [&] { takePools(); });
}

void CudaGeneration::takePools() {
  Region& own = regions_[OfSequences];
  const std::size_t free = freeMemory(), others = poolBytes(regions_[OfOthers], regions_[OfOthers].pages) + poolBytes(regions_[OfPassing], regions_[OfPassing].pages);
  const std::size_t left = free > others + keptFree ? free - others - keptFree : 0;
  const auto fit = static_cast<std::int32_t>(std::min<std::size_t>(own.pages, left / poolBytes(own, 1)));
  own.pages = std::max(fit, pagesFor(options_.contextLength));
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    Region& r = regions_[i];
    r.data = taken<unsigned char>(poolBytes(r, r.pages));
    if (i != OfPassing) r.pool = std::make_shared<PagePool>(r.pages);
  }
}

std::unique_ptr<KvCache> CudaGeneration::makeCache(CacheType type, std::int32_t positions, bool passing) noexcept {
  const std::size_t region = passing ? OfPassing : type == options_.type ? OfSequences : OfOthers;
  if (type != regions_[region].type) return nullptr;
  return orNothing([&]() -> std::unique_ptr<KvCache> { return std::make_unique<PagedCache>(type, positions, region, regions_[region].pool); });
}

std::vector<std::int32_t> CudaGeneration::withoutRoom(std::span<const CacheRows> sequences) noexcept {
  return orNothing([&] { return lackingRoom(sequences); });
}

std::vector<std::int32_t> CudaGeneration::lackingRoom(std::span<const CacheRows> sequences) const {
  std::vector<std::int32_t> found;
  std::vector<std::size_t> left;
  for (const Region& r : regions_) left.push_back(r.pool ? r.pool->left() : std::numeric_limits<std::size_t>::max());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const PagedCache& cache = paged(*sequences[i].cache);
    const auto lacking = static_cast<std::size_t>(cache.lacking(cache.length() + sequences[i].count));
    if (lacking > left[cache.region()]) found.push_back(static_cast<std::int32_t>(i));
    else left[cache.region()] -= lacking;
  }
  return found;
}

AttentionShape CudaGeneration::shape(std::int32_t layer) const {
  return {spec_.heads, spec_.kvHeads, spec_.headDim, spec_.attentionScale, spec_.attentionSoftcap, spec_.layer(layer).window};
}

void CudaGeneration::begin(const Pass& pass) noexcept {
  device_.check("a pass", [&] { prepare(pass); });
}

void CudaGeneration::prepare(const Pass& pass) {
  pass_ = pass;
  longest_ = 0;
  for (const std::int32_t position : pass.positions) longest_ = std::max(longest_, position + 1);
  copied_.clear();
  spanCount_ = 0;
  region_ = paged(*pass.sequences.front().cache).region();
  for (const CacheRows& s : pass.sequences)
    if (paged(*s.cache).region() != region_) throw std::runtime_error("caches of one pass are of one type");
  if (region_ == OfPassing) lendPages();
  else takePages();
  uploadTables();
}

// For all sequences or, when there are too few, for none.
void CudaGeneration::takePages() {
  std::size_t taken = 0;
  const auto positions = [](const CacheRows& s) { return s.cache->length() + s.count; };
  for (const CacheRows& s : pass_.sequences) {
    PagedCache& cache = paged(*s.cache);
    if (!regions_[region_].pool->take(cache.pages(), static_cast<std::size_t>(cache.lacking(positions(s))))) break;
    ++taken;
  }
  if (taken == pass_.sequences.size()) return;
  for (std::size_t i = 0; i < taken; ++i) paged(*pass_.sequences[i].cache).giveBack(pass_.sequences[i].cache->length());
  throw OutOfMemory("the GPU has no room for the keys and values of more tokens: all " + std::to_string(regions_[region_].pages) + " pages of " +
                    std::to_string(pageRows) + " are taken");
}

// A sequence that goes on from another one shares its full pages, and copies what the last one holds. No more pages than rows are lent.
void CudaGeneration::lendPages() {
  std::int32_t next = 0;
  std::vector<std::int32_t> copies;
  const auto numberOf = [&](const KvCache* cache) {
    return static_cast<std::int32_t>(std::find_if(pass_.sequences.begin(), pass_.sequences.end(), [&](const CacheRows& s) { return s.cache == cache; }) - pass_.sequences.begin());
  };
  for (const CacheRows& s : pass_.sequences) {
    std::vector<std::int32_t>& pages = paged(*s.cache).pages();
    for (const std::int32_t needed = pagesFor(s.cache->length() + s.count); static_cast<std::int32_t>(pages.size()) < needed;) pages.push_back(next++);
    if (s.heirs == nullptr) continue;
    const std::int32_t full = s.count / pageRows, rest = s.count % pageRows;
    for (const auto& heir : *s.heirs) {
      paged(*heir).pages().assign(pages.begin(), pages.begin() + full);
      if (rest == 0) continue;
      copied_.push_back({s.begin + full * pageRows, rest, static_cast<std::int64_t>(copies.size())});
      copies.insert(copies.end(), static_cast<std::size_t>(rest), numberOf(heir.get()));
    }
  }
  if (!copies.empty()) device_.upload<std::int32_t>(copiedSequences_, copies);
}

void CudaGeneration::uploadTables() {
  tableStride_ = pagesFor(longest_);
  std::vector<std::int32_t> table(pass_.sequences.size() * static_cast<std::size_t>(tableStride_)), sequences(pass_.ids.size());
  for (std::size_t i = 0; i < pass_.sequences.size(); ++i) {
    const CacheRows& s = pass_.sequences[i];
    const std::vector<std::int32_t>& pages = paged(*s.cache).pages();
    std::copy_n(pages.begin(), std::min(pages.size(), static_cast<std::size_t>(tableStride_)), table.begin() + static_cast<std::ptrdiff_t>(i) * tableStride_);
    std::fill_n(sequences.begin() + s.begin, s.count, static_cast<std::int32_t>(i));
  }
  // In one copy, which is waited for.
  std::vector<std::int32_t> all(pass_.ids.begin(), pass_.ids.end());
  all.insert(all.end(), pass_.positions.begin(), pass_.positions.end());
  all.insert(all.end(), sequences.begin(), sequences.end());
  all.insert(all.end(), table.begin(), table.end());
  ids_ = device_.upload<std::int32_t>(tables_, all);
  positions_ = ids_ + rows();
  sequences_ = positions_ + rows();
  table_ = sequences_ + rows();
}

KvPages CudaGeneration::pagesOf(std::int32_t layer) const {
  const Region& r = regions_[region_];
  const std::size_t bytes = pageBytes(r.type, spec_.kvHeads, spec_.headDim) * static_cast<std::size_t>(r.pages);
  unsigned char* keys = r.data + 2 * bytes * static_cast<std::size_t>(r.layers == 1 ? 0 : layer);
  return {r.type, spec_.kvHeads, spec_.headDim, keys, keys + bytes, table_, tableStride_};
}

void CudaGeneration::embed(const MatrixView& table, std::int32_t begin, std::int32_t count, float scale, float* x) noexcept {
  float* to = x + static_cast<std::size_t>(begin) * spec_.dModel;
  device_.check("the embedding", [&] { return cuda::embed(table, ids_ + begin, count, scale, {}, DType::F32, to, device_.stream()); });
}

RowsIn CudaGeneration::normalise(const float* x, const float* weight, float* out) noexcept {
  device_.rmsNorm(x, weight, out, inverse_, rows(), spec_.dModel, spec_.normEpsilon);
  return {out};
}

void CudaGeneration::normaliseAdd(float* x, float* added, const float* weight) noexcept {
  device_.rmsNormAdd(added, weight, x, x, inverse_, rows(), spec_.dModel, spec_.normEpsilon);
}

void CudaGeneration::normaliseRows(const float* x, const float* weight, float* out, std::span<const std::int32_t> rows) noexcept {
  const std::int32_t* index = device_.upload(rowNumbers_, rows);
  device_.check("the last norm", [&] { return cuda::rmsNorm(x, DType::F32, weight, nullptr, out, inverse_, static_cast<std::int64_t>(rows.size()), spec_.dModel, spec_.normEpsilon, index, device_.stream()); });
}

void CudaGeneration::multiply(const RowsIn& in, RowCount count, std::span<const RowsOut> products, bool tiled) noexcept {
  for (const RowsOut& p : products) {
    if (tiled) multiplyTiles(in.x, pass_.company ? count.most : count.rows, p);
    else multiplyRow(in.x, count.rows, p);
  }
}

void CudaGeneration::multiplyRow(const float* x, std::int32_t count, const RowsOut& p) {
  const MatrixView& w = p.weights;
  const bool plain = !p.accumulate && p.scale == 1.0f;
  float* y = plain ? p.out : partial_;
  for (std::int32_t first = 0; first < count; first += mostRowsTimesInputs) {
    const std::int32_t some = std::min<std::int32_t>(mostRowsTimesInputs, count - first);
    device_.check("a product", [&] { return rowsTimes(w, x + first * w.columns, some, y + first * w.rows, w.rows, device_.stream()); });
  }
  if (!plain) device_.check("a sum", [&] { return addScaled(p.out, y, p.scale, p.accumulate, count * w.rows, device_.stream()); });
}

// Weights that are not dense go through the scratch, as many of their rows at once as fit.
void CudaGeneration::multiplyTiles(const float* x, std::int32_t rows, const RowsOut& to) {
  const MatrixView& w = to.weights;
  const Precision precision = pass_.bf16 ? Precision::Bf16 : Precision::F32;
  const std::int64_t fit = static_cast<std::int64_t>(decodeBytes_ / (static_cast<std::size_t>(w.columns) * sizeof(float))) / 16 * 16;  // stretches begin on 16 bytes
  const std::int64_t together = isDense(w.type) ? w.rows : std::min(w.rows, fit);
  for (std::int64_t first = 0; first < w.rows; first += together) {
    MatrixView some = w;
    some.data = static_cast<const unsigned char*>(w.data) + static_cast<std::size_t>(first) * w.rowBytes;
    some.rows = std::min(together, w.rows - first);
    Product p;
    p.rows = rows;
    p.columns = static_cast<std::int32_t>(some.rows);
    p.out = to.out + first;
    p.outStride = w.rows;
    p.scale = to.scale;
    p.accumulate = to.accumulate;
    p.addPlain(dense(x, DType::F32, rows, w.columns), false, some, true, static_cast<std::int32_t>(w.columns));
    device_.multiply(p, precision);
  }
}

void CudaGeneration::gated(float* gate, const float* up) noexcept { device_.gated(spec_.activation, gate, up, gate, rows(), spec_.ffn); }
void CudaGeneration::add(float* out, const float* x, std::int64_t count) noexcept { device_.add(out, x, 1, count); }

void CudaGeneration::copy(float* out, const float* x, std::int64_t count) noexcept {
  device_.check("a copy", [&] { return addScaled(out, x, 1.0f, false, count, device_.stream()); });
}

void CudaGeneration::addBias(float* x, const float* bias, std::int32_t rows, std::int32_t columns) noexcept {
  device_.check("a bias", [&] { return cuda::addBias(x, bias, rows, columns, device_.stream()); });
}

void CudaGeneration::stretch(float* out, const float* plain, const float* added, const float* c, std::int32_t rows, std::int32_t columns) noexcept {
  device_.check("DoRA", [&] { return addStretched(out, plain, added, c, rows, columns, device_.stream()); });
}

void CudaGeneration::store(const HeadsOfLayer& h) noexcept {
  const auto prepare = [&](float* x, const float* norm, std::int32_t heads) {
    if (norm == nullptr && h.rotary == nullptr) return;
    const cuda::Heads own{DType::F32, rows(), heads, spec_.headDim, norm, inverse_, spec_.normEpsilon, h.rotary == nullptr ? RotaryTable{} : *h.rotary, positions_};
    device_.check("heads", [&] { return prepareHeads(own, x, x, device_.stream()); });
  };
  prepare(h.q, h.queryNorm, spec_.heads);
  prepare(h.k, h.keyNorm, spec_.kvHeads);
  const KvPages pages = pagesOf(h.layer);
  device_.check("the cache", [&] { return cacheStore(pages, h.k, h.v, DType::F32, rows(), sequences_, positions_, device_.stream()); });
  for (const Copied& c : copied_) {
    const std::int64_t at = static_cast<std::int64_t>(c.row) * spec_.kvWidth();
    device_.check("the cache", [&] {
      return cacheStore(pages, h.k + at, h.v + at, DType::F32, c.count, copiedSequences_.get<std::int32_t>() + c.at, positions_ + c.row, device_.stream());
    });
  }
}

RowsIn CudaGeneration::attend(std::int32_t layer, const float* q, float* out) noexcept {
  if (pass_.tiled && pass_.sequences.size() == 1 && !pass_.company) {
    attendTiles(layer, q, out);
  } else {
    const PagedAttention a{shape(layer), q, out, rows(), sequences_, positions_, longest_, parts_};
    device_.check("attention", [&] { return attendPages(pagesOf(layer), a, DType::F32, device_.stream()); });
  }
  return {out};
}

// The same for every layer of a pass.
void CudaGeneration::planTiles(DType type, std::int32_t before, std::int32_t all) {
  if (spanCount_ > 0) return;
  device_.check("attention", [&] {
    static_cast<void>(device_.stream());  // the device whose limits decide
    const std::int32_t tile = attentionRows(AttentionPass::Forward, spec_.headDim, type);
    std::vector<AttentionSpan> spans;
    for (std::int32_t first = before; first < all; first += tile) spans.push_back({0, all, first});
    std::reverse(spans.begin(), spans.end());  // later ones see more
    device_.upload<AttentionSpan>(spans_, spans);
    spanCount_ = static_cast<std::int64_t>(spans.size());
  });
}

// A prompt in the tiles of training, over keys and values that are put in a row.
void CudaGeneration::attendTiles(std::int32_t layer, const float* q, float* out) {
  const DType type = pass_.bf16 ? DType::BF16 : DType::F32;
  const std::int32_t all = longest_, before = all - rows();
  const std::size_t attention = spec_.attentionWidth();
  const std::int64_t count = static_cast<std::int64_t>(rows()) * static_cast<std::int64_t>(attention);
  planTiles(type, before, all);
  device_.check("the cache", [&] { return cacheLoad(pagesOf(layer), 0, all, keys_, values_, type, device_.stream()); });
  const void* queries = q;
  void* outputs = out;
  if (type == DType::BF16) {
    device_.check("a conversion", [&] { return cuda::narrow(q, queries_, type, count, device_.stream()); });
    queries = queries_;
    outputs = outputs_;
  }
  // The kernel counts rows from the sequence's first token.
  const auto fromFirst = [&](const void* at, std::size_t rowBytes) { return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(at) - static_cast<std::size_t>(before) * rowBytes); };
  const std::size_t rowBytes = attention * bytesOf(type);
  const AttentionForward a{shape(layer), fromFirst(queries, rowBytes), keys_, values_, fromFirst(outputs, rowBytes),
                           static_cast<float*>(fromFirst(logSumExp_, sizeof(float) * static_cast<std::size_t>(spec_.heads)))};
  device_.check("attention", [&] { return attentionForward(a, type, spans_.get<AttentionSpan>(), spanCount_, device_.stream()); });
  if (type == DType::BF16) device_.check("a conversion", [&] { return cuda::widen(outputs_, type, out, count, device_.stream()); });
}

void CudaGeneration::softcap(float* logits, std::int64_t count, float cap) noexcept {
  device_.check("a soft cap", [&] { return cuda::softcap(logits, count, cap, device_.stream()); });
}

void CudaGeneration::foretell(const float* logits, std::span<const Foretold> foretold, float* logs, std::uint8_t* likeliest) noexcept {
  if (foretold.empty()) return;
  const Foretold* asked = device_.upload(foretold_, foretold);
  auto* ownLogs = device_.room<float>(logs_, foretold.size());
  auto* ownLikeliest = device_.room<std::uint8_t>(likeliest_, foretold.size());
  device_.check("scores", [&] { return cuda::foretell(logits, spec_.vocabulary, asked, static_cast<std::int64_t>(foretold.size()), ownLogs, ownLikeliest, device_.stream()); });
  device_.copyOut(logs, ownLogs, foretold.size() * sizeof(float));
  device_.copyOut(likeliest, ownLikeliest, foretold.size());
}

void CudaGeneration::addSums(const float* x, std::int32_t rows, std::int64_t columns, bool squares, double* sums) noexcept {
  auto* own = device_.room<double>(doubles_, static_cast<std::size_t>(columns));
  device_.check("sums", [&] { return sumRows(x, rows, columns, squares, own, device_.stream()); });
  const std::vector<double> found = copied(own, columns);
  for (std::size_t i = 0; i < found.size(); ++i) sums[i] += found[i];
}

void CudaGeneration::addCosines(const float* a, const float* b, std::int32_t rows, std::int64_t columns, double& sum) noexcept {
  auto* own = device_.room<double>(doubles_, static_cast<std::size_t>(rows));
  device_.check("sums", [&] { return cosines(a, b, rows, columns, own, device_.stream()); });
  for (const double cosine : copied(own, rows)) sum += cosine;
}

// Empty where the device has failed.
std::vector<double> CudaGeneration::copied(const double* from, std::int64_t count) {
  std::vector<double> found;
  device_.check("sums", [&] {
    found.resize(static_cast<std::size_t>(count));
    return device_.runtime().copyOut(found.data(), from, found.size() * sizeof(double));
  });
  if (device_.failure() != nullptr) found.clear();
  return found;
}

void CudaGeneration::adaptedNorms(const AdaptedWeight& adapted, float* norms) noexcept {
  const auto outputs = static_cast<std::size_t>(adapted.weight.rows), scratch = normScratch(adapted.weight.rows, adapted.a.rows);
  Buffer buffer(device_.runtime());
  auto* squares = device_.room<float>(buffer, 2 * outputs + scratch);
  if (squares == nullptr) return;
  float* own = squares + outputs;
  device_.rowSquares(adapted.weight, squares);
  device_.adaptedNorms(adapted, squares, own, own + outputs);
  device_.copyOut(norms, own, outputs * sizeof(float));
}

}  // namespace qt::cuda
