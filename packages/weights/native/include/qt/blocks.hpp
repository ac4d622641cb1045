// Layouts and decoders of GGUF block types.
//
// This header is included into translation units compiled for different instruction sets, so every function in it has
// internal linkage: were two of them merged, an old processor could be given the new processor's instructions.
// Decoded values equal gguf-py's `dequantize` bit for bit, with and without contraction into fused multiply-add.
#pragma once

#include "blocks/few_bits.hpp"
#include "blocks/fp4.hpp"
#include "blocks/iq.hpp"
#include "blocks/k.hpp"
#include "blocks/plain.hpp"
#include "blocks/q32.hpp"
#include "blocks/ternary.hpp"
#include "blocks/types.hpp"

namespace qt {

// Every type of floating-point weights but F64; integers are no weights.
static inline bool decodable(TensorType type) {
    switch (type) {
        case TensorType::I8:
        case TensorType::I16:
        case TensorType::I32:
        case TensorType::I64:
        case TensorType::F64: return false;
        default: return blockTraits(type).size != 0;
    }
}

template <typename Block, TensorType Type>
static inline void decodeEach(const std::uint8_t* QT_RESTRICT blocks, std::size_t count, float* QT_RESTRICT out) {
    static_assert(sizeof(Block) == blockTraits(Type).bytes && alignof(Block) == 1);
    const auto* typed = reinterpret_cast<const Block*>(blocks);  // bytes of bytes: neither alignment nor aliasing is at stake
    for (std::size_t i = 0; i < count; i++) decodeBlock(typed[i], out + i * blockTraits(Type).size);
}

// `count` blocks become count × size floats. `blocks` needs no alignment. Does nothing unless `decodable(type)`.
static inline void decodeBlocks(TensorType type, const void* blocks, std::size_t count, float* out) {
    const auto* in = static_cast<const std::uint8_t*>(blocks);
    switch (type) {
        case TensorType::F32: return decodeF32(in, count, out);
        case TensorType::F16: return decodeF16(in, count, out);
        case TensorType::BF16: return decodeBF16(in, count, out);
        case TensorType::Q4_0: return decodeEach<BlockQ4_0, TensorType::Q4_0>(in, count, out);
        case TensorType::Q4_1: return decodeEach<BlockQ4_1, TensorType::Q4_1>(in, count, out);
        case TensorType::Q5_0: return decodeEach<BlockQ5_0, TensorType::Q5_0>(in, count, out);
        case TensorType::Q5_1: return decodeEach<BlockQ5_1, TensorType::Q5_1>(in, count, out);
        case TensorType::Q8_0: return decodeEach<BlockQ8_0, TensorType::Q8_0>(in, count, out);
        case TensorType::Q8_1: return decodeEach<BlockQ8_1, TensorType::Q8_1>(in, count, out);
        case TensorType::Q2_K: return decodeEach<BlockQ2_K, TensorType::Q2_K>(in, count, out);
        case TensorType::Q3_K: return decodeEach<BlockQ3_K, TensorType::Q3_K>(in, count, out);
        case TensorType::Q4_K: return decodeEach<BlockQ4_K, TensorType::Q4_K>(in, count, out);
        case TensorType::Q5_K: return decodeEach<BlockQ5_K, TensorType::Q5_K>(in, count, out);
        case TensorType::Q6_K: return decodeEach<BlockQ6_K, TensorType::Q6_K>(in, count, out);
        case TensorType::Q8_K: return decodeEach<BlockQ8_K, TensorType::Q8_K>(in, count, out);
        case TensorType::IQ2_XXS: return decodeEach<BlockIQ2_XXS, TensorType::IQ2_XXS>(in, count, out);
        case TensorType::IQ2_XS: return decodeEach<BlockIQ2_XS, TensorType::IQ2_XS>(in, count, out);
        case TensorType::IQ2_S: return decodeEach<BlockIQ2_S, TensorType::IQ2_S>(in, count, out);
        case TensorType::IQ3_XXS: return decodeEach<BlockIQ3_XXS, TensorType::IQ3_XXS>(in, count, out);
        case TensorType::IQ3_S: return decodeEach<BlockIQ3_S, TensorType::IQ3_S>(in, count, out);
        case TensorType::IQ1_S: return decodeEach<BlockIQ1_S, TensorType::IQ1_S>(in, count, out);
        case TensorType::IQ1_M: return decodeEach<BlockIQ1_M, TensorType::IQ1_M>(in, count, out);
        case TensorType::IQ4_NL: return decodeEach<BlockIQ4_NL, TensorType::IQ4_NL>(in, count, out);
        case TensorType::IQ4_XS: return decodeEach<BlockIQ4_XS, TensorType::IQ4_XS>(in, count, out);
        case TensorType::TQ1_0: return decodeEach<BlockTQ1_0, TensorType::TQ1_0>(in, count, out);
        case TensorType::TQ2_0: return decodeEach<BlockTQ2_0, TensorType::TQ2_0>(in, count, out);
        case TensorType::MXFP4: return decodeEach<BlockMXFP4, TensorType::MXFP4>(in, count, out);
        case TensorType::NVFP4: return decodeEach<BlockNVFP4, TensorType::NVFP4>(in, count, out);
        case TensorType::Q1_0: return decodeEach<BlockQ1_0, TensorType::Q1_0>(in, count, out);
        case TensorType::Q2_0: return decodeEach<BlockQ2_0, TensorType::Q2_0>(in, count, out);
        case TensorType::NF4: return decodeEach<BlockNF4, TensorType::NF4>(in, count, out);
        default: return;
    }
}

}  // namespace qt
