#include "cuda_device.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "../kernels/adafactor.hpp"
#include "../kernels/columns.hpp"
#include "../kernels/decode.hpp"
#include "../kernels/dropout.hpp"
#include "../kernels/elementwise.hpp"
#include "../kernels/embedding.hpp"
#include "../kernels/heads.hpp"
#include "../kernels/loss.hpp"
#include "../kernels/magnitude.hpp"
#include "../kernels/muon.hpp"
#include "../kernels/norm.hpp"
#include "../kernels/optimizers.hpp"
#include "../kernels/rotary.hpp"
#include "memory.hpp"
#include "product.hpp"
#include "threads.hpp"
#include "train/magnitude.hpp"
#include "train/principal.hpp"
#include "train/tensors.hpp"

namespace qt::cuda {
namespace {

// Columns that q, k and v, or gate and up, have together: what one product may have to decode.
std::int64_t mostDecoded(const ModelSpec& s) {
  const auto elements = [&](std::initializer_list<int> projections) {
    std::int64_t sum = 0;
    for (const int p : projections) sum += static_cast<std::int64_t>(projectionShape(s, p).rows) * projectionShape(s, p).columns;
    return sum;
  };
  return std::max({elements({Query, Key, Value}), elements({AttentionOut}), elements({Gate, Up}), elements({Down}),
                   static_cast<std::int64_t>(s.vocabulary) * s.dModel});
}

constexpr std::size_t mostGraphs = 1024;   // of several sizes of batches, each for every block
constexpr std::size_t placeStep = 256;     // what tables begin at multiples of
constexpr std::size_t squaresFront = 16;   // of the gradient's length lies before what it is made of
constexpr AttentionPass passes[] = {AttentionPass::Forward, AttentionPass::Query, AttentionPass::Key};

std::set<std::int32_t> windowsOf(const ModelSpec& spec) {
  std::set<std::int32_t> windows;
  for (int l = 0; l < spec.layers; ++l) windows.insert(spec.layer(l).window);
  return windows;
}

// Of a list of attention's tiles: documents of one token have one each.
std::size_t spanBytes(const TrainerOptions& o) { return static_cast<std::size_t>(o.maxTokens) * sizeof(AttentionSpan); }

bool isDense(TensorType type) { return type == TensorType::F32 || type == TensorType::BF16; }

}  // namespace

std::size_t CudaNeeds::scratch(const ModelSpec& spec, std::int64_t) const {
  return roundUpBytes(static_cast<std::size_t>(mostDecoded(spec)) * bytesOf(precision_), 256) + productRoom();
}

CudaDevice::CudaDevice(int index, DType precision, Products products)
    : precision_(precision),
      needs_(precision),
      runtime_(index),
      ids_(runtime_),
      positions_(runtime_),
      lengths_(runtime_),
      labels_(runtime_),
      weights_(runtime_),
      carrying_(runtime_),
      losses_(runtime_),
      correct_(runtime_),
      order_(runtime_),
      begins_(runtime_),
      sums_(runtime_),
      partials_(runtime_),
      norm_(runtime_) {
  check("opening it", runtime_.opened());
  if (!failure_.empty() || products == Products::Own) return;
  cublasLt_ = CublasLtProducts::open(runtime_);
  productRoom_ = productRoom();
}

CudaDevice::~CudaDevice() {
  for (void* p : owned_) runtime_.release(p);
  for (void* p : ownedBeside_) runtime_.releaseHost(p);
}

// The first failure is kept: those after it follow from it.
void CudaDevice::check(const char* what, Status status) {
  if (status == Status::Ok || !failure_.empty()) return;
  outOfMemory_ = status == Status::OutOfMemory;
  // Asked for in any case: an error that nobody read would be taken for that of the next launch.
  const char* reason = runtime_.reason();
  failure_ = std::string("the GPU failed at ") + what + ": " +
             (status == Status::BadShape ? "it has no kernel for these sizes" : outOfMemory_ ? "it has no memory left" : reason);
}

bool CudaDevice::recover() {
  if (outOfMemory_) failure_.clear();
  graphs_.clear();
  return std::exchange(outOfMemory_, false);
}

DeviceLinks* CudaDevice::links() {
  if (const NcclLibrary* nccl = ncclLibrary(); nccl != nullptr && links_ == nullptr) links_ = std::make_unique<NcclLinks>(*nccl, runtime_);
  return links_.get();
}

unsigned char* CudaDevice::allocate(std::size_t bytes) {
  void* p = runtime_.allocate(bytes);
  if (p != nullptr) owned_.push_back(p);
  return static_cast<unsigned char*>(p);
}

void CudaDevice::reserve(std::size_t bytes) {
  reserved_ = allocate(bytes);
  reservedBytes_ = reserved_ == nullptr ? 0 : bytes;
}

const void* CudaDevice::resident(const void* callers, std::size_t bytes) {
  const std::size_t step = roundUpBytes(bytes, residentStep);
  unsigned char* copy = step <= reservedBytes_ ? reserved_ : allocate(bytes);
  if (copy == reserved_ && copy != nullptr) {
    reserved_ += step;
    reservedBytes_ -= step;
  }
  if (copy == nullptr) check("finding memory for the base", Status::OutOfMemory);
  else copyIn(copy, callers, bytes);
  return copy;
}

void CudaDevice::useScratch(unsigned char* scratch, std::size_t bytes) {
  if (bytes < productRoom_) throw std::logic_error("the scratch is smaller than products need");
  scratch_ = scratch;
  scratchBytes_ = bytes;
}

unsigned char* CudaDevice::allocateBeside(std::size_t bytes) {
  void* p = runtime_.allocateHost(bytes);
  if (p != nullptr) ownedBeside_.push_back(p);
  return static_cast<unsigned char*>(p);
}

void CudaDevice::copyBeside(int place, void* to, const void* from, std::size_t bytes) {
  check("a copy beside the step", [&] { return runtime_.copyBeside(place, to, from, bytes); });
}

void CudaDevice::awaitCopy(int place) {
  check("a copy beside the step", [&] { return runtime_.awaitCopy(place); });
}

std::vector<CudaDevice::Table> CudaDevice::tablesOf(const ModelSpec& spec, const TrainerOptions& o) {
  const auto tokens = static_cast<std::size_t>(o.maxTokens);
  const std::int64_t rows = o.maxTokens;
  const TrainedLayout trained(spec, o);
  std::int64_t sums = 0;
  if (o.full) {
    sums = mostColumnScratch(rows, std::max({spec.dModel, spec.attentionWidth(), spec.kvWidth()}));
    if (spec.queryKeyNorms) sums = std::max(sums, mostColumnScratch(rows * std::max(spec.heads, spec.kvHeads), spec.headDim));
  }
  for (const auto& block : o.adapters)
    for (int p = 0; p < projectionCount; ++p)
      if (const std::int64_t columns = projectionShape(spec, p).rows; block[p].rank > 0 && block[p].magnitude)
        sums = std::max(sums, mostColumnScratch(rows, columns) + columns);
  const std::size_t ofTokens = o.full || o.trainEmbedding ? tokens : 0;
  return {{&CudaDevice::ids_, tokens * sizeof(std::int32_t)},
          {&CudaDevice::positions_, tokens * sizeof(std::int32_t)},
          {&CudaDevice::lengths_, tokens * sizeof(std::int32_t)},
          {&CudaDevice::labels_, tokens * sizeof(std::int32_t)},
          {&CudaDevice::weights_, tokens * sizeof(float)},
          {&CudaDevice::carrying_, tokens * sizeof(std::int32_t)},
          {&CudaDevice::losses_, tokens * sizeof(float)},
          {&CudaDevice::correct_, tokens},
          {&CudaDevice::order_, ofTokens * sizeof(std::int32_t)},
          {&CudaDevice::begins_, (ofTokens + 1) * sizeof(std::int32_t)},
          {&CudaDevice::sums_, static_cast<std::size_t>(sums) * sizeof(float)},
          {&CudaDevice::partials_, squaresFront + squaresWorkspace(static_cast<std::int64_t>(trained.count))},
          {&CudaDevice::norm_, sizeof(GradientNorm)}};
}

std::size_t CudaNeeds::tables(const ModelSpec& spec, const TrainerOptions& o) const {
  std::size_t bytes = 0;
  for (const CudaDevice::Table& table : CudaDevice::tablesOf(spec, o)) bytes += roundUpBytes(table.bytes, placeStep);
  return bytes + std::size(passes) * windowsOf(spec).size() * roundUpBytes(spanBytes(o), placeStep);
}

std::size_t CudaNeeds::optimiserRoom(OptimizerKind kind, const TensorShape& shape) const {
  if (kind == OptimizerKind::Muon && shape.hidden) return muonWorkspace(shape.rows, shape.columns);
  return kind == OptimizerKind::Adafactor ? adafactorWorkspace(shape.rows, shape.columns) : 0;
}

void CudaDevice::useTables(const ModelSpec& spec, const TrainerOptions& o, unsigned char* at) {
  const auto give = [&](Buffer& buffer, std::size_t bytes) {
    buffer.use(at, bytes);
    at += roundUpBytes(bytes, placeStep);
  };
  for (const Table& table : tablesOf(spec, o)) give(this->*table.buffer, table.bytes);
  for (const AttentionPass pass : passes)
    for (const std::int32_t window : windowsOf(spec)) {
      Spans& s = spans_.try_emplace({pass, window}, runtime_).first->second;
      s.rows = tileRows(pass, spec.headDim);
      give(s.list, spanBytes(o));
    }
}

template <class T>
const T* CudaDevice::upload(Buffer& buffer, std::span<const T> callers) {
  T* to = buffer.room<T>(callers.size());
  if (to == nullptr) check("finding memory for a batch", Status::OutOfMemory);
  else copyIn(to, callers.data(), callers.size_bytes());
  return to;
}

void CudaDevice::begin(const Batch& batch, std::int32_t) {
  batch_ = batch;
  const auto count = static_cast<std::size_t>(batch.tokens);
  std::vector<std::int32_t> positions(count), lengths(count);
  for (int d = 0; d < batch.documents; ++d)
    for (std::int32_t i = batch.borders[d]; i < batch.borders[d + 1]; ++i) {
      positions[i] = i - batch.borders[d];
      lengths[i] = batch.borders[d + 1] - batch.borders[d];
    }
  upload(ids_, std::span(batch.ids, count));
  upload<std::int32_t>(positions_, positions);
  upload<std::int32_t>(lengths_, lengths);
  borders_.assign(batch.borders, batch.borders + batch.documents + 1);
  for (auto& [key, spans] : spans_) spans.planned = false;
}

const CudaDevice::Spans& CudaDevice::spans(AttentionPass pass, const AttentionShape& shape) {
  Spans& s = spans_.try_emplace({pass, shape.window}, runtime_).first->second;
  if (s.planned) return s;
  s.rows = tileRows(pass, shape.headDim);
  plan(pass, shape.window, s);
  return s;
}

int CudaDevice::tileRows(AttentionPass pass, std::int32_t headDim) const {
  static_cast<void>(runtime_.stream());  // the device whose limits decide
  return attentionRows(pass, headDim, precision_);
}

void CudaDevice::plan(AttentionPass pass, std::int32_t window, Spans& s) {
  const std::vector<AttentionSpan> list = planAttention(pass, borders_.data(), static_cast<int>(borders_.size()) - 1, s.rows, window);
  upload<AttentionSpan>(s.list, list);
  s.count = static_cast<std::int64_t>(list.size());
  s.planned = true;
}

// Work is captured when it is met again, so that batches of ever new sizes cost nothing; then it is one launch.
void CudaDevice::repeated(int stretch, const std::function<void()>& work) {
  if (!capturable_) return work();
  Sizes sizes{stretch, batch_.tokens};
  for (auto& [key, s] : spans_) {
    if (!s.planned && s.rows > 0) plan(key.first, key.second, s);
    sizes.push_back(s.count);
  }
  if (graphs_.size() >= mostGraphs && !graphs_.contains(sizes)) graphs_.clear();
  const auto [found, isNew] = graphs_.try_emplace(std::move(sizes));
  if (isNew || !failure_.empty()) return work();
  if (found->second == nullptr) {
    check("capturing work", [&] { return runtime_.beginCapture(); });
    work();
    auto graph = runtime_.endCapture();
    // Half of the work is none.
    if (!failure_.empty()) return;
    capturable_ = graph != nullptr;
    if (!capturable_) return work();
    found->second = std::move(graph);
  } else ++replays_;
  check("work that was captured", [&] { return runtime_.replay(*found->second); });
}

// Weights in blocks are decoded one after the other into the scratch; the product then reads them as dense matrices. Float32 ones are narrowed,
// too, for products of bfloat16 that would read them often: cuBLASLt takes no others, and our own tiles fetch no others ahead.
void CudaDevice::multiply(Product& p, Precision precision) {
  constexpr std::int32_t oftenRead = 256, deep = 128;  // rows that read a weight, and numbers of a term that is worth a launch
  const DType as = precision == Precision::Bf16 ? DType::BF16 : DType::F32;
  const auto bytesOfRight = [as](const MatrixView& m) { return roundUpBytes(static_cast<std::size_t>(m.rows * m.columns) * bytesOf(as), 256); };
  unsigned char* room = decodeRoom();
  const auto left = static_cast<std::size_t>(scratch_ + scratchBytes_ - room);
  bool byCublasLt = precision == Precision::Bf16 && cublasLt_ != nullptr && cublasLt_->wants(p), narrows = precision == Precision::Bf16;
  const auto moves = [&](const ProductTerm& t) {
    if (!isDense(t.right.type)) return true;
    if (t.right.type != TensorType::F32 || !narrows) return false;
    if (byCublasLt) return cublasLt_->isLarge(t);
    return p.rows >= oftenRead && t.depth >= deep && p.columns >= deep && t.right.rowBytes == static_cast<std::size_t>(t.right.columns) * sizeof(float) &&
           reinterpret_cast<std::uintptr_t>(t.right.data) % 16 == 0;
  };
  const auto bytes = [&] {
    std::size_t sum = 0;
    for (int t = 0; t < p.termCount; ++t) sum += moves(p.terms[t]) ? bytesOfRight(p.terms[t].right) : 0;
    return sum;
  };
  if (bytes() > left) byCublasLt = narrows = false;
  for (int t = 0; t < p.termCount; ++t) {
    if (!moves(p.terms[t])) continue;
    MatrixView& right = p.terms[t].right;
    const std::size_t taken = bytesOfRight(right);
    if (taken > static_cast<std::size_t>(scratch_ + scratchBytes_ - room)) return check("a product", Status::BadShape);
    check("decoding weights", [&] { return cuda::decode(right, 0, right.rows, as, room, runtime_.stream()); });
    right = dense(room, as, right.rows, right.columns);
    room += taken;
  }
  check("a product", [&] { return byCublasLt ? cublasLt_->multiply(p, scratch_, runtime_.stream()) : product(p, precision, scratch_, runtime_.stream()); });
}

void CudaDevice::rmsNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon) {
  check("a norm", [&] { return cuda::rmsNorm(x, precision_, weight, nullptr, out, inverse, rows, columns, epsilon, nullptr, runtime_.stream()); });
}

