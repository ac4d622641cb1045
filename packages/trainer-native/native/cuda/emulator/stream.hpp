// A line of work of an emulated device beside its own, which is done as it is asked for.
#pragma once
#include <functional>

struct CUstream_st {
  virtual ~CUstream_st() = default;
  // Work that is done as late as may be: when this process waits for it or for what came after it, or when `wanted` says that others do.
  virtual void later(std::function<void()> work, std::function<bool()> wanted) = 0;
};
