// Generation on the processor: products in tiles for prompts, row by row for single tokens.
#pragma once
#include <list>
#include <memory>
#include <vector>

#include "../device/generation.hpp"
#include "../kernels/dots.hpp"
#include "../memory.hpp"
#include "../product.hpp"
#include "../threads.hpp"
#include "host_cache.hpp"

namespace qt {

class HostGeneration final : public GenerationDevice {
 public:
  // `rows`: of a pass, at most. `dots`: multiply single tokens in 8 bits with weights that are stored in blocks.
  HostGeneration(const ModelSpec& spec, std::int32_t rows, bool dots, ThreadPool& pool, const KernelTable& kernels);

  unsigned char* allocate(std::size_t bytes) override { return arenas_.emplace_back(bytes).data(); }
  const void* resident(const void* callers, std::size_t) override { return callers; }
  void release(const void* memory) override { arenas_.remove_if([memory](const Arena& arena) { return arena.data() == memory; }); }
  bool callersMemory() const override { return true; }
  void copyOut(float* callers, const float* from, std::size_t count) override;
  std::unique_ptr<KvCache> makeCache(CacheType type, std::int32_t positions, bool) override { return std::make_unique<HostCache>(spec_, type, positions); }
  void adaptedNorms(const AdaptedWeight& adapted, float* norms) override;

  void begin(const Pass& pass) override;
  void embed(const MatrixView& table, std::int32_t begin, std::int32_t count, float scale, float* x) override;
  RowsIn normalise(const float* x, const float* weight, float* out) override;
  void normaliseAdd(float* x, float* added, const float* weight) override;
  void normaliseRows(const float* x, const float* weight, float* out, std::span<const std::int32_t> rows) override;
  void multiply(const RowsIn& in, RowCount count, std::span<const RowsOut> products, bool tiled) override;
  void gated(float* gate, const float* up) override;
  const void* multiplyGated(const RowsIn& in, const MatrixView& gate, const MatrixView& up) override;
  void add(float* out, const float* x, std::int64_t count) override { kernels_.addScaled(out, x, 1.0f, count); }
  void copy(float* out, const float* x, std::int64_t count) override;
  void addBias(float* x, const float* bias, std::int32_t rows, std::int32_t columns) override;
  void stretch(float* out, const float* plain, const float* added, const float* c, std::int32_t rows, std::int32_t columns) override;
  void store(const HeadsOfLayer& heads) override;
  RowsIn attend(std::int32_t layer, const float* q, float* out) override;
  void softcap(float* logits, std::int64_t count, float cap) override { kernels_.softcap(logits, count, cap); }
  void foretell(const float* logits, std::span<const Foretold> foretold, float* logs, std::uint8_t* likeliest) override;
  void addSums(const float* x, std::int32_t rows, std::int64_t columns, bool squares, double* sums) override;
  void addCosines(const float* a, const float* b, std::int32_t rows, std::int64_t columns, double& sum) override;

 private:
  std::int32_t rows() const { return static_cast<std::int32_t>(pass_.ids.size()); }
  void normaliseInto(const float* x, const float* weight, float* out);
  void multiplyRows(const float* x, std::int32_t count, std::span<const RowsOut> products);
  const void* attendTiles(std::int32_t layer, const CacheRows& sequence, const float* q, float* out);
  void attendRows(std::int32_t layer, const float* q, float* out);

  const ModelSpec& spec_;
  const bool dots_;
  ThreadPool& pool_;
  const KernelTable& kernels_;
  const DotKernels& dotKernels_;
  std::list<Arena> arenas_;

  Pass pass_;
  std::vector<float> partial_, inverse_, stretches_;
  std::vector<float> scales_, sums_;
  std::vector<std::int8_t> codes_;
  std::unique_ptr<Arena> packed_, gated_, scratch_, wide_;  // gated_: packed for Down; wide_: keys, values, queries and outputs of a prompt's attention
  ProductContext products_;
};

}  // namespace qt
