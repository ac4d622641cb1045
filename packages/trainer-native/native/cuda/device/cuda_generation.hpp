// A graphics card as generation's device: keys and values in pages out of pools that are planned when it is made.
#pragma once
#include <memory>
#include <vector>

#include "cuda_device.hpp"
#include "device/generation.hpp"
#include "pages.hpp"

namespace qt::cuda {

class CudaGeneration final : public GenerationDevice {
 public:
  // Throws, within the library, when the GPU has not the memory for what was planned and for one whole sequence.
  CudaGeneration(int index, const ModelSpec& spec, const GenerationOptions& options);

  const char* failure() noexcept override { return device_.failure(); }
  bool recover() noexcept override { return device_.recover(); }
  unsigned char* allocate(std::size_t bytes) noexcept override { return device_.allocate(bytes); }
  void release(const void* memory) noexcept override { device_.release(memory); }
  const void* resident(const void* callers, std::size_t bytes) noexcept override { return device_.resident(callers, bytes); }
  bool callersMemory() const noexcept override { return false; }
  void copyOut(float* callers, const float* from, std::size_t count) noexcept override { device_.copyOut(callers, from, count * sizeof(float)); }
  void ready() noexcept override;
  std::unique_ptr<KvCache> makeCache(CacheType type, std::int32_t positions, bool passing) noexcept override;
  std::vector<std::int32_t> withoutRoom(std::span<const CacheRows> sequences) noexcept override;
  void adaptedNorms(const AdaptedWeight& adapted, float* norms) noexcept override;

  void begin(const Pass& pass) noexcept override;
  void embed(const MatrixView& table, std::int32_t begin, std::int32_t count, float scale, float* x) noexcept override;
  RowsIn normalise(const float* x, const float* weight, float* out) noexcept override;
  void normaliseAdd(float* x, float* added, const float* weight) noexcept override;
  void normaliseRows(const float* x, const float* weight, float* out, std::span<const std::int32_t> rows) noexcept override;
  void multiply(const RowsIn& in, RowCount count, std::span<const RowsOut> products, bool tiled) noexcept override;
  void gated(float* gate, const float* up) noexcept override;
  void add(float* out, const float* x, std::int64_t count) noexcept override;
  void copy(float* out, const float* x, std::int64_t count) noexcept override;
  void addBias(float* x, const float* bias, std::int32_t rows, std::int32_t columns) noexcept override;
  void stretch(float* out, const float* plain, const float* added, const float* c, std::int32_t rows, std::int32_t columns) noexcept override;
  void store(const HeadsOfLayer& heads) noexcept override;
  RowsIn attend(std::int32_t layer, const float* q, float* out) noexcept override;
  void softcap(float* logits, std::int64_t count, float cap) noexcept override;
  void foretell(const float* logits, std::span<const Foretold> foretold, float* logs, std::uint8_t* likeliest) noexcept override;
  void addSums(const float* x, std::int32_t rows, std::int64_t columns, bool squares, double* sums) noexcept override;
  void addCosines(const float* a, const float* b, std::int32_t rows, std::int64_t columns, double& sum) noexcept override;

 private:
  // Pages of one kind: of sequences of the planned type, of others in float32, or of those that pass, which need one layer at a time.
  struct Region {
    CacheType type;
    std::int32_t pages;
    std::int32_t layers;
    std::shared_ptr<PagePool> pool;
    unsigned char* data = nullptr;
  };
  // Rows whose keys and values a sequence that goes on from another one needs for itself.
  struct Copied {
    std::int32_t row, count;
    std::int64_t at;  // in copiedSequences_
  };

  std::size_t poolBytes(const Region& region, std::int32_t pages) const;
  std::size_t freeMemory() const;
  std::int32_t rows() const { return static_cast<std::int32_t>(pass_.ids.size()); }
  AttentionShape shape(std::int32_t layer) const;
  KvPages pagesOf(std::int32_t layer) const;
  void takePools();
  void prepare(const Pass& pass);
  std::vector<std::int32_t> lackingRoom(std::span<const CacheRows> sequences) const;
  std::vector<double> copied(const double* from, std::int64_t count);
  void takePages();
  void lendPages();
  void uploadTables();
  void multiplyRow(const float* x, std::int32_t count, const RowsOut& product);
  void multiplyTiles(const float* x, std::int32_t rows, const RowsOut& product);
  void planTiles(DType type, std::int32_t before, std::int32_t all);
  void attendTiles(std::int32_t layer, const float* q, float* out);
  template <class T>
  T* taken(std::size_t count);

  const ModelSpec& spec_;
  const GenerationOptions options_;
  const int index_;
  CudaDevice device_;
  std::vector<Region> regions_;
  std::size_t decodeBytes_;

  Pass pass_;
  std::size_t region_ = 0;  // of the pass at hand
  std::int32_t longest_ = 0;
  std::int64_t tableStride_ = 0;
  std::vector<Copied> copied_;
  std::int64_t spanCount_ = 0;  // of the pass's tiles of attention, once they are planned
  const std::int32_t *ids_ = nullptr, *positions_ = nullptr, *sequences_ = nullptr, *table_ = nullptr;  // in tables_
  Buffer tables_, copiedSequences_, rowNumbers_, spans_, foretold_, logs_, likeliest_, doubles_;
  // Planned: single rows on their way into sums, numbers of norms, parts of attention, and a prompt's keys, values, queries and outputs.
  float *partial_, *inverse_, *parts_, *logSumExp_;
  unsigned char *keys_, *values_, *queries_, *outputs_;
};

}  // namespace qt::cuda
