// Thirty lines instead of a test framework.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

inline int failures = 0;

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      std::printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);   \
      ++failures;                                                                 \
    }                                                                             \
  } while (0)

#define CHECK_NEAR(a, b, tolerance)                                                                            \
  do {                                                                                                         \
    const double left_ = (a), right_ = (b);                                                                    \
    if (!(std::fabs(left_ - right_) <= (tolerance))) {                                                         \
      std::printf("%s:%d: %s = %.9g, %s = %.9g\n", __FILE__, __LINE__, #a, left_, #b, right_);                 \
      ++failures;                                                                                              \
    }                                                                                                          \
  } while (0)

// Aligned memory of the heap, where the address sanitizer sees a write beyond the end.
inline std::shared_ptr<unsigned char> alignedBytes(std::size_t bytes) {
  void* p = ::operator new(bytes, std::align_val_t(64));
  return {static_cast<unsigned char*>(p), [](unsigned char* q) { ::operator delete(q, std::align_val_t(64)); }};
}

inline int report(const char* name) {
  if (failures == 0) std::printf("%s: passed\n", name);
  return failures == 0 ? 0 : 1;
}
