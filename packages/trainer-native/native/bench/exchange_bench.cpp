// The exchange of a whole model's gradients between processes, in the shape of SmolLM2-135M: alone, and as part of a step.
// usage: mpirun -n 2 exchange_bench [THREADS] [TOKENS] [STEPS] · or with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, over TCP
// Prints one line of JSON: megabytes a second (gradients summed and handed to everybody, by their size; of several processes), the
// milliseconds of a step that each process takes for itself, while the others do so too, and of one that they share, and the part of that
// in which they only waited for gradients.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "parallel/data_parallel.hpp"
#include "random_model.hpp"

using namespace qt;

namespace {

double now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

JobAddress address() {
  JobAddress job;
  const char *rank = std::getenv("RANK"), *size = std::getenv("WORLD_SIZE"), *host = std::getenv("MASTER_ADDR"), *port = std::getenv("MASTER_PORT");
  if (rank == nullptr || size == nullptr || host == nullptr || port == nullptr) return job;
  job.kind = JobAddress::Kind::Tcp;
  job.member.rank = std::atoi(rank);
  job.member.size = std::atoi(size);
  job.host = host;
  job.port = static_cast<std::uint16_t>(std::atoi(port));
  const char* memory = std::getenv("QT_JOB_SHARED_MEMORY");
  job.sharedMemory = memory == nullptr || std::strcmp(memory, "0") != 0;
  return job;
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, int otherwise) { return argc > i ? std::atoi(argv[i]) : otherwise; };
  const auto all = std::make_shared<Communicator>(address());
  const int tokens = number(2, 256), steps = number(3, 3), size = all->size();
  const Model model = randomModel(smolSpec(), TensorType::BF16, TensorType::BF16);
  ThreadPool pool(number(1, 1));
  TrainerOptions o;
  o.precision = DType::BF16;
  o.full = true;
  o.optimizer = OptimizerKind::Sgd;
  o.maxTokens = o.maxPositions = tokens;
  std::vector<std::int32_t> ids(tokens), borders{0, tokens};
  for (int i = 0; i < tokens; ++i) ids[i] = (i * 7919 + 13 * all->rank()) % model.spec.vocabulary;
  const Batch batch{ids.data(), ids.data(), borders.data(), tokens, 1, nullptr};
  UpdateOptions update{{}, 0.9f, 0.999f, 1e-8f, 1.0f, 1};
  update.groups.fill({1e-5f, 0.0f});
  const std::atomic<bool> abort{false};

  double own = 1e9;
  {
    Trainer trainer(model, o, pool, kernels());
    for (int step = 0; step < steps; ++step) {
      all->run([&] { all->barrier(); });
      const double begin = now();
      trainer.forwardBackward(batch, 1.0f / tokens, step, abort);
      trainer.update(update);
      own = std::min(own, now() - begin);
    }
  }
  o.rank = all->rank();
  o.processes = size;
  Trainer trainer(model, o, pool, kernels());
  DataParallel shared(trainer, all, pool, kernels());
  const std::size_t count = trainer.trained().count;
  double alone = 1e9, together = 1e9, waited = 0;
  for (int step = 0; step < 5; ++step) {
    all->run([&] { all->barrier(); });
    const double begin = now();
    shared.begin(size);
    shared.exchange();
    all->run([&] {
      for (const Bucket& bucket : trainer.trained().buckets) {
        Cuts bytes;
        for (const std::size_t cut : bucket.cuts) bytes.push_back(cut * sizeof(float));
        all->allGather(trainer.parameters().data(), bytes);
      }
    });
    alone = std::min(alone, now() - begin);
  }
  trainer.zeroGradients();
  for (int step = 0; step < steps; ++step) {
    all->run([&] { all->barrier(); });
    const double begin = now();
    shared.begin(size);
    shared.forwardBackward(batch, 1.0f / (tokens * size), step, abort);
    const double passed = now();
    shared.exchange();
    const double exchanged = now();
    shared.update(update);
    all->run([&] { all->barrier(); });
    const double whole = now() - begin;
    if (whole >= together) continue;
    together = whole;
    waited = exchanged - passed;
  }
  if (all->rank() == 0)
    std::printf("{\"processes\": %d, \"megabytes\": %.0f, \"rate\": %.0f, \"own\": %.0f, \"shared\": %.0f, \"waited\": %.4f}\n", size,
                static_cast<double>(count) * 4e-6, size == 1 ? 0 : static_cast<double>(count) * 4e-6 / alone, own * 1e3, together * 1e3, waited / together);
  all->leave();
  return 0;
}
