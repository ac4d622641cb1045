// Encoders of GGUF block types, byte-identical to llama.cpp's reference (ggml-quants.c) and to the TypeScript of this package.
#pragma once
#include <cstdint>

#include <qt/blocks/types.hpp>

namespace qt {

// Why values were refused. A NaN, or a scale that would be stored as infinity, makes a whole block unreadable.
struct Fault {
  enum class Kind : std::uint8_t { None, NotFinite, OutOfRange };
  Kind kind = Kind::None;
  std::int64_t index = 0;  // of the value, or of the first one of its block when out of range
  float value = 0;         // the value, or the scale

  explicit operator bool() const { return kind != Kind::None; }
};

// Rows of one matrix, one after the other, each of whole blocks. `importance` says how much an error in each column counts:
// finite weights of 0 or more, or null when nothing is known. Without it the cut into rows makes no difference.
struct Rows {
  const float* values = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  const float* importance = nullptr;

  std::int64_t count() const { return rows * columns; }
};

// Every type that can be written.
constexpr TensorType encodableTypes[] = {TensorType::F32,  TensorType::F16,  TensorType::BF16, TensorType::Q8_0, TensorType::Q5_1, TensorType::Q5_0,
                                         TensorType::Q4_1, TensorType::Q4_0, TensorType::Q8_K, TensorType::Q6_K, TensorType::Q5_K,
                                         TensorType::Q4_K, TensorType::Q3_K, TensorType::Q2_K, TensorType::IQ4_NL, TensorType::IQ4_XS,
                                         TensorType::IQ3_S, TensorType::IQ3_XXS, TensorType::IQ2_S, TensorType::IQ2_XS, TensorType::IQ2_XXS,
                                         TensorType::IQ1_M, TensorType::IQ1_S, TensorType::TQ1_0, TensorType::TQ2_0, TensorType::MXFP4,
                                         TensorType::NVFP4,  TensorType::Q1_0, TensorType::Q2_0};

constexpr bool encodable(TensorType type) {
  for (const TensorType candidate : encodableTypes)
    if (candidate == type) return true;
  return false;
}

// Plain loops, the definition of every type.
Fault encodeReference(TensorType type, const Rows& in, std::uint8_t* out);

// The same for one instruction set.
struct EncoderTable {
  const char* name;
  // False when a value must be refused: encodeReference then says which, and `out` holds nothing of use.
  bool (*encode)(TensorType type, const Rows& in, std::uint8_t* out);
  void (*decode)(TensorType type, const std::uint8_t* blocks, std::int64_t count, float* out);
};

// The best table this processor has, or the one named; a name that does not exist or does not run here gives the baseline.
const EncoderTable& encoders(const char* name = nullptr);

// The table, or a simpler one where its encoder of this type does not write the bytes of the reference on this machine, which is found
// out when the type is first used.
const EncoderTable& tested(const EncoderTable& table, TensorType type);

// Names of the tables that run here, best first.
int availableEncoders(const char** names, int most);

// Rows in blocks of one type to blocks of another, in whole blocks of both.
struct BlockRows {
  const std::uint8_t* blocks = nullptr;
  TensorType type = TensorType::F32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  const float* importance = nullptr;
};
Fault recode(const EncoderTable& table, const BlockRows& in, TensorType to, std::uint8_t* out);

// The position of the first of `values` numbers in whole blocks that is not finite, or −1.
std::int64_t firstNotFinite(const EncoderTable& table, TensorType type, const std::uint8_t* blocks, std::int64_t values);

}  // namespace qt
