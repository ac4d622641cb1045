// Where the processor's memory ends in the middle of a step on a GPU: whoever asked for the step hears of it, at whatever request for memory that is, and
// nothing else ends.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include "check.hpp"
#include "device/cuda_device.hpp"
#include "tiny.hpp"
#ifdef QT_CUDA_EMULATED
#include "emulator/fiber.hpp"
#endif

using namespace qt;

#ifdef QT_CUDA_EMULATED
namespace {
std::int64_t requestsLeft = -1;  // before one finds none; below 0: all find some
}
__attribute__((noinline)) void* operator new(std::size_t bytes) {
  // What the emulator keeps of a kernel's threads no device asks for.
  if (requestsLeft >= 0 && !cuda::emulator::Fiber::onAnyStack(&bytes) && requestsLeft-- == 0) throw std::bad_alloc();
  if (void* p = std::malloc(bytes)) return p;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* p) noexcept { std::free(p); }
__attribute__((noinline)) void operator delete(void* p, std::size_t) noexcept { std::free(p); }

int main() {
  ModelSpec spec = test::tinySpec(true, RopeLayout::Halves);
  spec.layers = 1;
  test::Tiny tiny = test::makeTiny(false, spec);
  tiny.borders = {0, 4, 8};
  tiny.ids.resize(8);
  tiny.labels.resize(8);
  tiny.options.maxTokens = 8;
  const std::atomic<bool> abort{false};
  // Its plan first, then passes of which the second captures work.
  const auto requests = [&](std::int64_t left) {
    requestsLeft = left;
    Trainer trainer(tiny.model, tiny.options, std::make_unique<cuda::CudaDevice>(0, DType::F32));
    for (std::uint32_t micro = 0; micro < 2; ++micro) trainer.forwardBackward(tiny.batch(), 1.0f / 8, micro, abort);
    const std::int64_t used = left - requestsLeft;
    requestsLeft = -1;
    return used;
  };
  constexpr std::int64_t enough = std::int64_t{1} << 40;
  requests(enough);  // what the first of a process alone asks for
  const std::int64_t all = requests(enough);
  int asked = 0, heard = 0;
  for (std::int64_t left = 0; left < all; left += 2, ++asked) {
    try {
      requests(left);
    } catch (const std::exception&) {
      ++heard;
    }
    requestsLeft = -1;
  }
  // Without what is captured a step goes on.
  CHECK(asked > 100 && heard * 10 > asked * 9);
  return report("cuda_host_memory_test");
}
#else
int main() {
  std::printf("no device: skipped 1 (it wants an emulated GPU)\n");
  return 0;
}
#endif
