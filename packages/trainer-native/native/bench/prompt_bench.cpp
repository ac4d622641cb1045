// Tokens a second of reading a prompt, on random weights in the shape of SmolLM2-135M (Q4_1, its output Q8_0): no file needed. The best of
// several passes, of which each begins with an empty cache and ends with the last token's logits; on a busy machine the processor time says more.
// usage: prompt_bench [THREADS] [TOKENS] [PASSES] [LAYERS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "generate/host_cache.hpp"
#include "generate/session.hpp"
#include "random_model.hpp"

using namespace qt;

static double processorTime() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 2, tokens = argc > 2 ? std::atoi(argv[2]) : 481, passes = argc > 3 ? std::atoi(argv[3]) : 20;
  ModelSpec spec = smolSpec();
  if (argc > 4) spec.layers = std::atoi(argv[4]);  // few: a pass is over before the system gives the core to somebody else
  const Model model = randomModel(spec, TensorType::Q4_1, TensorType::Q8_0);
  ThreadPool pool(threads);
  const KernelTable& table = kernels(std::getenv("QT_KERNELS"));
  Session session(model, {tokens, true, true}, pool, table);
  HostCache cache(model.spec, CacheType::F16, tokens);
  const std::vector<std::int32_t> prompt(tokens, 7);
  std::vector<float> logits(model.spec.vocabulary);
  double best = 1e9, leastWork = 1e9;
  for (int pass = 0; pass < passes; ++pass) {
    cache.truncate(0);
    const auto begin = std::chrono::steady_clock::now();
    const double before = processorTime();
    session.append(cache, {}, prompt.data(), tokens, 1, logits.data(), false, {false});
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    leastWork = std::min(leastWork, processorTime() - before);
  }
  std::printf("%s, %d threads, %d tokens: %.1f ms, %.0f tokens/s; %.1f ms of processor time\n", table.name, threads, tokens, best * 1e3, tokens / best, leastWork * 1e3);
}
