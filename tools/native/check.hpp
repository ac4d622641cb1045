// Forty lines instead of a test framework.
#pragma once
#include <cmath>
#include <cstdio>

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

#define CHECK_THROWS(expression, Error)                                                          \
  do {                                                                                           \
    bool thrown_ = false;                                                                        \
    try {                                                                                        \
      (void)(expression);                                                                        \
    } catch (const Error&) {                                                                     \
      thrown_ = true;                                                                            \
    }                                                                                            \
    if (!thrown_) {                                                                              \
      std::printf("%s:%d: %s threw no %s\n", __FILE__, __LINE__, #expression, #Error);           \
      ++failures;                                                                                \
    }                                                                                            \
  } while (0)

inline int report(const char* name) {
  if (failures == 0) std::printf("%s: passed\n", name);
  return failures == 0 ? 0 : 1;
}
