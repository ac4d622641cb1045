// Keys and values in the processor's memory: for each layer and key head its rows, position after position.
#pragma once
#include "../memory.hpp"
#include "../spec.hpp"
#include "cache.hpp"

namespace qt {

class HostCache final : public KvCache {
 public:
  HostCache(const ModelSpec& spec, CacheType type, std::int32_t contextLength)
      : KvCache(type, contextLength),
        kvHeads_(spec.kvHeads),
        row_(cacheRowBytes(type, spec.headDim)),
        memory_(2 * row_ * static_cast<std::size_t>(spec.layers) * spec.kvHeads * contextLength) {}

  unsigned char* keys(std::int32_t layer, std::int32_t head, std::int32_t position = 0) const { return at(2 * layer, head, position); }
  unsigned char* values(std::int32_t layer, std::int32_t head, std::int32_t position = 0) const { return at(2 * layer + 1, head, position); }

 private:
  unsigned char* at(std::int32_t which, std::int32_t head, std::int32_t position) const {
    return memory_.data() + ((static_cast<std::size_t>(which) * kvHeads_ + head) * contextLength() + position) * row_;
  }

  std::int32_t kvHeads_;
  std::size_t row_;
  Arena memory_;
};

}  // namespace qt
