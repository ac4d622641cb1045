// The roof of products on one core: the multiplication alone over registers, then the inner loop of every product with both sides packed, by
// depth. Compiled for the best instruction set that this machine has; times are the processor's. GFLOP/s.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "kernels/impl/vec.inl"
#include "kernels/impl/micro.inl"
#include "kernels/impl/blocks.inl"
#include "kernels/table.hpp"

using namespace qt;

#if defined(__aarch64__)
#define QT_UNKNOWN(x) asm volatile("" : "+w"(x))
#else
#define QT_UNKNOWN(x) asm volatile("" : "+v"(x))
#endif

static double now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The best of a few runs; `run` returns the operations that it did.
template <class F>
static double gflops(F run) {
  double best = 0;
  for (int repeat = 0; repeat < 12; ++repeat) {
    const double begin = now();
    const double operations = run();
    const double rate = operations / (now() - begin) / 1e9;
    best = rate > best ? rate : best;
  }
  return best;
}

// Many sums, so that none waits for itself; the compiler must take them for different ones.
template <class M>
static double instruction() {
  constexpr int sums = registerLanes == 16 ? 24 : 10, times = 2'000'000;
  return gflops([] {
    Register sum[sums] = {};
    Register left = Register{} + 0.5f, right = Register{} + 0.25f;
    for (Register& one : sum) QT_UNKNOWN(one);
    for (int i = 0; i < times; ++i) {
      QT_UNKNOWN(left);
#pragma GCC unroll 24
      for (int s = 0; s < sums; ++s) sum[s] = M::multiply(sum[s], left, right);
    }
    for (Register& one : sum) QT_UNKNOWN(one);
    return 2.0 * sums * times * registerLanes * M::perStep;
  });
}

#if defined(__AMX_BF16__)
template <>
double instruction<MultiplyBF16>() {
  const MultiplyBF16::Scope scope;
  constexpr int times = 2'000'000;
  return gflops([] {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(6);
    for (int i = 0; i < times; ++i) {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 6);
      _tile_dpbf16ps(2, 4, 6);
      _tile_dpbf16ps(3, 4, 6);
    }
    return 2.0 * 4 * times * MultiplyBF16::panelRows * lanes * MultiplyBF16::perStep;
  });
}
#endif

// On a border of cache lines, for the life of the program.
template <class T>
static T* zeros(std::size_t count) {
  const std::size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
  return static_cast<T*>(std::memset(std::aligned_alloc(64, bytes), 0, bytes));
}

// A tile of training: 1,024 rows.
template <class M>
static double packedProduct(int depth) {
  using Element = typename M::Element;
  [[maybe_unused]] const typename M::Scope scope;
  constexpr int rows = 1024, columns = M::tileColumns;
  const int steps = stepsOf<M>(depth);
  const std::size_t leftPanel = static_cast<std::size_t>(steps) * M::panelRows * M::perStep, rightPanel = static_cast<std::size_t>(steps) * lanes * M::perStep;
  Element* left = zeros<Element>((rows / M::panelRows + 1) * leftPanel);
  Element* right = zeros<Element>(columns / lanes * rightPanel);
  std::vector<float> out(rows * columns);
  const int times = 20000 / depth + 1;
  return gflops([&] {
    for (int i = 0; i < times; ++i)
      multiplyPacked<M>(left, leftPanel, rows, right, rightPanel, columns / lanes, steps, out.data(), columns, false);
    return 2.0 * rows * columns * depth * times;
  });
}

template <class M>
static void print(const char* name) {
  std::printf("%-9s instruction alone %.0f", name, instruction<M>());
  for (const int depth : {592, 256, 64, 16}) std::printf("  %d deep %.0f", depth, packedProduct<M>(depth));
  std::printf("\n");
}

int main() {
  kernels();  // asks the system for tile registers
  if constexpr (MultiplyBF16::perWord == 2) print<MultiplyBF16>("bfloat16");
  print<MultiplyF32>("float32");
}
