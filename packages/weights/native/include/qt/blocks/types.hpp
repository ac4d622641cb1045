// Tensor types of GGUF. Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

// Blocks are little-endian wherever they lie, and so is every machine this is built for.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "qt/blocks needs a little-endian target"
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define QT_RESTRICT __restrict
#else
#define QT_RESTRICT __restrict__
#endif

namespace qt {

enum class TensorType : std::uint32_t {
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q8_1 = 9,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    Q8_K = 15,
    IQ2_XXS = 16,
    IQ2_XS = 17,
    IQ3_XXS = 18,
    IQ1_S = 19,
    IQ4_NL = 20,
    IQ3_S = 21,
    IQ2_S = 22,
    IQ4_XS = 23,
    I8 = 24,
    I16 = 25,
    I32 = 26,
    I64 = 27,
    F64 = 28,
    IQ1_M = 29,
    BF16 = 30,
    TQ1_0 = 34,
    TQ2_0 = 35,
    MXFP4 = 39,
    NVFP4 = 40,
    Q1_0 = 41,
    Q2_0 = 42,
    NF4 = 1000,  // no type of GGUF: bitsandbytes' four bits, in blocks of our own
};

struct BlockTraits {
    std::uint32_t size;   // elements per block
    std::uint32_t bytes;  // bytes per block
};

// {0, 0} for a type this version does not know.
static constexpr BlockTraits blockTraits(TensorType type) {
    switch (type) {
        case TensorType::F32: return {1, 4};
        case TensorType::F16: return {1, 2};
        case TensorType::Q4_0: return {32, 18};
        case TensorType::Q4_1: return {32, 20};
        case TensorType::Q5_0: return {32, 22};
        case TensorType::Q5_1: return {32, 24};
        case TensorType::Q8_0: return {32, 34};
        case TensorType::Q8_1: return {32, 36};
        case TensorType::Q2_K: return {256, 84};
        case TensorType::Q3_K: return {256, 110};
        case TensorType::Q4_K: return {256, 144};
        case TensorType::Q5_K: return {256, 176};
        case TensorType::Q6_K: return {256, 210};
        case TensorType::Q8_K: return {256, 292};
        case TensorType::IQ2_XXS: return {256, 66};
        case TensorType::IQ2_XS: return {256, 74};
        case TensorType::IQ3_XXS: return {256, 98};
        case TensorType::IQ1_S: return {256, 50};
        case TensorType::IQ4_NL: return {32, 18};
        case TensorType::IQ3_S: return {256, 110};
        case TensorType::IQ2_S: return {256, 82};
        case TensorType::IQ4_XS: return {256, 136};
        case TensorType::I8: return {1, 1};
        case TensorType::I16: return {1, 2};
        case TensorType::I32: return {1, 4};
        case TensorType::I64: return {1, 8};
        case TensorType::F64: return {1, 8};
        case TensorType::IQ1_M: return {256, 56};
        case TensorType::BF16: return {1, 2};
        case TensorType::TQ1_0: return {256, 54};
        case TensorType::TQ2_0: return {256, 66};
        case TensorType::MXFP4: return {32, 17};
        case TensorType::NVFP4: return {64, 36};
        case TensorType::Q1_0: return {128, 18};
        case TensorType::Q2_0: return {64, 18};
        case TensorType::NF4: return {64, 36};
    }
    return {0, 0};
}

// Bytes of a row of whole blocks; 0 for an unknown type or a row that does not divide into blocks.
static inline std::size_t rowBytes(TensorType type, std::size_t columns) {
    const BlockTraits traits = blockTraits(type);
    return traits.size == 0 || columns % traits.size != 0 ? 0 : columns / traits.size * traits.bytes;
}

}  // namespace qt
