// A graphics card as the engine's device: its memory, and the launches that each operation is.
#pragma once
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../kernels/attention.hpp"
#include "../kernels/product.hpp"
#include "../kernels/squares.hpp"
#include "buffer.hpp"
#include "captured_work.hpp"
#include "cublaslt_products.hpp"
#include "nccl_links.hpp"

namespace qt::cuda {

// What the interface asks for throws nothing (cuda_library.hpp): where something could be thrown, check() is around it.

// What products read as it lies.
inline bool isDense(TensorType type) { return type == TensorType::F32 || type == TensorType::BF16; }

// Room for weights that lie in blocks, decoded for the product at hand, then for sums that are shared out over blocks of threads.
class CudaNeeds final : public DeviceNeeds {
 public:
  explicit CudaNeeds(DType precision) : precision_(precision) {}
  std::size_t packedLeft(std::int64_t, std::int64_t) const noexcept override { return 0; }
  std::size_t scratch(const ModelSpec& spec, std::int64_t mostRows) const noexcept override;
  std::size_t tables(const ModelSpec& spec, const TrainerOptions& options) const noexcept override;
  std::size_t optimiserRoom(OptimizerKind kind, const TensorShape& shape) const noexcept override;
  std::size_t captured(const ModelSpec& spec, const TrainerOptions& options) const noexcept override;
  // Launches of repeated work that are kept at most.
  static std::size_t graphNodes(const ModelSpec& spec, const TrainerOptions& options);

 private:
  DType precision_;
};

class CudaDevice final : public Device {
 public:
  // Whether large products may be the library's.
  enum class Products { Library, Own };
  CudaDevice(int index, DType precision, Products products = Products::Library);
  ~CudaDevice() override;
  const DeviceNeeds& needs() const noexcept override { return needs_; }
  const char* failure() noexcept override { return failure_.empty() ? nullptr : failure_.c_str(); }
  bool recover() noexcept override;

