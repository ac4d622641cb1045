// Where generation's arithmetic runs. The session (generate/) says which operations happen in which order on which places; a generation
// device does them. Every pointer below is of the device's memory unless it says "the caller's"; activations are float32, rows are tokens.
// Operations end in the order in which they were asked for. Weights are views of what `resident` returned.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../generate/cache.hpp"
#include "../kernels/table.hpp"
#include "../spec.hpp"
#include "require.hpp"

namespace qt {

struct AdaptedWeight;

// Consecutive rows of activations that belong to one sequence.
struct CacheRows {
  KvCache* cache;
  std::int32_t begin, count;
  const std::vector<std::unique_ptr<KvCache>>* heirs = nullptr;  // of those that go on from here: they get its keys and values, too
};

// A pass of rows through the model; the caller's, kept until the next.
struct Pass {
  std::span<const CacheRows> sequences;
  std::span<const std::int32_t> ids, positions;  // of each row
  bool tiled = false;     // weights meet all rows in tiles, as in training; else row by row
  bool exact = false;     // float32 throughout
  bool bf16 = false;      // multiply bfloat16 in tiles
  bool straight = false;  // only products read what projections are given, so that it may be made as they take it
  bool company = false;   // the rows belong to several who asked: no bit of one may depend on how many others there are
};

// The left side of products: rows as they lie, or as products take them where that is made already.
struct RowsIn {
  const float* x;
  const void* packed = nullptr;
};

// One of several products of the same rows: out (+)= scale·x·Wᵀ.
struct RowsOut {
  MatrixView weights;
  float* out;
  bool accumulate = false;
  float scale = 1.0f;
};

// How many rows a product has, and how many it may have in other company.
struct RowCount {
  std::int32_t rows, most;
};

// Norms and the rotation of heads, where the layer has them.
struct HeadsOfLayer {
  std::int32_t layer;
  float *q, *k, *v;
  const float *queryNorm, *keyNorm;
  const RotaryTable* rotary;
};

// A token, and which row of logits foretells it.
struct Foretold {
  std::int32_t row, id;
};

struct GenerationOptions {
  std::int32_t contextLength = 0;  // positions of a sequence
  std::int32_t rows = 0;           // of a pass, at most
  std::int32_t sequences = 1;      // of `type` at the same time
  CacheType type = CacheType::F16;
  std::size_t elsewhere = 0;       // bytes that the session takes for the model and for activations
};

class GenerationDevice {
 public:
  virtual ~GenerationDevice() = default;

  // What went wrong since it was made, in a line; null: nothing. Asked after a pass.
  virtual const char* failure() { return nullptr; }
  // As Device has it: that was want of memory and nothing else, and is forgotten. Of what is written in a pass nothing is worth keeping.
  virtual bool recover() { return false; }
  // Zeroed, and there as long as the device; null when there is not so much.
  virtual unsigned char* allocate(std::size_t bytes) = 0;
  // The caller's bytes, which stay as they are, where the device can read them.
  virtual const void* resident(const void* callers, std::size_t bytes) = 0;
  // Gives back what either of them returned.
  virtual void release(const void* memory) = 0;
  // Whether the caller's memory is the device's, so that results are made where they are wanted.
  virtual bool callersMemory() const = 0;
  virtual void copyOut(float* callers, const float* from, std::size_t count) = 0;

  // Once everything is taken that is taken whatever is asked: what is left may be for caches.
  virtual void ready() {}
  // For a sequence; `passing`: of up to `positions` tokens, all of them in one pass. Null where none of the type was planned.
  virtual std::unique_ptr<KvCache> makeCache(CacheType type, std::int32_t positions, bool passing) = 0;
  // Numbers of the sequences for whose next rows no room is left once those before them have theirs. Asked between passes.
  virtual std::vector<std::int32_t> withoutRoom(std::span<const CacheRows>) { return {}; }
  // ‖W + s·B·A‖ of each row, the caller's.
  virtual void adaptedNorms(const AdaptedWeight& adapted, float* norms) = 0;

  // The pass that everything after it is about. Where there is no room for its keys and values it fails for want of memory, and nothing has
  // changed.
  virtual void begin(const Pass& pass) = 0;
  // Rows [begin, begin + count) of x: the table's by the pass's ids, times `scale`.
  virtual void embed(const MatrixView& table, std::int32_t begin, std::int32_t count, float scale, float* x) = 0;

  // out = norm(x); the rows may be returned packed instead.
  virtual RowsIn normalise(const float* x, const float* weight, float* out) = 0;
  // x += norm(added), which may change.
  virtual void normaliseAdd(float* x, float* added, const float* weight) = 0;
  // Row i of out = norm of row rows[i] of x.
  virtual void normaliseRows(const float* x, const float* weight, float* out, std::span<const std::int32_t> rows) = 0;

  virtual void multiply(const RowsIn& in, RowCount count, std::span<const RowsOut> products, bool tiled) = 0;
  // act(gate)∘up of the pass's rows, in gate's place.
  virtual void gated(float* gate, const float* up) = 0;
  // The products that make gate and up, and that, at once, where a device can do so with packed rows; packed then.
  virtual const void* multiplyGated(const RowsIn&, const MatrixView& /*gate*/, const MatrixView& /*up*/) { return nullptr; }
  virtual void add(float* out, const float* x, std::int64_t count) = 0;
  virtual void copy(float* out, const float* x, std::int64_t count) = 0;
  // Each row += bias.
  virtual void addBias(float* x, const float* bias, std::int32_t rows, std::int32_t columns) = 0;
  // out += (c − 1)∘plain + c∘added, by columns.
  virtual void stretch(float* out, const float* plain, const float* added, const float* c, std::int32_t rows, std::int32_t columns) = 0;

  // Norms and rotation of queries and keys; then keys and values go into the caches.
  virtual void store(const HeadsOfLayer& heads) = 0;
  // Attention over the caches, the pass's own rows included: out, or the same packed.
  virtual RowsIn attend(std::int32_t layer, const float* q, float* out) = 0;

  virtual void softcap(float* logits, std::int64_t count, float cap) = 0;
  // Log-probabilities of tokens, and whether each is the likeliest one (the first of those that are equally likely); both the caller's.
  virtual void foretell(const float* logits, std::span<const Foretold> foretold, float* logs, std::uint8_t* likeliest) = 0;

  // Sums over the pass's rows, in their order, in double precision: the caller's `sums` grow by them.
  virtual void addSums(const float* x, std::int32_t rows, std::int64_t columns, bool squares, double* sums) = 0;
  // Σ over rows of the cosine between the rows of a and b.
  virtual void addCosines(const float* a, const float* b, std::int32_t rows, std::int64_t columns, double& sum) = 0;
};

}  // namespace qt
