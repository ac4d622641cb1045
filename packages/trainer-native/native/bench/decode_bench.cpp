// Tokens a second of generation by threads, on random weights in the shape of SmolLM2-135M (Q4_1, its output Q8_0): no file needed.
// usage: decode_bench [THREADS] [CONTEXT] [SEQUENCES]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "generate/host_cache.hpp"
#include "generate/session.hpp"
#include "random_model.hpp"

using namespace qt;

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 2, context = argc > 2 ? std::atoi(argv[2]) : 256, sequences = argc > 3 ? std::atoi(argv[3]) : 1;
  const Model model = randomModel(smolSpec(), TensorType::Q4_1, TensorType::Q8_0);
  const ModelSpec& s = model.spec;
  ThreadPool pool(threads);
  Session session(model, {context + 200, true, true}, pool, kernels());
  const std::atomic<bool> abort{false};
  const AdapterSet none;
  std::vector<std::unique_ptr<HostCache>> caches;
  std::vector<std::int32_t> prompt(context, 7);
  std::vector<float> logits(static_cast<std::size_t>(sequences) * s.vocabulary);
  const auto seconds = [](auto&& body) {
    const auto begin = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  std::vector<DecodeItem> items;
  double promptTime = 1e9;
  for (int i = 0; i < sequences; ++i) {
    caches.push_back(std::make_unique<HostCache>(s, CacheType::F16, context + 200));
    promptTime = std::min(promptTime, seconds([&] { session.append(*caches[i], none, prompt.data(), context, 1, logits.data(), false, abort); }));
    items.push_back({caches[i].get(), &none, 7});
  }
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    for (auto& cache : caches) cache->truncate(context);
    best = std::min(best, seconds([&] {
                      for (int t = 0; t < 100; ++t) session.decode(items.data(), sequences, logits.data(), abort);
                    }) / 100);
  }
  std::printf("%d threads, context %d, %d sequences: prompt %.0f tokens/s, %.2f ms a step, %.1f tokens/s\n", threads, context, sequences,
              context / promptTime, best * 1e3, sequences / best);
}
