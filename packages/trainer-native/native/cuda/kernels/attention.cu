// The host's side of attention: which tiles there are, which kernel does them; and delta, which both backward kernels read.
#include <algorithm>

#include "attention_kinds.hpp"
#include "attention_tile.cuh"

namespace qt::cuda {
namespace {

constexpr int deltaThreads = 256;

// delta[token, head] = Σ dO·O over the head's columns: `lanes` neighbouring threads for each.
template <class T>
__global__ void __launch_bounds__(deltaThreads) deltaKernel(const T* out, const T* dOut, float* delta, std::int64_t rows, int headDim, int lanes) {
  const std::int64_t row = (static_cast<std::int64_t>(blockIdx.x) * deltaThreads + threadIdx.x) / lanes;
  const int lane = threadIdx.x % lanes;
  float sum = 0.0f;
  if (row < rows) {
    const T *o = out + row * headDim, *g = dOut + row * headDim;
    if (headDim % 8 == 0) {
      for (int c = lane * 8; c < headDim; c += lanes * 8) {
        float x[8], y[8];
        load8(o + c, x);
        load8(g + c, y);
#pragma unroll
        for (int i = 0; i < 8; ++i) sum += x[i] * y[i];
      }
    } else {
      for (int c = lane; c < headDim; c += lanes) sum += load(o + c) * load(g + c);
    }
  }
  sum = sumOver(sum, lanes);
  if (row < rows && lane == 0) delta[row] = sum;
}

bool possible(const AttentionShape& s) {
  return s.headDim > 0 && s.headDim <= mostHeadDim && s.kvHeads > 0 && s.heads > 0 && s.heads % s.kvHeads == 0 && s.window >= 0 && s.scale > 0;
}

}  // namespace

std::size_t sharedLimit() {
#ifdef QT_CUDA_EMULATED
  return emulator::mostShared;
#else
  int device = 0, bytes = 0;
  if (cudaGetDevice(&device) != cudaSuccess || cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) != cudaSuccess) return 48 * 1024;
  return static_cast<std::size_t>(bytes);
#endif
}

int attentionRows(AttentionPass pass, std::int32_t headDim, DType type) {
  if (type == DType::F32) return attentionRowsF32(headDim);
  return pass == AttentionPass::Forward ? forwardRowsBf16(headDim) : pass == AttentionPass::Query ? queryRowsBf16(headDim) : keyRowsBf16(headDim);
}

std::vector<AttentionSpan> planAttention(AttentionPass pass, const std::int32_t* borders, int documents, int rows, std::int32_t window) {
  std::vector<AttentionSpan> spans;
  for (int d = 0; d < documents; ++d)
    for (std::int32_t first = borders[d]; first < borders[d + 1]; first += rows) spans.push_back({borders[d], borders[d + 1], first});
  // Positions on the other side that the tile meets.
  const auto work = [&](const AttentionSpan& s) {
    const std::int32_t last = std::min(s.first + rows, s.end);
    if (pass == AttentionPass::Key) return (window > 0 ? std::min(s.end, last - 1 + window) : s.end) - s.first;
    return last - (window > 0 ? std::max(s.begin, s.first - window + 1) : s.begin);
  };
  std::stable_sort(spans.begin(), spans.end(), [&](const AttentionSpan& a, const AttentionSpan& b) { return work(a) > work(b); });
  return spans;
}

Status attentionForward(const AttentionForward& a, DType type, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  if (!possible(a.shape)) return Status::BadShape;
  if (count == 0) return Status::Ok;
  return type == DType::BF16 ? attentionForwardBf16(a, spans, count, stream) : attentionForwardF32(a, spans, count, stream);
}
Status attentionBackwardQuery(const AttentionBackward& a, DType type, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  if (!possible(a.shape)) return Status::BadShape;
  if (count == 0) return Status::Ok;
  return type == DType::BF16 ? attentionBackwardQueryBf16(a, spans, count, stream) : attentionBackwardQueryF32(a, spans, count, stream);
}
Status attentionBackwardKey(const AttentionBackward& a, DType type, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  if (!possible(a.shape)) return Status::BadShape;
  if (count == 0) return Status::Ok;
  return type == DType::BF16 ? attentionBackwardKeyBf16(a, spans, count, stream) : attentionBackwardKeyF32(a, spans, count, stream);
}

Status attentionDelta(const AttentionBackward& a, DType type, std::int64_t rows, Stream stream) {
  if (!possible(a.shape)) return Status::BadShape;
  if (rows == 0) return Status::Ok;
  const std::int64_t all = rows * a.shape.heads;
  int lanes = 1;
  while (lanes < 32 && lanes * 8 < a.shape.headDim) lanes *= 2;
  const dim3 grid(static_cast<unsigned>((all * lanes + deltaThreads - 1) / deltaThreads));
  const auto run = [&](auto* kernel, auto* out, auto* dOut) { return launch(kernel, grid, dim3(deltaThreads), 0, stream, out, dOut, a.delta, all, a.shape.headDim, lanes); };
  if (type == DType::BF16) return run(deltaKernel<bf16>, static_cast<const bf16*>(a.out), static_cast<const bf16*>(a.dOut));
  return run(deltaKernel<float>, static_cast<const float*>(a.out), static_cast<const float*>(a.dOut));
}

}  // namespace qt::cuda
