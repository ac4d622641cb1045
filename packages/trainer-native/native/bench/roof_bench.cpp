// The roof of products on one core: the multiplication alone over registers, then the inner loop of every product with both sides packed, by
// depth. Compiled for the best instruction set that this machine has; times are the processor's. GFLOP/s.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "kernels/impl/vec.inl"
#include "kernels/impl/micro.inl"

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

// A tile of training: 1,024 rows by 96 columns.
template <class M>
static double packedProduct(int depth) {
  using Element = typename M::Element;
  constexpr int rows = 1024, columns = 96;
  const int steps = stepsOf<M>(depth);
  const std::size_t leftPanel = static_cast<std::size_t>(steps) * panelRows * M::perStep, rightPanel = static_cast<std::size_t>(steps) * lanes * M::perStep;
  std::vector<Element> left((rows / panelRows + 1) * leftPanel), right(columns / lanes * rightPanel);
  std::memset(left.data(), 0, left.size() * sizeof(Element));
  std::memset(right.data(), 0, right.size() * sizeof(Element));
  std::vector<float> out(rows * columns);
  const int times = 20000 / depth + 1;
  return gflops([&] {
    for (int i = 0; i < times; ++i)
      multiplyPacked<M>(left.data(), leftPanel, rows, right.data(), rightPanel, columns / lanes, steps, out.data(), columns, false);
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
  if constexpr (MultiplyBF16::perStep == 2) print<MultiplyBF16>("bfloat16");
  print<MultiplyF32>("float32");
}
