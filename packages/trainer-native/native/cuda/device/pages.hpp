// Which pages of a pool of keys and values belong to whom. Only numbers: where the pages lie is the device's business.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "../kernels/cache.hpp"
#include "generate/cache.hpp"

namespace qt::cuda {

inline std::int32_t pagesFor(std::int32_t positions) { return (positions + pageRows - 1) / pageRows; }

// JavaScript drops caches while a pass runs, so it may be asked by two threads.
class PagePool {
 public:
  explicit PagePool(std::int32_t pages) : free_(static_cast<std::size_t>(pages)) {
    for (std::int32_t i = 0; i < pages; ++i) free_[i] = pages - 1 - i;
  }
  // All of them or none.
  bool take(std::vector<std::int32_t>& to, std::size_t count) {
    const std::lock_guard lock(mutex_);
    if (count > free_.size()) return false;
    for (; count > 0; --count) {
      to.push_back(free_.back());
      free_.pop_back();
    }
    return true;
  }
  std::size_t left() {
    const std::lock_guard lock(mutex_);
    return free_.size();
  }
  void give(std::vector<std::int32_t>& from, std::size_t keep) {
    const std::lock_guard lock(mutex_);
    for (; from.size() > keep; from.pop_back()) free_.push_back(from.back());
  }

 private:
  std::mutex mutex_;
  std::vector<std::int32_t> free_;
};

// A sequence's pages. Those of a sequence that passes (no pool) are lent to it for the pass at hand.
class PagedCache final : public KvCache {
 public:
  PagedCache(CacheType type, std::int32_t contextLength, std::size_t region, std::shared_ptr<PagePool> pool)
      : KvCache(type, contextLength), region_(region), pool_(std::move(pool)) {}
  ~PagedCache() override { giveBack(0); }

  std::size_t region() const { return region_; }
  std::vector<std::int32_t>& pages() { return pages_; }
  std::int32_t lacking(std::int32_t positions) const { return std::max(0, pagesFor(positions) - static_cast<std::int32_t>(pages_.size())); }
  void giveBack(std::int32_t positions) {
    if (pool_) pool_->give(pages_, static_cast<std::size_t>(pagesFor(positions)));
  }

 private:
  void shortened() override { giveBack(length()); }

  std::size_t region_;
  std::shared_ptr<PagePool> pool_;
  std::vector<std::int32_t> pages_;
};

}  // namespace qt::cuda
