#include "cuda_device.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "../kernels/adafactor.hpp"
#include "../kernels/columns.hpp"
#include "../kernels/muon.hpp"
#include "memory.hpp"
#include "or_nothing.hpp"
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

constexpr std::size_t tooMuch = std::size_t{1} << 60;  // what is planned where the plan itself found no memory: it does not fit
constexpr std::size_t placeStep = 256;  // what tables begin at multiples of
constexpr AttentionPass passes[] = {AttentionPass::Forward, AttentionPass::Query, AttentionPass::Key};

std::set<std::int32_t> windowsOf(const ModelSpec& spec) {
  std::set<std::int32_t> windows;
  for (int l = 0; l < spec.layers; ++l) windows.insert(spec.layer(l).window);
  return windows;
}

// Of a list of attention's tiles: documents of one token have one each.
std::size_t spanBytes(const TrainerOptions& o) { return static_cast<std::size_t>(o.maxTokens) * sizeof(AttentionSpan); }

}  // namespace

std::size_t CudaNeeds::scratch(const ModelSpec& spec, std::int64_t) const noexcept {
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
      norm_(runtime_),
      captured_(runtime_) {
  check("opening it", runtime_.opened());
  if (!failure_.empty() || products == Products::Own) return;
  cublasLt_ = CublasLtProducts::open(runtime_);
  productRoom_ = productRoom();
}

CudaDevice::~CudaDevice() {
  for (const Owned& one : owned_) runtime_.release(one.place);
  for (void* p : ownedBeside_) runtime_.releaseHost(p);
}

// The first failure is kept: those after it follow from it.
void CudaDevice::check(const char* what, Status status) {
  if (status == Status::Ok || !failure_.empty()) return;
  const bool full = status == Status::OutOfMemory;
  // Asked for in any case: an error that nobody read would be taken for that of the next launch.
  const char* reason = runtime_.reason();
  try {
    fail(std::string("the GPU failed at ") + what + ": " +
             (status == Status::BadShape ? "it has no kernel for these sizes" : full ? "it has no memory left" : reason),
         full);
  } catch (...) {
    noteException(what);
  }
}

void CudaDevice::noteException(const char* what) noexcept {
  try {
    try {
      throw;
    } catch (const OutOfMemory& e) {
      fail(e.what(), true);
    } catch (const std::exception& e) {
      fail(std::string("the GPU failed at ") + what + ": " + e.what(), false);
    }
  } catch (...) {
    failure_ = "no host memory";  // as short as takes none
  }
}

void CudaDevice::fail(std::string why, bool wantOfMemory) {
  if (!failure_.empty()) return;
  failure_ = std::move(why);
  outOfMemory_ = wantOfMemory;
}

// Captured work takes memory, too, and is captured anew.
bool CudaDevice::recover() noexcept {
  if (outOfMemory_) failure_.clear();
  captured_.forget();
  return std::exchange(outOfMemory_, false);
}

DeviceLinks* CudaDevice::links() noexcept {
  if (links_ == nullptr)
    links_ = orNothing([&]() -> std::unique_ptr<NcclLinks> {
      const NcclLibrary* nccl = ncclLibrary();
      return nccl == nullptr ? nullptr : std::make_unique<NcclLinks>(*nccl, runtime_);
    });
  return links_.get();
}

unsigned char* CudaDevice::allocate(std::size_t bytes) noexcept {
  return orNothing([&]() -> unsigned char* {
    owned_.reserve(owned_.size() + 1);
    void* p = runtime_.allocate(bytes);
    if (p != nullptr) owned_.push_back({p, bytes});
    return static_cast<unsigned char*>(p);
  });
}

std::size_t CudaDevice::held() const noexcept {
  return std::accumulate(owned_.begin(), owned_.end(), std::size_t{0}, [](std::size_t sum, const Owned& one) { return sum + one.bytes; });
}

// The driver waits until nothing uses it.
void CudaDevice::release(const void* memory) {
  const auto found = std::find_if(owned_.begin(), owned_.end(), [memory](const Owned& one) { return one.place == memory; });
  if (found == owned_.end()) return;
  runtime_.release(found->place);
  owned_.erase(found);
}

void CudaDevice::reserve(std::size_t bytes) noexcept {
  reserved_ = allocate(bytes);
  reservedBytes_ = reserved_ == nullptr ? 0 : bytes;
}

const void* CudaDevice::resident(const void* callers, std::size_t bytes) noexcept {
  const std::size_t step = roundUpBytes(bytes, residentStep);
  const bool fits = reserved_ != nullptr && step <= reservedBytes_;
  unsigned char* copy = fits ? reserved_ : allocate(bytes);
  if (fits) {
    reserved_ += step;
    reservedBytes_ -= step;
  }
  if (copy == nullptr) check("finding memory for the base", Status::OutOfMemory);
  else copyIn(copy, callers, bytes);
  return copy;
}

void CudaDevice::useScratch(unsigned char* scratch, std::size_t bytes) noexcept {
  if (bytes < productRoom_) return check("taking its scratch", Status::BadShape);
  scratch_ = scratch;
  scratchBytes_ = bytes;
}

unsigned char* CudaDevice::allocateBeside(std::size_t bytes) noexcept {
  return orNothing([&]() -> unsigned char* {
    ownedBeside_.reserve(ownedBeside_.size() + 1);
    void* p = runtime_.allocateHost(bytes);
    if (p != nullptr) ownedBeside_.push_back(p);
    return static_cast<unsigned char*>(p);
  });
}

void CudaDevice::copyBeside(int place, void* to, const void* from, std::size_t bytes) noexcept {
  check("a copy beside the step", [&] { return runtime_.copyBeside(place, to, from, bytes); });
}

void CudaDevice::awaitCopy(int place) noexcept {
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
          {&CudaDevice::partials_, squaresFront + squaresWorkspace(static_cast<std::int64_t>(trained.count)) + trained.tensors.size() * squaresWorkspace(1)},
          {&CudaDevice::norm_, sizeof(GradientNorm)}};
}

