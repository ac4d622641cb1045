// Attention's kernels by type of activation, for attention.cu to choose from.
#pragma once
#include "attention.hpp"

namespace qt::cuda {

Status attentionForwardBf16(const AttentionForward& a, const AttentionSpan* spans, std::int64_t count, Stream stream);
Status attentionBackwardQueryBf16(const AttentionBackward& a, const AttentionSpan* spans, std::int64_t count, Stream stream);
Status attentionBackwardKeyBf16(const AttentionBackward& a, const AttentionSpan* spans, std::int64_t count, Stream stream);
int forwardRowsBf16(std::int32_t headDim);
int queryRowsBf16(std::int32_t headDim);
int keyRowsBf16(std::int32_t headDim);

Status attentionForwardF32(const AttentionForward& a, const AttentionSpan* spans, std::int64_t count, Stream stream);
Status attentionBackwardQueryF32(const AttentionBackward& a, const AttentionSpan* spans, std::int64_t count, Stream stream);
Status attentionBackwardKeyF32(const AttentionBackward& a, const AttentionSpan* spans, std::int64_t count, Stream stream);
int attentionRowsF32(std::int32_t headDim);

}  // namespace qt::cuda
