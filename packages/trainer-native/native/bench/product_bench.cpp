// Speed of products at the shapes of a model: GFLOP/s by kernel set, multiplication and storage of the weights.
// With one thread the time is the processor's, so that other work on the machine matters less.
// usage: product_bench [THREADS] [KERNELS] [TYPE]   (a name of a set, or "best"; float32 or bfloat16; left out: all)
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "product.hpp"

using namespace qt;

static double now(bool processor) {
  timespec t;
  clock_gettime(processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// As the arena of a training: on a border of cache lines.
static unsigned char* aligned(std::vector<unsigned char>& bytes) {
  return reinterpret_cast<unsigned char*>((reinterpret_cast<std::uintptr_t>(bytes.data()) + 63) / 64 * 64);
}

int main(int argc, char** argv) {
  ThreadPool pool(argc > 1 ? std::atoi(argv[1]) : availableProcessors());
  const char* names[8];
  int count = availableKernels(names, 8);
  if (argc > 2) {
    count = 1;
    if (std::strcmp(argv[2], "best") != 0) names[0] = argv[2];
  }
  struct Case { int rows, columns, depth; bool transposed; } cases[] = {
      {2048, 576, 576, true}, {2048, 1536, 576, true}, {2048, 576, 1536, true}, {2048, 192, 576, true}, {2048, 1536, 576, false}, {256, 49152, 576, true},
      {2048, 2048, 2048, true}};
  std::vector<unsigned char> weights(49152ull * 2048 * 4, 0x3c);
  std::vector<unsigned char> out(2048ull * 49152 * 4 + 64);
  std::vector<unsigned char> left(2048ull * 2048 * 4 + 64, 0x3f);
  std::vector<unsigned char> packed(2064ull * 2048 * 4 + 64);
  for (int n = 0; n < count; ++n) {
    const KernelTable& k = kernels(names[n]);
    for (const bool bf16 : {false, true}) {
      if (bf16 && !k.bf16Products) continue;
      if (argc > 3 && std::strcmp(argv[3], bf16 ? "bfloat16" : "float32") != 0) continue;
      for (const TensorType type : {TensorType::F32, TensorType::BF16, TensorType::Q4_1}) {
        std::printf("%-11s %-8s %-5s", k.name, bf16 ? "bfloat16" : "float32", type == TensorType::F32 ? "F32" : type == TensorType::BF16 ? "BF16" : "Q4_1");
        for (const Case& c : cases) {
          Product p;
          p.rows = c.rows;
          p.columns = c.columns;
          p.out = aligned(out);
          p.outType = bf16 ? DType::BF16 : DType::F32;
          p.outStride = c.columns;
          p.termCount = 1;
          ProductTerm& t = p.terms[0];
          t.depth = c.depth;
          t.rightTransposed = c.transposed;
          t.right.data = weights.data();
          t.right.type = type;
          t.right.rows = c.transposed ? c.columns : c.depth;
          t.right.columns = c.transposed ? c.depth : c.columns;
          t.right.rowBytes = rowBytes(type, t.right.columns);
          const std::size_t scratch = mostProductScratch(c.rows, c.columns, k);
          std::vector<unsigned char> room(scratch * pool.threads() + 64);
          ProductContext context{&k, &pool, bf16, aligned(room), scratch};
          const MatrixView l = dense(aligned(left), bf16 ? DType::BF16 : DType::F32, c.rows, c.depth);
          double best = 1e9;
          for (int repeat = 0; repeat < 12; ++repeat) {
            const double begin = now(pool.threads() == 1);
            if (k.readsLeft[bf16](l, false, c.rows, c.depth)) {
              t.left = l;
            } else {
              packLeft(context, l, false, c.rows, c.depth, aligned(packed));
              t.packedLeft = aligned(packed);
            }
            multiply(context, p);
            const double seconds = now(pool.threads() == 1) - begin;
            best = seconds < best ? seconds : best;
          }
          std::printf("  %dx%dx%d%s %.0f", c.rows, c.columns, c.depth, c.transposed ? "" : "t", 2.0 * c.rows * c.columns * c.depth / best / 1e9);
        }
        std::printf("\n");
        std::fflush(stdout);
      }
    }
  }
}