void CudaDevice::rmsNormApply(const void* x, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns) {
  check("a norm", [&] { return cuda::rmsNormApply(x, precision_, weight, out, inverse, rows, columns, runtime_.stream()); });
}

void CudaDevice::rmsNormAdd(const void* x, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns,
                            float epsilon) {
  check("a norm", [&] { return cuda::rmsNorm(x, precision_, weight, residual, out, inverse, rows, columns, epsilon, nullptr, runtime_.stream()); });
}

void CudaDevice::rmsNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows,
                                 std::int64_t columns) {
  check("a norm's gradient", [&] { return cuda::rmsNormBackward(x, precision_, weight, inverse, dy, dx, rows, columns, nullptr, runtime_.stream()); });
}

void CudaDevice::rmsNormBackwardInPlace(const void* x, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns) {
  check("a norm's gradient", [&] { return cuda::rmsNormBackwardInPlace(x, precision_, weight, inverse, dy, rows, columns, runtime_.stream()); });
}

void CudaDevice::rmsNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns) {
  float* room = columnRoom(rows, columns);
  check("a norm's gradient", [&] { return cuda::rmsNormWeightGrad(x, precision_, inverse, dy, dWeight, rows, columns, nullptr, room, runtime_.stream()); });
}

float* CudaDevice::columnRoom(std::int64_t rows, std::int64_t columns) {
  float* room = sums_.room<float>(static_cast<std::size_t>(columnScratch(rows, columns)));
  if (room == nullptr) check("finding memory for sums", Status::OutOfMemory);
  return room;
}

