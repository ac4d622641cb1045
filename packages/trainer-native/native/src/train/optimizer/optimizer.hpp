// What an optimiser is to the trainer: which arrays it keeps of a tensor, and how it takes a step.
#pragma once
#include <cstdint>
#include <vector>

#include "../../kernels/table.hpp"
#include "../../product.hpp"
#include "../../threads.hpp"

namespace qt {

enum class OptimizerKind : std::uint8_t { AdamW, AdamW8bit, Adafactor, Sgd, Muon };

enum class StateType : std::uint8_t { F32, U8 };

// An array that an optimiser keeps of one tensor. Checkpoints write it under `name`, in its type.
struct StateArray {
  const char* name;
  StateType type;
  std::size_t count;
  std::int64_t numbers = 1;  // of the tensor, as they lie one after the other, that an entry is of
  std::size_t offset = 0;    // bytes, in the optimiser's memory

  std::size_t bytes() const { return count * (type == StateType::F32 ? 4 : 1); }
};

// One step, the same for all tensors of a group but for rate and decay. Decay is decoupled: p ← p − rate·decay·p.
struct OptimizerStep {
  float learningRate, beta1, beta2, epsilon, weightDecay;
  float gradScale;    // from clipping
  std::int64_t step;  // from 1
};

// What an optimiser has to know of a tensor before there are numbers.
struct TensorShape {
  std::int64_t rows, columns;
  bool hidden;             // a matrix of a block's own, which Muon makes orthogonal: no embedding, norm or adapter
  bool inFloat32 = false;  // whatever else its moments would be kept in

  std::int64_t size() const { return rows * columns; }
};

struct OptimizedTensor {
  TensorShape shape;
  float* parameter;
  const float* gradient;
  const std::vector<StateArray>* arrays;
  unsigned char* state;  // what their offsets count from

  template <class T>
  T* array(std::size_t index) const { return reinterpret_cast<T*>(state + (*arrays)[index].offset); }
};

struct OptimizerContext {
  const ProductContext& products;
  float* scratch;  // as many floats as scratchOf asked for
  ThreadPool& pool() const { return *products.pool; }
  const KernelTable& kernels() const { return *products.kernels; }
};

struct Optimizer {
  std::vector<StateArray> (*stateOf)(const TensorShape& shape);
  void (*update)(const OptimizedTensor& tensor, const OptimizerStep& step, const OptimizerContext& context);
  std::size_t (*scratchOf)(const TensorShape& shape) = nullptr;  // floats; null: none
};

// AdamW's numbers of a step.
AdamStep adamStep(const OptimizerStep& step);

extern const Optimizer adamw, adamw8bit, adafactor, sgd, muon;

inline const Optimizer& optimizerOf(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::AdamW8bit: return adamw8bit;
    case OptimizerKind::Adafactor: return adafactor;
    case OptimizerKind::Sgd: return sgd;
    case OptimizerKind::Muon: return muon;
    default: return adamw;
  }
}

// Elements of one task: large enough to be worth handing out, fixed so that results do not depend on threads.
inline constexpr std::int64_t elementsPerTask = 1 << 15;

// Calls body(begin, end) over elements, in tasks of fixed size.
template <class Body>
void overElements(ThreadPool& pool, std::int64_t count, const Body& body) {
  pool.run((count + elementsPerTask - 1) / elementsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * elementsPerTask;
    body(begin, begin + elementsPerTask < count ? begin + elementsPerTask : count);
  });
}

// Σ of(begin, end) over tasks of fixed size, added in their order.
template <class Body>
double sumOverElements(ThreadPool& pool, std::int64_t count, const Body& of) {
  std::vector<double> parts(static_cast<std::size_t>((count + elementsPerTask - 1) / elementsPerTask));
  overElements(pool, count, [&](std::int64_t begin, std::int64_t end) { parts[begin / elementsPerTask] = of(begin, end); });
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

}  // namespace qt
