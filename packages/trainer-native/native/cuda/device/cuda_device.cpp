#include "cuda_device.hpp"

#include <algorithm>
#include <array>

#include "../kernels/decode.hpp"

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

bool isDense(TensorType type) { return type == TensorType::F32 || type == TensorType::BF16; }

}  // namespace

std::size_t CudaNeeds::scratch(const ModelSpec& spec, std::int64_t) const {
  return roundUpBytes(static_cast<std::size_t>(mostDecoded(spec)) * bytesOf(precision_), 256) + mostProductWorkspace;
}

CudaDevice::CudaDevice(int index, DType precision)
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
      sums_(runtime_) {}

CudaDevice::~CudaDevice() {
  for (void* p : owned_) runtime_.release(p);
}

// The first failure is kept: those after it follow from it.
void CudaDevice::check(const char* what, Status status) {
  if (status == Status::Ok || !failure_.empty()) return;
  failure_ = std::string("the GPU failed at ") + what + ": " +
             (status == Status::BadShape ? "it has no kernel for these sizes" : runtime_.reason());
}

unsigned char* CudaDevice::allocate(std::size_t bytes) {
  void* p = runtime_.allocate(bytes);
  if (p != nullptr) owned_.push_back(p);
  return static_cast<unsigned char*>(p);
}

const void* CudaDevice::resident(const void* callers, std::size_t bytes) {
  unsigned char* copy = allocate(bytes);
  if (copy != nullptr) copyIn(copy, callers, bytes);
  return copy;
}

void CudaDevice::useScratch(unsigned char* scratch, std::size_t bytes) {
  scratch_ = scratch;
  scratchBytes_ = bytes;
}

template <class T>
const T* CudaDevice::upload(Buffer& buffer, std::span<const T> callers) {
  T* to = buffer.room<T>(callers.size());
  if (to == nullptr) check("memory for a batch", Status::LaunchFailed);
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
  const int rows = attentionRows(pass, shape.headDim, precision_);
  const std::vector<AttentionSpan> list = planAttention(pass, borders_.data(), static_cast<int>(borders_.size()) - 1, rows, shape.window);
  upload<AttentionSpan>(s.list, list);
  s.count = static_cast<std::int64_t>(list.size());
  s.planned = true;
  return s;
}

// Weights in blocks are decoded one after the other into the scratch; the product then reads them as dense matrices.
void CudaDevice::multiply(Product& p, Precision precision) {
  unsigned char* room = scratch_ + mostProductWorkspace;
  const unsigned char* end = scratch_ + scratchBytes_;
  for (int t = 0; t < p.termCount; ++t) {
    MatrixView& right = p.terms[t].right;
    if (isDense(right.type)) continue;
    const DType as = precision == Precision::Bf16 ? DType::BF16 : DType::F32;
    const std::size_t bytes = static_cast<std::size_t>(right.rows * right.columns) * bytesOf(as);
    if (room + bytes > end) return check("a product", Status::BadShape);
    check("decoding weights", cuda::decode(right, as, room, runtime_.stream()));
    right = dense(room, as, right.rows, right.columns);
    room += roundUpBytes(bytes, 256);
  }
  check("a product", product(p, precision, scratch_, runtime_.stream()));
}

void CudaDevice::attention(const AttentionForward& a) {
  const Spans& s = spans(AttentionPass::Forward, a.shape);
  check("attention", attentionForward(a, precision_, s.list.get<AttentionSpan>(), s.count, runtime_.stream()));
}

void CudaDevice::attentionBackward(const AttentionBackward& a) {
  check("attention backward", attentionDelta(a, precision_, batch_.tokens, runtime_.stream()));
  const Spans& query = spans(AttentionPass::Query, a.shape);
  check("attention backward", attentionBackwardQuery(a, precision_, query.list.get<AttentionSpan>(), query.count, runtime_.stream()));
  const Spans& key = spans(AttentionPass::Key, a.shape);
  check("attention backward", attentionBackwardKey(a, precision_, key.list.get<AttentionSpan>(), key.count, runtime_.stream()));
}

}  // namespace qt::cuda