void CudaDevice::prepareHeads(std::span<const RawHeads> heads, std::int32_t headDim, const RotaryTable* rotary, float epsilon) {
  for (const RawHeads& h : heads) {
    const cuda::Heads own{precision_, batch_.tokens, h.to.heads, headDim, h.norm, h.inverse, epsilon, rotary == nullptr ? RotaryTable{} : *rotary,
                          positions_.get<std::int32_t>()};
    if (h.norm != nullptr || rotary != nullptr)
      check("heads", [&] { return cuda::prepareHeads(own, h.norm == nullptr ? h.to.data : h.raw, h.to.data, runtime_.stream()); });
  }
}

void CudaDevice::rotateBack(std::span<const qt::Heads> heads, std::int32_t headDim, const RotaryTable& rotary) {
  for (const qt::Heads& h : heads)
    check("rotation", [&] { return rotate(h.data, precision_, positions_.get<std::int32_t>(), batch_.tokens, h.heads, headDim, rotary, -1.0f, runtime_.stream()); });
}

void CudaDevice::attention(const AttentionForward& a) {
  const Spans& s = spans(AttentionPass::Forward, a.shape);
  check("attention", [&] { return attentionForward(a, precision_, s.list.get<AttentionSpan>(), s.count, runtime_.stream()); });
}

