// Where a step's arithmetic runs. A device owns memory and knows operations on whole tensors; the step (train/) says which of them, in
// which order, on which places. Every pointer below is of the device's memory unless it says "the caller's". Activations are of the
// precision that the device was made for; rows are tokens unless said. Operations end in the order in which they were asked for.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "../kernels/table.hpp"
#include "../spec.hpp"
#include "../train/batch.hpp"
#include "../train/optimizer/optimizer.hpp"
#include "device_group.hpp"
#include "require.hpp"

namespace qt {

struct AdaptedWeight;
struct TrainerOptions;
struct PrincipalFactors;

// What a step needs beside its tensors, for the plan of its memory.
class DeviceNeeds {
 public:
  virtual ~DeviceNeeds() = default;
  // Bytes of a packed left side; 0 where products read it as it lies.
  virtual std::size_t packedLeft(std::int64_t rows, std::int64_t depth) const = 0;
  // Bytes that operations work in, when no product has more than `mostRows` rows.
  virtual std::size_t scratch(const ModelSpec& spec, std::int64_t mostRows) const = 0;
  // Bytes of what it makes of a batch, and keeps until the next.
  virtual std::size_t tables(const ModelSpec& spec, const TrainerOptions& options) const = 0;
  // Bytes that its driver takes, beside what is planned, for work that repeats.
  virtual std::size_t captured(const ModelSpec&, const TrainerOptions&) const { return 0; }
  // Bytes that an optimiser's step on a tensor works in.
  virtual std::size_t optimiserRoom(OptimizerKind kind, const TensorShape& shape) const = 0;
};

// NEFTune's noise on the embedding (Jain et al., arXiv 2310.05914), drawn by token and element.
struct EmbeddingNoise {
  float alpha = 0;  // 0: none
  std::uint64_t seed = 0;
  std::uint32_t micro = 0;
};

struct Dropout {
  float p;
  std::uint64_t seed;
  std::uint32_t micro;
  std::uint32_t purpose;
  std::int64_t first;  // which row of all the first one is: each draws its own numbers
  std::int64_t firstColumn;  // which of a whole row the first one is; a multiple of 4
};

// Heads side by side in rows.
struct Heads {
  void* data;
  std::int32_t heads;
};

// The same on their way from a projection to attention: normalised by head, where `norm` is set, then rotated.
struct RawHeads {
  Heads to;
  const void* raw;
  float* inverse;  // [rows, heads]
  const float* norm;
};

struct GatedBackward {
  Activation activation;
  const void* gate;
  const void* up;
  const void* dOut;
  void* dGate;  // may be gate, and dUp up
  void* dUp;
};

// Some of the tokens that carry loss, and their logits, which become their gradient.
struct LossChunk {
  std::int64_t first;  // of the tokens given to beginLoss
  std::int32_t rows;
  float* logits;       // [rows, vocabulary]
  std::int32_t vocabulary;
  float weight;        // of the batch
  float smoothing;
  float softcap;
  bool gradient;       // else only losses are wanted
  void* packed;        // room for the gradient as the left side of products
};

struct Magnitudes {
  const float* scale;      // c [columns]
  const float* magnitude;  // m
  const float* bias;       // or null
  float* gradient;         // of m
};

// What resident tensors begin at multiples of, on devices that copy them.
inline constexpr std::size_t residentStep = 256;

class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceNeeds& needs() const = 0;

  // What went wrong since the device was made, in a line; null: nothing. A device may run behind its callers, so this is asked after a pass.
  virtual const char* failure() { return nullptr; }
  // Whether that was want of memory and nothing else. Then it is forgotten: what the device holds is as it was, but for what was being written.
  virtual bool recover() { return false; }
  // Zeroed, and there as long as the device; null when there is not so much.
  virtual unsigned char* allocate(std::size_t bytes) = 0;
  // Bytes of a memory of its own that were asked for, and are still there.
  virtual std::size_t held() const { return 0; }
  virtual void copyIn(void* to, const void* callers, std::size_t bytes) = 0;
  virtual void copyOut(void* callers, const void* from, std::size_t bytes) = 0;
  virtual void zero(void* to, std::size_t bytes) = 0;
  // From one place of the device to another.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  // Room in one piece for what will be asked of resident(), each rounded up to `residentStep`.
  virtual void reserve(std::size_t bytes) = 0;
  // How it exchanges numbers with those of other processes; null: only through the caller's memory.
  virtual DeviceLinks* links() { return nullptr; }
  // Its memory is the caller's as well.
  virtual bool isHost() const { return false; }
  // The caller's bytes, which stay as they are, where the device can read them.
  virtual const void* resident(const void* callers, std::size_t bytes) = 0;
  // Where operations may work, as large as needs() said.
  virtual void useScratch(unsigned char* scratch, std::size_t bytes) = 0;
  // Where it keeps what needs().tables counts. A device that was given none finds room as it goes.
  virtual void useTables(const ModelSpec& spec, const TrainerOptions& options, unsigned char* tables) = 0;

