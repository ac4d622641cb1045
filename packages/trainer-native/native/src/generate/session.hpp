// Running a model: tokens go in, logits come out, keys and values are kept so that nothing is computed twice.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "../memory.hpp"
#include "../model/model.hpp"
#include "../model/rotary.hpp"
#include "../product.hpp"
#include "../threads.hpp"

namespace qt {

// One adapter on one projection; several may sit on the same.
struct AppliedAdapter {
  std::int32_t layer = 0;
  std::int32_t projection = 0;
  std::int32_t rank = 0;
  float scale = 1.0f;
  std::vector<float> a;  // [rank, inputs]
  std::vector<float> b;  // [outputs, rank]
};

struct SessionOptions {
  std::int32_t contextLength = 0;
  bool bf16 = false;  // multiply bfloat16 in long prompts
};

class Session {
 public:
  Session(const Model& model, const std::vector<AppliedAdapter>& adapters, const SessionOptions& options, ThreadPool& pool, const KernelTable& kernels);

  std::int32_t length() const { return length_; }
  std::int32_t contextLength() const { return options_.contextLength; }
  // Forgets what came after the first `length` tokens.
  void truncate(std::int32_t length);

  // Appends tokens. Writes the logits of the last `wanted` of them, [wanted, vocabulary]. False: stopped by the flag, and
  // nothing was appended.
  bool append(const std::int32_t* ids, std::int32_t count, std::int32_t wanted, float* logits, const std::atomic<bool>& abort);

  std::size_t cacheBytes() const { return cache_.size(); }

 private:
  void block(int layer, std::int32_t count);
  void project(int layer, int projection, const float* x, std::int32_t count, float* out, bool accumulate);
  void times(const MatrixView& weights, const float* x, std::int32_t count, float* out, float scale, bool accumulate);
  void normalise(const float* x, const float* weight, float* out, std::int32_t count);
  void projectToResidual(int layer, int projection, const float* x, std::int32_t count, const float* postNorm);
  void normaliseAndRotate(float* x, const float* norm, const RotaryTable* rotary, std::int32_t count, std::int32_t heads);

  float* keys(int layer) { return reinterpret_cast<float*>(cache_.data()) + static_cast<std::size_t>(2 * layer) * options_.contextLength * spec_.kvWidth(); }
  float* values(int layer) { return keys(layer) + static_cast<std::size_t>(options_.contextLength) * spec_.kvWidth(); }

  const Model& model_;
  const ModelSpec& spec_;
  const std::vector<AppliedAdapter>& adapters_;
  SessionOptions options_;
  ThreadPool& pool_;
  const KernelTable& kernels_;
  Arena cache_;
  std::int32_t length_ = 0;
  RotaryTables rotary_;
  std::vector<std::int32_t> positions_;
  std::vector<float> x_, hidden_, normed_, q_, k_, v_, attention_, gate_, up_, low_, product_, scores_, inverse_;
  std::unique_ptr<Arena> packed_, scratch_;
  ProductContext products_;
};

}  // namespace qt