void CudaDevice::attentionBackward(const AttentionBackward& a) {
  check("attention backward", [&] { return attentionDelta(a, precision_, batch_.tokens, runtime_.stream()); });
  const Spans& query = spans(AttentionPass::Query, a.shape);
  check("attention backward", [&] { return attentionBackwardQuery(a, precision_, query.list.get<AttentionSpan>(), query.count, runtime_.stream()); });
  const Spans& key = spans(AttentionPass::Key, a.shape);
  check("attention backward", [&] { return attentionBackwardKey(a, precision_, key.list.get<AttentionSpan>(), key.count, runtime_.stream()); });
}

void CudaDevice::gated(Activation activation, const void* gate, const void* up, void* out, std::int64_t rows, std::int64_t columns) {
  const auto one = activation == Activation::Gelu ? geglu : swiglu;
  check("the feed-forward's gate", [&] { return one(gate, up, out, precision_, rows * columns, runtime_.stream()); });
}

void CudaDevice::gatedBackward(const GatedBackward& g, std::int64_t rows, std::int64_t columns) {
  const auto one = g.activation == Activation::Gelu ? gegluBackward : swigluBackward;
  check("the gradient of the feed-forward's gate", [&] { return one(g.gate, g.up, g.dOut, g.dGate, g.dUp, precision_, rows * columns, runtime_.stream()); });
}

