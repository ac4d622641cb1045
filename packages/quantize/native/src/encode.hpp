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

constexpr bool encodable(TensorType type) {
  switch (type) {
    case TensorType::F16:
    case TensorType::BF16:
    case TensorType::Q8_0:
    case TensorType::Q5_1:
    case TensorType::Q5_0:
    case TensorType::Q4_1:
    case TensorType::Q4_0: return true;
    default: return false;
  }
}

// Plain loops, the definition of every type: whole blocks, one after the other.
Fault encodeReference(TensorType type, const float* values, std::int64_t count, std::uint8_t* out);

// The same for one instruction set.
struct EncoderTable {
  const char* name;
  // False when a value must be refused: encodeReference then says which, and `out` holds nothing of use.
  bool (*encode)(TensorType type, const float* values, std::int64_t count, std::uint8_t* out);
  void (*decode)(TensorType type, const std::uint8_t* blocks, std::int64_t count, float* out);
};

// The best table this processor has, or the one named; a name that does not exist or does not run here gives the baseline.
const EncoderTable& encoders(const char* name = nullptr);

// Names of the tables that run here, best first.
int availableEncoders(const char** names, int most);

// `values` numbers from blocks of one type to blocks of another, in whole blocks of both.
Fault recode(const EncoderTable& table, TensorType from, const std::uint8_t* in, std::int64_t values, TensorType to, std::uint8_t* out);

}  // namespace qt