  // Memory of the machine that copies go to and from beside operations, as long as the device; null: there is not so much, or the device
  // has no other memory itself.
  virtual unsigned char* allocateBeside(std::size_t bytes) = 0;
  // A copy that begins when the operations asked for before it have ended, while those asked for after it go on. Until awaitCopy(place)
  // they write nothing that it reads, and read nothing that it writes. Copies follow each other; there are places 0 and 1.
  virtual void copyBeside(int place, void* to, const void* from, std::size_t bytes) = 0;
  // Operations asked for from now on wait for the last copy of the place.
  virtual void awaitCopy(int place) = 0;

  // Does `work`, whose operations are the same each time that a batch has the same sizes, or asks at once for what it asked for then. `stretch`
  // tells works apart. It throws nothing, and says false when it was not done to its end.
  virtual void repeated([[maybe_unused]] int stretch, const std::function<bool()>& work) { work(); }

  // The batch that everything after it is about; the caller's, kept until the next. Its borders were checked.
  virtual void begin(const Batch& batch, std::int32_t kvHeads) = 0;
  // Rows of the table by the batch's ids, times `scale`.
  virtual void embed(const MatrixView& table, void* out, float scale, const EmbeddingNoise& noise) = 0;
  // to[id] += scale·dx by tokens, in their order.
  virtual void embeddingGradient(const float* dx, float* to, std::int64_t columns, float scale) = 0;

  // `room`: of needs().packedLeft bytes.
  virtual LeftSide pack(const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth, void* room) = 0;
  virtual void multiply(Product& product) = 0;
  virtual void decode(const MatrixView& callers, float* to) = 0;

  virtual void rmsNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon) = 0;
  virtual void rmsNormApply(const void* x, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns) = 0;
  // out = residual + norm(x)
  virtual void rmsNormAdd(const void* x, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns,
                          float epsilon) = 0;
  // dx += the gradient through the norm.
  virtual void rmsNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows,
                               std::int64_t columns) = 0;
  // The same where nothing else flows into x: dy becomes dx.
  virtual void rmsNormBackwardInPlace(const void* x, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns) = 0;
  virtual void rmsNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns) = 0;

  virtual void prepareHeads(std::span<const RawHeads> heads, std::int32_t headDim, const RotaryTable* rotary, float epsilon) = 0;
  virtual void rotateBack(std::span<const Heads> heads, std::int32_t headDim, const RotaryTable& rotary) = 0;
  virtual void attention(const AttentionForward& a) = 0;
  virtual void attentionBackward(const AttentionBackward& a) = 0;

  virtual void gated(Activation activation, const void* gate, const void* up, void* out, std::int64_t rows, std::int64_t columns) = 0;
  virtual void gatedBackward(const GatedBackward& g, std::int64_t rows, std::int64_t columns) = 0;
  virtual void narrow(const float* x, void* out, std::int64_t rows, std::int64_t columns) = 0;
  // out += x
  virtual void add(void* out, const void* x, std::int64_t rows, std::int64_t columns) = 0;
  // sums += the sum of the rows.
  virtual void columnSums(const void* x, float* sums, std::int64_t rows, std::int64_t columns) = 0;
  virtual void dropout(const void* x, void* out, std::int64_t rows, std::int64_t columns, const Dropout& o) = 0;

  // The caller's indices of the tokens that carry loss, kept until endLoss.
  virtual void beginLoss(std::span<const std::int32_t> carrying) = 0;
  // The norm of rows that carry loss; x, dx and what they are gradients of are of all tokens, everything else of those rows.
  virtual void lossNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t first, std::int64_t rows, std::int64_t columns,
                        float epsilon) = 0;
  virtual LeftSide crossEntropy(const LossChunk& chunk) = 0;
  virtual void lossNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t first, std::int64_t rows,
                                std::int64_t columns) = 0;
  virtual void lossNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t first, std::int64_t rows,
                                  std::int64_t columns) = 0;
  // The cross-entropy of each, and whether the most likely token was the right one; both the caller's.
  virtual void endLoss(std::span<float> losses, std::span<unsigned char> correct) = 0;

  // DoRA: ‖W‖² of each row; ‖W + sBA‖ of each row from that, with normScratch floats of scratch; c = m/‖·‖ in place.
  virtual void rowSquares(const MatrixView& weight, float* squares) = 0;
  virtual void adaptedNorms(const AdaptedWeight& adapted, const float* squares, float* norms, float* scratch) = 0;
  virtual void normsToScales(float* norms, const float* magnitude, std::int64_t count) = 0;
  // dm += Σ dy∘(y − bias)/m, and dz = c∘dy (dz may be dy).
  virtual void magnitudeGradients(const MatrixView& dy, const void* y, void* dz, const Magnitudes& m) = 0;
  // PiSSA. False: stopped by the flag.
  virtual bool principal(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort) = 0;

  // sums += x
  virtual void addTo(float* sums, const float* x, std::int64_t count) = 0;
  // Of all of the stretches.
  virtual double sumOfSquares(std::span<const std::span<const float>> stretches) = 0;
  virtual void optimise(OptimizerKind kind, const OptimizedTensor& tensor, const OptimizerStep& step, float* scratch) = 0;
  // average += (1 − decay)·(parameter − average)
  virtual void follow(float* average, const float* parameter, std::int64_t count, float decay) = 0;
};

}  // namespace qt