void CudaDevice::narrow(const float* x, void* out, std::int64_t rows, std::int64_t columns) {
  check("a conversion", [&] { return cuda::narrow(x, out, precision_, rows * columns, runtime_.stream()); });
}

void CudaDevice::add(void* out, const void* x, std::int64_t rows, std::int64_t columns) {
  check("a sum", [&] { return cuda::add(out, x, precision_, rows * columns, runtime_.stream()); });
}

void CudaDevice::columnSums(const void* x, float* sums, std::int64_t rows, std::int64_t columns) {
  float* room = columnRoom(rows, columns);
  check("a bias' gradient", [&] { return cuda::columnSums(x, precision_, sums, rows, columns, room, runtime_.stream()); });
}

void CudaDevice::beginLoss(std::span<const std::int32_t> carrying) {
  const auto count = static_cast<std::size_t>(batch_.tokens);
  upload(carrying_, carrying);
  upload(labels_, std::span(batch_.labels, count));
  if (batch_.weights != nullptr) upload(weights_, std::span(batch_.weights, count));
  if (losses_.room<float>(carrying.size()) == nullptr || correct_.room<unsigned char>(carrying.size()) == nullptr)
    check("finding memory for losses", Status::OutOfMemory);
}

void CudaDevice::lossNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t first, std::int64_t rows, std::int64_t columns,
                          float epsilon) {
  check("the last norm", [&] { return cuda::rmsNorm(x, precision_, weight, nullptr, out, inverse, rows, columns, epsilon, carrying_.get<std::int32_t>() + first,
                                       runtime_.stream()); });
}