  // For what generation asks of a GPU beside this (cuda_generation.hpp).
  Runtime& runtime() { return runtime_; }
  Stream stream() const { return runtime_.stream(); }
  void multiply(Product& product, Precision precision) noexcept;
  void check(const char* what, Status status);
  // Nothing is asked of a device that has failed: what it would work on may not be there. And nothing is thrown at whoever asks, which has a
  // C++ runtime of its own: an exception in here is the device's failure.
  template <std::invocable Call>
  void check(const char* what, const Call& call) {
    if (!failure_.empty()) return;
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<const Call&>>) call();
      else check(what, call());
    } catch (...) {
      noteException(what);
    }
  }
  // Room in a buffer; null, and the device has failed, where there is none.
  template <class T>
  T* room(Buffer& buffer, std::size_t count) {
    T* found = buffer.room<T>(count);
    if (found == nullptr) check("finding memory for a batch", Status::OutOfMemory);
    return found;
  }
  // The caller's numbers in it.
  template <class T>
  const T* upload(Buffer& buffer, std::span<const T> callers) {
    T* to = room<T>(buffer, callers.size());
    if (to != nullptr) copyIn(to, callers.data(), callers.size_bytes());
    return to;
  }
  DeviceLinks* links() noexcept override;

  unsigned char* allocate(std::size_t bytes) noexcept override;
  std::size_t held() const noexcept override;
  void copyIn(void* to, const void* callers, std::size_t bytes) noexcept override { check("a copy to the device", [&] { return runtime_.copyIn(to, callers, bytes); }); }
  void copyOut(void* callers, const void* from, std::size_t bytes) noexcept override { check("a copy from the device", [&] { return runtime_.copyOut(callers, from, bytes); }); }
  void zero(void* to, std::size_t bytes) noexcept override { check("zero", [&] { return runtime_.zero(to, bytes); }); }
  void copy(void* to, const void* from, std::size_t bytes) noexcept override { check("a copy on the device", [&] { return runtime_.copy(to, from, bytes); }); }
  void release(const void* memory);
  void reserve(std::size_t bytes) noexcept override;
  const void* resident(const void* callers, std::size_t bytes) noexcept override;
  void useScratch(unsigned char* scratch, std::size_t bytes) noexcept override;
  void useTables(const ModelSpec& spec, const TrainerOptions& options, unsigned char* tables) noexcept override;
  unsigned char* allocateBeside(std::size_t bytes) noexcept override;
  void copyBeside(int place, void* to, const void* from, std::size_t bytes) noexcept override;
  void awaitCopy(int place) noexcept override;
  void repeated(int stretch, const std::function<bool()>& work) noexcept override;
  // How often work was asked for at once.
  std::size_t replays() const { return captured_.replays(); }
  const CapturedWork& captured() const { return captured_; }
  // How often it asked for memory since it was made.
  std::size_t allocations() const { return runtime_.allocations(); }

  void begin(const Batch& batch, std::int32_t kvHeads) noexcept override;
  void embed(const MatrixView& table, void* out, float scale, const qt::EmbeddingNoise& noise) noexcept override;
  void embeddingGradient(const float* dx, float* to, std::int64_t columns, float scale) noexcept override;

  LeftSide pack(const MatrixView& left, bool transposed, std::int64_t, std::int64_t, void*) noexcept override { return {left, transposed, nullptr}; }
  void multiply(Product& product) noexcept override { multiply(product, precision_ == DType::BF16 ? Precision::Bf16 : Precision::F32); }
  void decode(const MatrixView& callers, float* to) noexcept override;

  void rmsNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon) noexcept override;
  void rmsNormApply(const void* x, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns) noexcept override;
  void rmsNormAdd(const void* x, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns,
                  float epsilon) noexcept override;
  void rmsNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows,
                       std::int64_t columns) noexcept override;
  void rmsNormBackwardInPlace(const void* x, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns) noexcept override;
  void rmsNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns) noexcept override;

  void prepareHeads(std::span<const RawHeads> heads, std::int32_t headDim, const RotaryTable* rotary, float epsilon) noexcept override;
  void rotateBack(std::span<const qt::Heads> heads, std::int32_t headDim, const RotaryTable& rotary) noexcept override;
  void attention(const AttentionForward& a) noexcept override;
  void attentionBackward(const AttentionBackward& a) noexcept override;

  void gated(Activation activation, const void* gate, const void* up, void* out, std::int64_t rows, std::int64_t columns) noexcept override;
  void gatedBackward(const GatedBackward& g, std::int64_t rows, std::int64_t columns) noexcept override;
  void narrow(const float* x, void* out, std::int64_t rows, std::int64_t columns) noexcept override;
  void add(void* out, const void* x, std::int64_t rows, std::int64_t columns) noexcept override;
  void columnSums(const void* x, float* sums, std::int64_t rows, std::int64_t columns) noexcept override;
  void dropout(const void* x, void* out, std::int64_t rows, std::int64_t columns, const Dropout& o) noexcept override;

  void beginLoss(std::span<const std::int32_t> carrying) noexcept override;
  void lossNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t first, std::int64_t rows, std::int64_t columns,
                float epsilon) noexcept override;
  LeftSide crossEntropy(const LossChunk& chunk) noexcept override;
  void lossNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t first, std::int64_t rows,
                        std::int64_t columns) noexcept override;
  void lossNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t first, std::int64_t rows,
                          std::int64_t columns) noexcept override;
  void endLoss(std::span<float> losses, std::span<unsigned char> correct) noexcept override;

  void rowSquares(const MatrixView& weight, float* squares) noexcept override;
  void adaptedNorms(const AdaptedWeight& adapted, const float* squares, float* norms, float* scratch) noexcept override;
  void normsToScales(float* norms, const float* magnitude, std::int64_t count) noexcept override;
  void magnitudeGradients(const MatrixView& dy, const void* y, void* dz, const Magnitudes& m) noexcept override;
  bool principal(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort) noexcept override;

  void addTo(float* sums, const float* x, std::int64_t count) noexcept override;
  double sumOfSquares(std::span<const std::span<const float>> stretches) noexcept override;
  void optimise(OptimizerKind kind, const OptimizedTensor& tensor, const OptimizerStep& step, float* scratch) noexcept override;
  void follow(float* average, const float* parameter, std::int64_t count, float decay) noexcept override;

 private:
  static constexpr std::size_t squaresFront = 16;  // of the gradient's length lies before what it is made of

  friend CudaNeeds;
  struct Table {
    Buffer CudaDevice::* buffer;
    std::size_t bytes;
  };
  // What it keeps beside attention's lists, and how much of it a plan has to count with.
  static std::vector<Table> tablesOf(const ModelSpec& spec, const TrainerOptions& options);

  struct Spans {
    explicit Spans(Runtime& runtime) : list(runtime) {}
    Buffer list;
    std::int64_t count = 0;
    int rows = 0;  // of a tile
    bool planned = false;
  };

  const GradientNorm* normFor(float gradScale);
  void takeTables(const ModelSpec& spec, const TrainerOptions& options, unsigned char* at);
  void take(const Batch& batch);
  CapturedWork::Sizes sizesOf(int stretch);
  void fail(std::string why, bool wantOfMemory);
  // The exception at hand.
  void noteException(const char* what) noexcept;
  // Null where the device has failed.
  const Spans* spans(AttentionPass pass, const AttentionShape& shape);
  int tileRows(AttentionPass pass, std::int32_t headDim) const;
  void plan(AttentionPass pass, std::int32_t window, Spans& spans);
  bool principalHere(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort);
  unsigned char* decodeRoom() const { return scratch_ + productRoom_; }
  template <class Body>
  void overDecoded(const MatrixView& weight, const Body& body);
  // Scratch of sums over the rows of a matrix.
  float* columnRoom(std::int64_t rows, std::int64_t columns);

  const DType precision_;
  CudaNeeds needs_;
  Runtime runtime_;
  std::unique_ptr<CublasLtProducts> cublasLt_;
  std::size_t productRoom_ = mostProductWorkspace;
  std::unique_ptr<NcclLinks> links_;
  struct Owned {
    void* place;
    std::size_t bytes;
  };
  std::vector<Owned> owned_;
  std::vector<void*> ownedBeside_;
  unsigned char* reserved_ = nullptr;  // what is left of it
  std::size_t reservedBytes_ = 0;
  std::string failure_;
  bool outOfMemory_ = false;  // is what it was
  unsigned char* scratch_ = nullptr;
  std::size_t scratchBytes_ = 0;

  Batch batch_;
  Buffer ids_, positions_, lengths_, labels_, weights_, carrying_, losses_, correct_, order_, begins_, sums_, partials_, norm_;
  float gradScale_ = 0;  // that norm_ holds
  std::vector<std::int32_t> borders_;
  std::map<std::pair<AttentionPass, std::int32_t>, Spans> spans_;  // by pass and window
  CapturedWork captured_;
};

}  // namespace qt::cuda
