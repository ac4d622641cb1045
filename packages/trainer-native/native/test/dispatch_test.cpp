// A kernel set is used only if it agrees with plain loops: each that is offered does, and one that is wrong anywhere does not.
#include "check.hpp"
#include "kernels/table.hpp"

using namespace qt;

namespace {

KernelTable sound;  // what the broken tables call, before they spoil it

template <int Wide>
void spoiltProduct(const Product& p, std::int64_t row, std::int64_t column, void* scratch) {
  sound.productTile[Wide](p, row, column, scratch);
  if (row == 0 && column == 0) static_cast<float*>(p.out)[0] += 0.5f;
}

float spoiltLoss(float* logits, std::int64_t vocabulary, std::int32_t target, float weight, float smoothing, bool gradient, float softcap,
                 bool* correct) {
  return sound.crossEntropy(logits, vocabulary, target, weight, smoothing, gradient, softcap, correct) + 1e-3f;
}

}  // namespace

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  CHECK(count > 0);
  for (int n = 0; n < count; ++n) {
    sound = kernels(names[n]);
    CHECK(agreesWithPlainLoops(sound));
    KernelTable broken = sound;
    broken.productTile[0] = spoiltProduct<0>;
    CHECK(!agreesWithPlainLoops(broken));
    broken = sound;
    broken.productTile[1] = spoiltProduct<1>;
    CHECK(!agreesWithPlainLoops(broken));
    broken = sound;
    broken.crossEntropy = spoiltLoss;
    CHECK(!agreesWithPlainLoops(broken));
  }
  return report("dispatch_test");
}