LeftSide CudaDevice::crossEntropy(const LossChunk& c) {
  const CrossEntropy call{c.logits,
                          c.rows,
                          c.vocabulary,
                          carrying_.get<std::int32_t>() + c.first,
                          labels_.get<std::int32_t>(),
                          batch_.weights == nullptr ? nullptr : weights_.get<float>(),
                          c.weight,
                          c.smoothing,
                          c.softcap,
                          c.gradient,
                          precision_,
                          losses_.get<float>() + c.first,
                          correct_.get<unsigned char>() + c.first};
  check("the loss", [&] { return cuda::crossEntropy(call, runtime_.stream()); });
  MatrixView gradient = dense(c.logits, precision_, c.rows, c.vocabulary);
  gradient.rowBytes = static_cast<std::size_t>(c.vocabulary) * sizeof(float);
  return {gradient, false, nullptr};
}

void CudaDevice::lossNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t first, std::int64_t rows,
                                  std::int64_t columns) {
  check("the last norm's gradient", [&] { return cuda::rmsNormBackward(x, precision_, weight, inverse, dy, dx, rows, columns, carrying_.get<std::int32_t>() + first,
                                                          runtime_.stream()); });
}

void CudaDevice::lossNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t first, std::int64_t rows,
                                    std::int64_t columns) {
  float* room = columnRoom(rows, columns);
  const std::int32_t* index = carrying_.get<std::int32_t>() + first;
  check("the last norm's gradient", [&] { return cuda::rmsNormWeightGrad(x, precision_, inverse, dy, dWeight, rows, columns, index, room, runtime_.stream()); });
}

void CudaDevice::endLoss(std::span<float> losses, std::span<unsigned char> correct) {
  copyOut(losses.data(), losses_.get<float>(), losses.size_bytes());
  copyOut(correct.data(), correct_.get<unsigned char>(), correct.size());
}

void CudaDevice::embed(const MatrixView& table, void* out, float scale, const qt::EmbeddingNoise& noise) {
  constexpr std::uint32_t purpose = 6;  // core's purposes.noise
  const cuda::EmbeddingNoise own{noise.alpha, lengths_.get<std::int32_t>(), noise.seed, noise.micro, purpose};
  check("the embedding", [&] { return cuda::embed(table, ids_.get<std::int32_t>(), batch_.tokens, scale, own, precision_, out, runtime_.stream()); });
}

void CudaDevice::embeddingGradient(const float* dx, float* to, std::int64_t columns, float scale) {
  const auto tokens = static_cast<std::size_t>(batch_.tokens);
  std::vector<std::int32_t> order(tokens), begins(tokens + 1);
  const std::int64_t distinct = orderTokens(batch_.ids, batch_.tokens, order.data(), begins.data());
  upload<std::int32_t>(order_, order);
  upload<std::int32_t>(begins_, begins);
  check("the embedding's gradient", [&] { return cuda::embeddingGradient(dx, ids_.get<std::int32_t>(), order_.get<std::int32_t>(), begins_.get<std::int32_t>(), distinct,
                                                            columns, scale, to, runtime_.stream()); });
}

void CudaDevice::dropout(const void* x, void* out, std::int64_t rows, std::int64_t columns, const Dropout& o) {
  check("dropout", [&] { return cuda::dropout(x, out, precision_, rows, columns, o.p, o.seed, o.micro, o.purpose, o.first, runtime_.stream()); });
}

