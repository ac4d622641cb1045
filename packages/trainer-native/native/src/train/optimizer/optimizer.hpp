// What an optimiser is to the trainer: which arrays it keeps of a tensor, and how it takes a step.
#pragma once
#include <cstdint>
#include <vector>

#include "../../kernels/table.hpp"
#include "../../threads.hpp"

namespace qt {

enum class OptimizerKind : std::uint8_t { AdamW };

enum class StateType : std::uint8_t { F32, U8 };

// An array that an optimiser keeps of one tensor. Checkpoints write it under `name`, in its type.
struct StateArray {
  const char* name;
  StateType type;
  std::size_t count;
  std::size_t offset = 0;  // bytes, in the optimiser's memory

  std::size_t bytes() const { return count * (type == StateType::F32 ? 4 : 1); }
};

// One step, the same for all tensors of a group but for rate and decay.
struct OptimizerStep {
  float learningRate, beta1, beta2, epsilon, weightDecay;
  float gradScale;    // from clipping
  std::int64_t step;  // from 1
};

struct OptimizedTensor {
  std::int64_t rows, columns;
  float* parameter;
  const float* gradient;
  const std::vector<StateArray>* arrays;
  unsigned char* state;  // what their offsets count from

  std::int64_t size() const { return rows * columns; }
  template <class T>
  T* array(std::size_t index) const { return reinterpret_cast<T*>(state + (*arrays)[index].offset); }
};

struct OptimizerContext {
  ThreadPool& pool;
  const KernelTable& kernels;
};

struct Optimizer {
  std::vector<StateArray> (*stateOf)(std::int64_t rows, std::int64_t columns);
  void (*update)(const OptimizedTensor& tensor, const OptimizerStep& step, const OptimizerContext& context);
};

extern const Optimizer adamw;

inline const Optimizer& optimizerOf(OptimizerKind) { return adamw; }

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

}  // namespace qt
