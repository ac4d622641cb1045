// Keys and values of one sequence. Where and how they lie is its device's business.
#pragma once
#include <cstdint>
#include <stdexcept>

#include "../kernels/table.hpp"

namespace qt {

class KvCache {
 public:
  KvCache(CacheType type, std::int32_t contextLength) : type_(type), contextLength_(contextLength) {}
  virtual ~KvCache() = default;
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  CacheType type() const { return type_; }
  std::int32_t length() const { return length_; }
  std::int32_t contextLength() const { return contextLength_; }

  void grow(std::int32_t tokens) { length_ += tokens; }
  // Forgets what came after the first `length` tokens.
  void truncate(std::int32_t length) {
    if (length < 0 || length > length_) throw std::runtime_error("a cache can only be cut to a shorter length");
    length_ = length;
    shortened();
  }

 private:
  virtual void shortened() {}

  CacheType type_;
  std::int32_t contextLength_, length_ = 0;
};

}  // namespace qt