// The caller's rows go through the scratch, as many at once as fit.
void CudaDevice::decode(const MatrixView& callers, float* to) {
  const auto together = std::max<std::int64_t>(1, static_cast<std::int64_t>((scratchBytes_ - productRoom_) / callers.rowBytes));
  for (std::int64_t row = 0; row < callers.rows; row += together) {
    const std::int64_t count = std::min(together, callers.rows - row);
    copyIn(decodeRoom(), static_cast<const unsigned char*>(callers.data) + row * callers.rowBytes, static_cast<std::size_t>(count) * callers.rowBytes);
    const MatrixView rows{decodeRoom(), callers.type, count, callers.columns, callers.rowBytes};
    check("decoding weights", [&] { return cuda::decode(rows, 0, count, DType::F32, to + row * callers.columns, runtime_.stream()); });
  }
}

// Calls body(rows, first): the weight in float32, in stretches of rows that fit into the scratch.
template <class Body>
void CudaDevice::overDecoded(const MatrixView& weight, const Body& body) {
  const std::size_t rowBytes = static_cast<std::size_t>(weight.columns) * sizeof(float);
  const auto together = std::max<std::int64_t>(1, static_cast<std::int64_t>((scratchBytes_ - productRoom_) / rowBytes));
  for (std::int64_t row = 0; row < weight.rows; row += together) {
    const std::int64_t count = std::min(together, weight.rows - row);
    check("decoding weights", [&] { return cuda::decode(weight, row, row + count, DType::F32, decodeRoom(), runtime_.stream()); });
    body(dense(decodeRoom(), DType::F32, count, weight.columns), row);
  }
}

void CudaDevice::rowSquares(const MatrixView& weight, float* squares) {
  overDecoded(weight, [&](const MatrixView& rows, std::int64_t first) {
    check("lengths of rows", [&] { return cuda::rowSquares(static_cast<const float*>(rows.data), squares + first, rows.rows, rows.columns, runtime_.stream()); });
  });
}

void CudaDevice::adaptedNorms(const AdaptedWeight& adapted, const float* squares, float* norms, float* scratch) {
  const auto& [weight, a, b, scale] = adapted;
  const std::int64_t outputs = weight.rows, rank = a.rows;
  float* cross = scratch;                  // A·Wᵀ [rank, outputs]
  float* gram = scratch + rank * outputs;  // A·Aᵀ [rank, rank]
  const auto times = [&](const MatrixView& right, float* out, std::int64_t stride) {
    Product p;
    p.rows = static_cast<std::int32_t>(rank);
    p.columns = static_cast<std::int32_t>(right.rows);
    p.out = out;
    p.outStride = stride;
    p.addPlain(a, false, right, true, static_cast<std::int32_t>(a.columns));
    check("lengths of rows", [&] { return product(p, Precision::F32, scratch_, runtime_.stream()); });
  };
  overDecoded(weight, [&](const MatrixView& rows, std::int64_t first) { times(rows, cross + first, outputs); });
  times(a, gram, rank);
  const AdaptedRows rows{static_cast<const float*>(b.data), cross, gram, squares, outputs, rank, scale};
  check("lengths of rows", [&] { return cuda::adaptedNorms(rows, norms, runtime_.stream()); });
}

void CudaDevice::normsToScales(float* norms, const float* magnitude, std::int64_t count) {
  check("DoRA's scales", [&] { return cuda::normsToScales(norms, magnitude, count, runtime_.stream()); });
}

void CudaDevice::magnitudeGradients(const MatrixView& dy, const void* y, void* dz, const Magnitudes& m) {
  const std::int64_t columns = dy.columns;
  // The sums lie behind the scratch that they are made in.
  float* scratch = sums_.room<float>(static_cast<std::size_t>(columnScratch(dy.rows, columns) + columns));
  if (scratch == nullptr) return check("finding memory for sums", Status::OutOfMemory);
  float* sums = scratch + columnScratch(dy.rows, columns);
  zero(sums, sizeof(float) * static_cast<std::size_t>(columns));
  const DType dyType = dy.type == TensorType::F32 ? DType::F32 : DType::BF16;
  check("DoRA's gradients", [&] { return scaleBackward(dy.data, dyType, y, precision_, m.bias, m.scale, dz, sums, dy.rows, columns, scratch, runtime_.stream()); });
  check("DoRA's gradients", [&] { return magnitudeGradient(sums, m.magnitude, m.gradient, columns, runtime_.stream()); });
}

