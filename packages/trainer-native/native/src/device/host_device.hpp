// The processor: kernels of the best instruction set over a pool of threads.
#pragma once
#include <deque>
#include <vector>

#include "../memory.hpp"
#include "../product.hpp"
#include "../threads.hpp"
#include "device.hpp"

namespace qt {

class HostNeeds final : public DeviceNeeds {
 public:
  HostNeeds(const KernelTable& kernels, int threads, DType precision) : kernels_(kernels), threads_(threads), bf16_(precision == DType::BF16) {}
  std::size_t packedLeft(std::int64_t rows, std::int64_t depth) const override { return roundUpBytes(kernels_.packedLeftBytes[bf16_](rows, depth)); }
  std::size_t scratch(const ModelSpec& spec, std::int64_t mostRows) const override;
  std::size_t tables(const ModelSpec&, const TrainerOptions&) const override { return 0; }
  std::size_t optimiserRoom(OptimizerKind kind, const TensorShape& shape) const override;

 private:
  const KernelTable& kernels_;
  int threads_;
  bool bf16_;
};

class HostDevice final : public Device {
 public:
  HostDevice(ThreadPool& pool, const KernelTable& kernels, DType precision);
  const DeviceNeeds& needs() const override { return needs_; }

  unsigned char* allocate(std::size_t bytes) override { return arenas_.emplace_back(bytes).data(); }
  void copyIn(void* to, const void* callers, std::size_t bytes) override;
  void copyOut(void* callers, const void* from, std::size_t bytes) override;
  void zero(void* to, std::size_t bytes) override;
  void copy(void* to, const void* from, std::size_t bytes) override { copyIn(to, from, bytes); }
  bool isHost() const override { return true; }
  void reserve(std::size_t) override {}
  const void* resident(const void* callers, std::size_t) override { return callers; }
  void useScratch(unsigned char* scratch, std::size_t bytes) override;
  void useTables(const ModelSpec&, const TrainerOptions&, unsigned char*) override {}

  // The machine's memory is its own: what lies there already is not copied away.
  unsigned char* allocateBeside(std::size_t) override { return nullptr; }
  void copyBeside(int, void*, const void*, std::size_t) override {}
  void awaitCopy(int) override {}

  void begin(const Batch& batch, std::int32_t kvHeads) override;
  void embed(const MatrixView& table, void* out, float scale, const EmbeddingNoise& noise) override;
  void embeddingGradient(const float* dx, float* to, std::int64_t columns, float scale) override;

  LeftSide pack(const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth, void* room) override;
  void multiply(Product& product) override { qt::multiply(products_, product); }
  void decode(const MatrixView& callers, float* to) override;

  void rmsNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon) override;
  void rmsNormApply(const void* x, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns) override;
  void rmsNormAdd(const void* x, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns,
                  float epsilon) override;
  void rmsNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows,
                       std::int64_t columns) override;
  void rmsNormBackwardInPlace(const void* x, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns) override;
  void rmsNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns) override;

  void prepareHeads(std::span<const RawHeads> heads, std::int32_t headDim, const RotaryTable* rotary, float epsilon) override;
  void rotateBack(std::span<const Heads> heads, std::int32_t headDim, const RotaryTable& rotary) override;
  void attention(const AttentionForward& a) override;
  void attentionBackward(const AttentionBackward& a) override;

  void gated(Activation activation, const void* gate, const void* up, void* out, std::int64_t rows, std::int64_t columns) override;
  void gatedBackward(const GatedBackward& g, std::int64_t rows, std::int64_t columns) override;
  void narrow(const float* x, void* out, std::int64_t rows, std::int64_t columns) override;
  void add(void* out, const void* x, std::int64_t rows, std::int64_t columns) override;
  void columnSums(const void* x, float* sums, std::int64_t rows, std::int64_t columns) override;
  void dropout(const void* x, void* out, std::int64_t rows, std::int64_t columns, const Dropout& o) override;

  void beginLoss(std::span<const std::int32_t> carrying) override;
  void lossNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t first, std::int64_t rows, std::int64_t columns,
                float epsilon) override;
  LeftSide crossEntropy(const LossChunk& chunk) override;
  void lossNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t first, std::int64_t rows,
                        std::int64_t columns) override;
  void lossNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t first, std::int64_t rows,
                          std::int64_t columns) override;
  void endLoss(std::span<float> losses, std::span<unsigned char> correct) override;

  void rowSquares(const MatrixView& weight, float* squares) override;
  void adaptedNorms(const AdaptedWeight& adapted, const float* squares, float* norms, float* scratch) override;
  void normsToScales(float* norms, const float* magnitude, std::int64_t count) override;
  void magnitudeGradients(const MatrixView& dy, const void* y, void* dz, const Magnitudes& m) override;
  bool principal(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort) override;

  void addTo(float* sums, const float* x, std::int64_t count) override;
  double sumOfSquares(std::span<const std::span<const float>> stretches) override;
  void optimise(OptimizerKind kind, const OptimizedTensor& tensor, const OptimizerStep& step, float* scratch) override;
  void follow(float* average, const float* parameter, std::int64_t count, float decay) override;

 private:
  template <class Body>
  void overRows(std::int64_t rows, const Body& body);
  template <class Body>
  void overColumns(std::int64_t columns, const Body& body);
  const unsigned char* row(const void* data, std::int64_t index, std::int64_t columns) const;
  unsigned char* row(void* data, std::int64_t index, std::int64_t columns) const;
  void addNoise(float* row, std::int64_t token, std::int64_t columns, const EmbeddingNoise& noise) const;
  float weightAt(std::int32_t token) const { return batch_.weights == nullptr ? 1.0f : batch_.weights[token]; }

  ThreadPool& pool_;
  const KernelTable& kernels_;
  const DType precision_;
  const ActivationOps& ops_;
  HostNeeds needs_;
  ProductContext products_;
  std::deque<Arena> arenas_;

  Batch batch_;
  std::vector<std::int32_t> positions_;  // within documents
  std::vector<AttentionTile> tiles_;     // documents in order, long tiles first within each
  std::span<const std::int32_t> carrying_;
  std::vector<float> losses_;
  std::vector<unsigned char> correct_;
};

}  // namespace qt
