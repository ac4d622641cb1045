// Time and arithmetic of one training step on random weights in the shape of SmolLM2-135M: no file needed.
// usage: step_bench [lora|dora|full] [BF16|Q4_1|F32] [bf16|f32] [THREADS] [ROWS] [LENGTH] [STEPS] [checkpointing]
// Prints the best of the steps, in time and in the processor's time, which other work on the machine disturbs less.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "random_model.hpp"
#include "train/trainer.hpp"

using namespace qt;

static double now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

int main(int argc, char** argv) {
  const auto text = [&](int i, const char* otherwise) { return argc > i ? argv[i] : otherwise; };
  const auto number = [&](int i, int otherwise) { return argc > i ? std::atoi(argv[i]) : otherwise; };
  const char *kind = text(1, "lora"), *stored = text(2, "BF16"), *precision = text(3, "bf16");
  const int rows = number(5, 4), length = number(6, 512), steps = number(7, 4), rank = 16;
  const TensorType type = std::strcmp(stored, "Q4_1") == 0 ? TensorType::Q4_1 : std::strcmp(stored, "F32") == 0 ? TensorType::F32 : TensorType::BF16;
  const Model model = randomModel(smolSpec(), type, type);
  const ModelSpec& s = model.spec;
  ThreadPool pool(number(4, availableProcessors()));
  TrainerOptions o;
  o.precision = std::strcmp(precision, "f32") == 0 ? DType::F32 : DType::BF16;
  o.full = std::strcmp(kind, "full") == 0;
  o.checkpointing = std::strcmp(text(8, ""), "checkpointing") == 0;
  o.maxTokens = rows * length;
  o.maxPositions = length;
  if (!o.full) {
    o.adapters.resize(s.layers);
    for (auto& block : o.adapters)
      for (auto& module : block) module = {rank, 2.0f, std::strcmp(kind, "dora") == 0};
  }
  Trainer trainer(model, o, pool, kernels());
  if (!o.full)
    for (std::size_t i = 0; i < trainer.parameters().size(); ++i) trainer.parameters()[i] = 1e-3f * static_cast<float>(i % 17) - 8e-3f;
  trainer.startMagnitudes();

  std::vector<std::int32_t> ids(o.maxTokens), labels(o.maxTokens), borders;
  for (int i = 0; i < o.maxTokens; ++i) ids[i] = labels[i] = (i * 7919 + 13) % s.vocabulary;
  for (int r = 0; r <= rows; ++r) borders.push_back(r * length);
  const Batch batch{ids.data(), labels.data(), borders.data(), o.maxTokens, rows, nullptr};
  UpdateOptions update{{}, 0.9f, 0.999f, 1e-8f, 1.0f, 1};
  update.groups.fill({1e-5f, 0.0f});
  const std::atomic<bool> abort{false};
  double best = 1e9, work = 1e9, loss = 0;
  for (int step = 0; step < steps; ++step) {
    const double begin = now(CLOCK_MONOTONIC), processor = now(CLOCK_PROCESS_CPUTIME_ID);
    const LossSum sum = trainer.forwardBackward(batch, 1.0f / o.maxTokens, step, abort);
    update.step = step + 1;
    trainer.update(update);
    best = std::min(best, now(CLOCK_MONOTONIC) - begin);
    work = std::min(work, now(CLOCK_PROCESS_CPUTIME_ID) - processor);
    loss = sum.loss / sum.weight;
  }
  // Per token: every frozen parameter forward and backward (a trained one also its gradient), every adapter three times, attention's
  // two products forward and five backward over half the length.
  double parameters = static_cast<double>(s.vocabulary) * s.dModel, adapters = 0;
  for (int p = 0; p < projectionCount; ++p) {
    const Shape shape = projectionShape(s, p);
    parameters += static_cast<double>(s.layers) * shape.rows * shape.columns;
    adapters += static_cast<double>(s.layers) * rank * (shape.rows + shape.columns);
  }
  const double attention = 7.0 * s.layers * s.attentionWidth() * length;
  const double flops = (o.full ? 6 * parameters : 4 * parameters + 6 * adapters) + attention;
  std::printf("%s %s %s: %.0f ms a step, %.1f tokens/s, %.0f GFLOP/s of %.3f GFLOP a token; processor %.0f ms; arena %.0f MiB; loss %.6f\n", kind, stored,
              precision, best * 1e3, o.maxTokens / best, flops * o.maxTokens / best / 1e9, flops / 1e9, work * 1e3,
              static_cast<double>(trainer.layout().plan.size()) / 1048576, loss);
}
