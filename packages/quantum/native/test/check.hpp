// Thirty lines instead of a test framework.
#pragma once
#include <cstdio>
#include <cstdlib>

inline int failures = 0;

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      std::printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);   \
      ++failures;                                                                 \
    }                                                                             \
  } while (0)

inline int report(const char* name) {
  if (failures == 0) std::printf("%s: passed\n", name);
  return failures == 0 ? 0 : 1;
}
