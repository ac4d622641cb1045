// A test is a program: CHECK what must hold, return `failures() != 0`.
#pragma once

#include <cstdio>

static inline int& failures() {
    static int count = 0;
    return count;
}

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            failures()++;                                                             \
        }                                                                             \
    } while (0)

#define CHECK_THROWS(expression, Error)                                                        \
    do {                                                                                       \
        bool thrown = false;                                                                   \
        try {                                                                                  \
            (void)(expression);                                                                \
        } catch (const Error&) {                                                               \
            thrown = true;                                                                     \
        }                                                                                      \
        if (!thrown) {                                                                         \
            std::fprintf(stderr, "%s:%d: threw no %s: %s\n", __FILE__, __LINE__, #Error, #expression); \
            failures()++;                                                                      \
        }                                                                                      \
    } while (0)
