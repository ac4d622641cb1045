// One tensor and an optimiser of the engine on the CPU, to compare the GPU's with.
#pragma once
#include <algorithm>

#include "aligned_bytes.hpp"
#include "array.hpp"
#include "check.hpp"
#include "numbers.hpp"
#include "kernels/squares.hpp"
#include "train/optimizer/optimizer.hpp"

namespace qt::cuda {

inline constexpr float gradScale = 0.5f;
inline const OptimizerStep hyper{1e-2f, 0.9f, 0.99f, 1e-8f, 0.1f, gradScale, 3};

struct Cpu {
  ThreadPool pool{1};
  TensorShape shape;
  std::size_t scratchBytes;
  std::shared_ptr<unsigned char> productScratch;
  std::vector<float> parameter, gradient;
  std::vector<StateArray> arrays;
  std::vector<unsigned char> state;
  std::vector<float> scratch;

  Cpu(const Optimizer& optimizer, const TensorShape& shape)
      : shape(shape),
        scratchBytes((mostProductScratch(std::max(shape.rows, shape.columns), std::max(shape.rows, shape.columns), kernels()) + 63) / 64 * 64),
        productScratch(alignedBytes(scratchBytes)),
        parameter(shape.size()),
        gradient(shape.size()),
        arrays(optimizer.stateOf(shape)),
        scratch(optimizer.scratchOf == nullptr ? 0 : optimizer.scratchOf(shape)) {
    std::size_t at = 0;
    for (StateArray& a : arrays) {
      a.offset = at;
      at += (a.bytes() + 63) / 64 * 64;
    }
    state.resize(at);
    for (std::int64_t i = 0; i < shape.size(); ++i) parameter[i] = drawn(i, 1);
  }
  void drawGradient(std::int64_t step) {
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = drawn(i, static_cast<std::uint32_t>(10 + step)) * (i % 7 == 0 ? 1e-4f : 1.0f);
  }
  void update(const Optimizer& optimizer, std::int64_t step) {
    OptimizerStep o = hyper;
    o.step = step;
    const ProductContext products{&kernels(), &pool, false, productScratch.get(), scratchBytes};
    optimizer.update({shape, parameter.data(), gradient.data(), &arrays, state.data()}, o, {products, scratch.data()});
  }
  template <class T>
  const T* array(int i) const {
    return reinterpret_cast<const T*>(state.data() + arrays[i].offset);
  }
};

template <class A>
void close(const char* what, const A& found, const float* expected, double tolerance) {
  int wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) wrong += !(std::fabs(found[i] - expected[i]) <= tolerance * (1e-3 + std::fabs(expected[i])));
  if (wrong != 0) {
    ++failures;
    std::printf("%s: %d of %zu differ\n", what, wrong, found.size());
  }
}

struct Norm {
  mutable Array<GradientNorm> at{1};
  Norm(float scale, bool finite) { at[0] = {1.0, scale, finite}; }
};

}  // namespace qt::cuda
