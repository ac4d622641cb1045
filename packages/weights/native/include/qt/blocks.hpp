// Layouts and decoders of GGUF block types.
//
// This header is included into translation units compiled for different instruction sets, so every function in it has
// internal linkage: were two of them merged, an old processor could be given the new processor's instructions.
// Decoded values equal gguf-py's `dequantize` bit for bit, with and without contraction into fused multiply-add.
#pragma once

#include "blocks/plain.hpp"
#include "blocks/q32.hpp"
#include "blocks/types.hpp"

namespace qt {

static inline bool decodable(TensorType type) {
    switch (type) {
        case TensorType::F32:
        case TensorType::F16:
        case TensorType::BF16:
        case TensorType::Q4_0:
        case TensorType::Q4_1:
        case TensorType::Q5_0:
        case TensorType::Q5_1:
        case TensorType::Q8_0:
        case TensorType::Q8_1: return true;
        default: return false;
    }
}

template <typename Block, std::size_t Size>
static inline void decodeEach(const std::uint8_t* QT_RESTRICT blocks, std::size_t count, float* QT_RESTRICT out) {
    for (std::size_t i = 0; i < count; i++) {
        Block block;
        std::memcpy(&block, blocks + i * sizeof(Block), sizeof(Block));
        decodeBlock(block, out + i * Size);
    }
}

// `count` blocks become count × size floats. `blocks` needs no alignment. Does nothing unless `decodable(type)`.
static inline void decodeBlocks(TensorType type, const void* blocks, std::size_t count, float* out) {
    const auto* in = static_cast<const std::uint8_t*>(blocks);
    switch (type) {
        case TensorType::F32: return decodeF32(in, count, out);
        case TensorType::F16: return decodeF16(in, count, out);
        case TensorType::BF16: return decodeBF16(in, count, out);
        case TensorType::Q4_0: return decodeEach<BlockQ4_0, 32>(in, count, out);
        case TensorType::Q4_1: return decodeEach<BlockQ4_1, 32>(in, count, out);
        case TensorType::Q5_0: return decodeEach<BlockQ5_0, 32>(in, count, out);
        case TensorType::Q5_1: return decodeEach<BlockQ5_1, 32>(in, count, out);
        case TensorType::Q8_0: return decodeEach<BlockQ8_0, 32>(in, count, out);
        case TensorType::Q8_1: return decodeEach<BlockQ8_1, 32>(in, count, out);
        default: return;
    }
}

}  // namespace qt