// Once a run, and small beside it: the weight is decoded here, the processor finds its directions.
bool CudaDevice::principal(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort) {
  std::vector<float> decoded(static_cast<std::size_t>(weight.rows * weight.columns));
  overDecoded(weight, [&](const MatrixView& rows, std::int64_t first) {
    copyOut(decoded.data() + first * weight.columns, rows.data, static_cast<std::size_t>(rows.rows * rows.columns) * sizeof(float));
  });
  ThreadPool pool(availableProcessors());
  const KernelTable& host = kernels();
  std::vector<unsigned char> scratch(mostProductScratch(std::max(weight.rows, weight.columns), 1 << 20, host) * pool.threads() + 64);
  auto* aligned = reinterpret_cast<unsigned char*>(roundUpBytes(reinterpret_cast<std::uintptr_t>(scratch.data())));
  const ProductContext products{&host, &pool, false, aligned, (scratch.size() - 64) / pool.threads() / 64 * 64};
  return principalFactors(products, dense(decoded.data(), DType::F32, weight.rows, weight.columns), out, seed, stream, abort);
}

double CudaDevice::sumOfSquares(const float* x, std::int64_t count) {
  auto* partials = partials_.room<unsigned char>(squaresFront + squaresWorkspace(count));
  double sum = 0;
  if (partials == nullptr) check("finding memory for the gradient's length", Status::OutOfMemory);
  else check("the gradient's length", [&] { return cuda::sumOfSquares(x, count, partials + squaresFront, reinterpret_cast<double*>(partials), runtime_.stream()); });
  if (partials != nullptr) copyOut(&sum, partials, sizeof sum);
  return sum;
}

// What the optimisers' kernels read of clipping; the caller has seen to it that the gradient is finite.
const GradientNorm* CudaDevice::normFor(float gradScale) {
  const GradientNorm host{1.0, gradScale, 1};
  if (gradScale != gradScale_) upload(norm_, std::span(&host, 1));
  gradScale_ = gradScale;
  return norm_.get<GradientNorm>();
}

void CudaDevice::optimise(OptimizerKind kind, const OptimizedTensor& t, const OptimizerStep& o, float* room) {
  const AdamStep step = adamStep(o);
  const std::int64_t count = t.shape.size();
  const GradientNorm* norm = normFor(o.gradScale);
  const Stream stream = runtime_.stream();
  // Small tensors, and those that Muon leaves alone, are AdamW's: their state says so.
  const StateArray& first = t.arrays->front();
  const bool plain = first.type == StateType::F32 && std::string_view(first.name) == "first_moment";
  const auto status = [&] {
    if (kind == OptimizerKind::Sgd)
      return sgd(t.parameter, t.gradient, t.array<float>(0), count, o.learningRate, o.beta1, o.weightDecay, norm, stream);
    if (plain) return adamw(t.parameter, t.gradient, t.array<float>(0), t.array<float>(1), count, step, norm, stream);
    const auto [rows, columns, hidden] = t.shape;
    if (kind == OptimizerKind::Adafactor) {
      float* columnSquares = rows > 1 && columns > 1 ? t.array<float>(1) : nullptr;
      return adafactor(t.parameter, t.gradient, t.array<float>(0), columnSquares, rows, columns, o.learningRate, o.weightDecay, o.step, norm, room, stream);
    }
    if (kind == OptimizerKind::Muon) {
      return muon(t.parameter, t.gradient, t.array<float>(0), rows, columns, o.learningRate, o.beta1, o.weightDecay, norm, room, stream);
    }
    const Moments8bit moments{t.array<std::uint8_t>(0), t.array<std::uint8_t>(1), t.array<float>(2), t.array<float>(3)};
    return adamw8bit(t.parameter, t.gradient, moments, count, step, {signedCodes(), unsignedCodes()}, norm, stream);
  };
  check("the optimiser's step", status);
}

void CudaDevice::follow(float* average, const float* parameter, std::int64_t count, float decay) {
  check("the moving average", [&] { return movingAverage(average, parameter, count, decay, nullptr, runtime_.stream()); });
}

}  // namespace qt::cuda
