// Keys and values of one sequence: for each layer and key head its rows, position after position.
#pragma once
#include <cstdint>
#include <stdexcept>

#include "../kernels/table.hpp"
#include "../memory.hpp"
#include "../spec.hpp"

namespace qt {

class KvCache {
 public:
  KvCache(const ModelSpec& spec, CacheType type, std::int32_t contextLength)
      : type_(type),
        kvHeads_(spec.kvHeads),
        contextLength_(contextLength),
        row_(cacheRowBytes(type, spec.headDim)),
        memory_(2 * row_ * static_cast<std::size_t>(spec.layers) * spec.kvHeads * contextLength) {}

  CacheType type() const { return type_; }
  std::int32_t length() const { return length_; }
  std::int32_t contextLength() const { return contextLength_; }
  std::size_t bytes() const { return memory_.size(); }

  void grow(std::int32_t tokens) { length_ += tokens; }
  // Forgets what came after the first `length` tokens.
  void truncate(std::int32_t length) {
    if (length < 0 || length > length_) throw std::runtime_error("a cache can only be cut to a shorter length");
    length_ = length;
  }

  unsigned char* keys(std::int32_t layer, std::int32_t head, std::int32_t position = 0) const { return at(2 * layer, head, position); }
  unsigned char* values(std::int32_t layer, std::int32_t head, std::int32_t position = 0) const { return at(2 * layer + 1, head, position); }

 private:
  unsigned char* at(std::int32_t which, std::int32_t head, std::int32_t position) const {
    return memory_.data() + ((static_cast<std::size_t>(which) * kvHeads_ + head) * contextLength_ + position) * row_;
  }

  CacheType type_;
  std::int32_t kvHeads_, contextLength_, length_ = 0;
  std::size_t row_;
  Arena memory_;
};

}  // namespace qt
