#pragma once
#include <memory>
#include <new>

// Aligned memory of the heap, where the address sanitizer sees a write beyond the end.
inline std::shared_ptr<unsigned char> alignedBytes(std::size_t bytes) {
  void* p = ::operator new(bytes, std::align_val_t(64));
  return {static_cast<unsigned char*>(p), [](unsigned char* q) { ::operator delete(q, std::align_val_t(64)); }};
}