std::size_t CudaNeeds::tables(const ModelSpec& spec, const TrainerOptions& o) const noexcept {
  try {
    std::size_t bytes = 0;
    for (const CudaDevice::Table& table : CudaDevice::tablesOf(spec, o)) bytes += roundUpBytes(table.bytes, placeStep);
    return bytes + std::size(passes) * windowsOf(spec).size() * roundUpBytes(spanBytes(o), placeStep);
  } catch (const std::exception&) {
    return tooMuch;
  }
}

std::size_t CudaNeeds::optimiserRoom(OptimizerKind kind, const TensorShape& shape) const noexcept {
  if (kind == OptimizerKind::Muon && shape.hidden) return muonWorkspace(shape.rows, shape.columns);
  return kind == OptimizerKind::Adafactor ? adafactorWorkspace(shape.rows, shape.columns) : 0;
}

std::size_t CudaNeeds::graphNodes(const ModelSpec& spec, const TrainerOptions& o) {
  const bool repeats = o.dropout == 0 && !(o.shardBase && o.processes > 1) && !o.tensor.divides();
  if (!repeats) return 0;
  const std::int32_t rows = o.feedForwardChunk > 0 ? o.feedForwardChunk : o.maxTokens, chunks = (o.maxTokens + rows - 1) / rows;
  return std::min(mostGraphNodes, static_cast<std::size_t>(spec.layers) * (graphNodesOfBlock + graphNodesOfChunk * static_cast<std::size_t>(chunks)));
}

std::size_t CudaNeeds::captured(const ModelSpec& spec, const TrainerOptions& o) const noexcept { return graphNodes(spec, o) * graphNodeBytes; }

void CudaDevice::useTables(const ModelSpec& spec, const TrainerOptions& o, unsigned char* at) noexcept {
  check("taking its tables", [&] { takeTables(spec, o, at); });
}

void CudaDevice::takeTables(const ModelSpec& spec, const TrainerOptions& o, unsigned char* at) {
  captured_.allow(CudaNeeds::graphNodes(spec, o));
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

void CudaDevice::begin(const Batch& batch, std::int32_t) noexcept {
  check("taking a batch", [&] { take(batch); });
}

void CudaDevice::take(const Batch& batch) {
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

const CudaDevice::Spans* CudaDevice::spans(AttentionPass pass, const AttentionShape& shape) {
  const Spans* found = nullptr;
  check("tiles of attention", [&] {
    Spans& s = spans_.try_emplace({pass, shape.window}, runtime_).first->second;
    s.rows = tileRows(pass, shape.headDim);
    if (!s.planned) plan(pass, shape.window, s);
    found = &s;
  });
  return found;
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

void CudaDevice::repeated(int stretch, const std::function<bool()>& work) noexcept {
  CapturedWork::Entry* entry = nullptr;
  check("work that repeats", [&] { entry = captured_.met(sizesOf(stretch)); });
  const auto ask = [&] { static_cast<void>(work()); };
  if (entry == nullptr || !failure_.empty()) return ask();
  if (entry->graph == nullptr) {
    bool begun = false, kept = false;
    check("capturing work that repeats", [&] { begun = captured_.begin(); });
    if (!begun) return ask();
    const bool done = work();
    // Half of the work is none.
    if (!done || !failure_.empty()) return captured_.drop();
    check("capturing work that repeats", [&] { kept = captured_.keep(*entry); });
    if (!kept) return ask();
  }
  Status status = Status::Ok;
  check("work that was captured", [&] { status = captured_.replay(*entry); });
  if (status != Status::OutOfMemory) return check("work that was captured", status);
  // Nothing of it was done, and there is memory for it as it was asked for before.
  captured_.giveUp();
  ask();
}

CapturedWork::Sizes CudaDevice::sizesOf(int stretch) {
  CapturedWork::Sizes sizes{stretch, batch_.tokens};
  for (auto& [key, s] : spans_) {
    if (!s.planned && s.rows > 0) plan(key.first, key.second, s);
    sizes.push_back(s.count);
  }
  return sizes;
}

}  // namespace qt::cuda
