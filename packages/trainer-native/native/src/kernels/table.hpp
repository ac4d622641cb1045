// Everything that is compiled once for each instruction set: one table of functions, chosen at start (dispatch.cpp).
// Kernels know shapes and numbers, nothing of models, threads or memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace qt {

enum class TensorType : std::uint32_t;

// How activations are stored. Sums are always float32.
enum class DType : std::uint8_t { F32 = 0, BF16 = 1 };
inline constexpr std::size_t bytesOf(DType t) { return t == DType::F32 ? 4 : 2; }

// A matrix as it lies in memory: rows of whole blocks.
struct MatrixView {
  const void* data = nullptr;
  TensorType type{};
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::size_t rowBytes = 0;
};

// The left side of products. `packed`: the same as the kernels read it fastest, where packLeft made that.
struct LeftSide {
  MatrixView view;
  bool transposed = false;
  const void* packed = nullptr;
};

// One term of a product: L·R, contracted over `depth`.
//   L is [rows, depth], or stored [depth, rows] when leftTransposed.
//   R is [depth, columns], or stored [columns, depth] when rightTransposed (as weights are for y = x·Wᵀ).
struct ProductTerm {
  const void* packedLeft = nullptr;  // from packLeft; null: `left` is read as it lies, or packed tile by tile
  MatrixView left;                   // F32 or BF16
  bool leftTransposed = false;
  MatrixView right;
  bool rightTransposed = false;
  std::int32_t depth = 0;
};

inline constexpr int maxTerms = 16;

// out[rows, columns] = scale·columnScale∘Σ terms (+ bias) (+ residual) (+ out when accumulating); summed in float32, rounded once.
struct Product {
  std::int32_t rows = 0;
  std::int32_t columns = 0;
  ProductTerm terms[maxTerms];
  int termCount = 0;
  void* out = nullptr;
  DType outType = DType::F32;
  std::int64_t outStride = 0;    // elements
  bool outTransposed = false;    // out is [columns, rows]
  bool accumulate = false;
  float scale = 1.0f;            // on the sum of the terms
  const float* columnScale = nullptr;  // [columns]; null: 1
  void* branch = nullptr;              // also gets what is there before bias and residual are added, as out is laid and typed
  const float* bias = nullptr;         // [columns], added after the scales
  const void* residual = nullptr;
  DType residualType = DType::F32;
  // Filled by planTiles:
  std::int32_t tileRows = 0;
  std::int32_t tileColumns = 0;

  // Adds a term whose left side is packed.
  ProductTerm& add(const void* packedLeft, const MatrixView& right, bool rightTransposed, std::int32_t depth) {
    if (termCount == maxTerms) throw std::logic_error("a product has too many terms");
    ProductTerm& t = terms[termCount++];
    t.packedLeft = packedLeft;
    t.right = right;
    t.rightTransposed = rightTransposed;
    t.depth = depth;
    return t;
  }
  ProductTerm& add(const LeftSide& left, const MatrixView& right, bool rightTransposed, std::int32_t depth) {
    ProductTerm& t = add(left.packed, right, rightTransposed, depth);
    t.left = left.view;
    t.leftTransposed = left.transposed;
    return t;
  }
  // Adds a term whose left side is packed as it is used.
  ProductTerm& addPlain(const MatrixView& left, bool leftTransposed, const MatrixView& right, bool rightTransposed, std::int32_t depth) {
    ProductTerm& t = add(nullptr, right, rightTransposed, depth);
    t.left = left;
    t.leftTransposed = leftTransposed;
    return t;
  }
};

// act(L·gateᵀ)∘(L·upᵀ) of [rows, depth] by matrices stored [columns, depth], packed as packLeft would pack the outcome.
struct GatedProduct {
  std::int32_t rows = 0;
  std::int32_t columns = 0;  // whole steps of a packed left side
  std::int32_t depth = 0;
  const void* packedLeft = nullptr;
  MatrixView gate;
  MatrixView up;
  bool gelu = false;  // silu otherwise
  void* packedOut = nullptr;
  // Filled by multiplyGated:
  std::int32_t tileRows = 0;
  std::int32_t tileColumns = 0;
};

struct RotaryTable {
  const float* cosine;  // [position, pairs]
  const float* sine;
  std::int32_t pairs;
  bool interleaved;
};

// Causal attention of one document: rows [begin, end) of q, k, v; `heads` and `kvHeads` side by side in a row.
struct AttentionShape {
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;
  float scale;
  float softcap = 0.0f;     // c·tanh(score/c); 0: none
  std::int32_t window = 0;  // positions that a query sees, itself included; 0: all before it
};

struct AttentionForward {
  AttentionShape shape;
  const void* q;
  const void* k;
  const void* v;
  void* out;
  float* logSumExp;  // [tokens, heads]
};

struct AttentionBackward {
  AttentionShape shape;
  const void* q;
  const void* k;
  const void* v;
  const void* out;
  const void* dOut;
  const float* logSumExp;
  float* delta;  // [tokens, heads]: rowsum(dOut ∘ out)
  void* dq;
  void* dk;
  void* dv;
};

// One tile of a document's attention for one key head.
struct AttentionTile {
  std::int32_t begin;  // first row of the document
  std::int32_t end;
  std::int32_t tile;   // index of the tile of queries (forward, dQ) or keys (dK, dV)
  std::int32_t kvHead;
};

inline constexpr int attentionTileRows = 64;

// How keys and values are kept between tokens, one head's row after the other.
enum class CacheType : std::uint8_t { F32, F16, I8 };
inline constexpr std::size_t cacheRowBytes(CacheType type, std::int32_t headDim) {
  const auto d = static_cast<std::size_t>(headDim);
  return type == CacheType::F32 ? 4 * d : type == CacheType::F16 ? 2 * d : d + 4;  // I8: codes, then a float32 scale
}

inline constexpr int stretchRows = 64;

// The queries of one token that share a key head against up to `stretchRows` cached positions. The outputs are unnormalised:
//   out[g] = Σ exp(s − high)·v,  sum[g] = Σ exp(s − high),  high[g] = max s
struct CacheStretch {
  CacheType type;
  std::int32_t group;
  std::int32_t headDim;
  std::int32_t rows;
  float scale;
  float softcap;   // c·tanh(score/c); 0: none
  const float* q;  // [group, headDim]
  const void* keys;
  const void* values;
  float* out;      // [group, headDim]
  float* high;     // [group]
  float* sum;      // [group]
};

struct AdamStep {
  float learningRate, beta1, beta2, epsilon, weightDecay;
  float correction1, correction2;  // 1 − βᵗ
  float gradScale;                 // from clipping
};

// Operations on stored activations; one set for float32, one for bfloat16.
struct ActivationOps {
  void (*rmsNorm)(const void* x, const float* weight, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon);
  // The same from a known inverse: cheaper to repeat than to keep.
  void (*rmsNormApply)(const void* x, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns);
  void (*rmsNormBackward)(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows,
                          std::int64_t columns);
  // The same where nothing else flows into x: dy becomes dx.
  void (*rmsNormBackwardInPlace)(const void* x, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns);
  void (*rmsNormWeightGrad)(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns,
                            std::int64_t columnBegin, std::int64_t columnEnd);
  void (*rotate)(void* x, const std::int32_t* positions, std::int64_t rows, std::int32_t heads, std::int32_t headDim, RotaryTable table,
                 float direction);
  void (*swiglu)(const void* gate, const void* up, void* out, std::int64_t count);
  void (*swigluBackward)(void* gate, void* up, const void* dOut, std::int64_t count);
  void (*geglu)(const void* gate, const void* up, void* out, std::int64_t count);
  void (*gegluBackward)(void* gate, void* up, const void* dOut, std::int64_t count);
  void (*attention)(const AttentionForward&, const AttentionTile&, void* scratch);
  void (*attentionDelta)(const AttentionBackward&, std::int64_t rowBegin, std::int64_t rowEnd);
  void (*attentionBackwardQuery)(const AttentionBackward&, const AttentionTile&, void* scratch);
  void (*attentionBackwardKey)(const AttentionBackward&, const AttentionTile&, void* scratch);
  void (*add)(void* out, const void* x, std::int64_t count);
  // sums[c] += Σ rows x, for columns [columnBegin, columnEnd).
  void (*columnSums)(const void* x, float* sums, std::int64_t rows, std::int64_t columns, std::int64_t columnBegin, std::int64_t columnEnd);
  void (*widen)(const void* x, float* out, std::int64_t count);
  void (*narrow)(const float* x, void* out, std::int64_t count);
  // DoRA's y = c∘z + bias backwards, for columns [begin, end): dz = c∘dy (dz may be dy) and sum[column − begin] += Σ rows dy·(y − bias). No
  // bias: null.
  void (*scaleBackward)(const void* dy, DType dyType, const void* y, const float* bias, const float* columnScale, void* dz, float* sum, std::int64_t rows,
                        std::int64_t columns, std::int64_t begin, std::int64_t end);
  // y = x/(1 − p) where the element's random number (Philox) is at least p, else 0. The first element is number `first` of its row, a multiple of 4.
  void (*dropout)(const void* x, void* out, std::int64_t count, std::int64_t first, float p, std::uint64_t seed, std::uint32_t step, std::uint32_t purpose);
};

struct KernelTable {
  const char* name;
  std::int32_t panelRows[2];    // rows of a packed left panel; the index as below
  std::int32_t tileColumns[2];  // of a tile of a product, unless rows of the right side run along depth in long blocks
  bool bf16Products;            // products of bfloat16 activations multiply bfloat16 (else they widen to float32)

  // Products; the index is whether bfloat16 multiplication is wanted.
  // Whether a left side is read as it lies, as fast as packed.
  bool (*readsLeft[2])(const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth);
  std::size_t (*packedLeftBytes[2])(std::int64_t rows, std::int64_t depth);
  void (*packLeft[2])(const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth, std::int64_t panelBegin,
                      std::int64_t panelEnd, void* out);
  void (*productTile[2])(const Product&, std::int64_t tileRow, std::int64_t tileColumn, void* scratch);
  // Multiplies bfloat16. Null where taking the steps one by one is as fast.
  void (*gatedTile)(const GatedProduct&, std::int64_t tileRow, std::int64_t tileColumn, void* scratch);
  std::size_t (*productScratch)(const Product&);
  std::size_t (*attentionScratch)(const AttentionShape&);

  // y[i, row] = Σ x[i]·W[row] for rows [begin, end): few inputs, W read once.
  void (*rowsTimes)(const MatrixView& weights, const float* x, std::int32_t inputs, std::int64_t begin, std::int64_t end, float* y,
                    std::int64_t yStride);
  // Generation's keys and values: a row of one head into the cache, rows of a cache as float32 or bfloat16, and one token's queries
  // against a stretch of it.
  void (*cacheStore)(CacheType, const float* x, std::int32_t headDim, void* to);
  void (*cacheLoad)(CacheType, const void* from, std::int64_t rows, std::int32_t headDim, DType as, void* out, std::int64_t outStride);
  void (*attendStretch)(const CacheStretch&);

  void (*decodeRow)(const MatrixView&, std::int64_t row, float* out);
  // A row of logits becomes its gradient (softmax − q)·weight, q being the target with `smoothing` spread over the vocabulary; returns
  // the cross-entropy of q. With a soft cap c (else 0) the logits stand for c·tanh(z/c), and the gradient is that of z.
  float (*crossEntropy)(float* logits, std::int64_t vocabulary, std::int32_t target, float weight, float smoothing, bool gradient, float softcap,
                        bool* correct);
  // z becomes c·tanh(z/c).
  void (*softcap)(float* z, std::int64_t count, float cap);
  double (*sumOfSquares)(const float* x, std::int64_t count);
  void (*adamw)(float* parameter, const float* gradient, float* m, float* v, std::int64_t count, const AdamStep&);
  void (*addScaled)(float* out, const float* x, float scale, std::int64_t count);

  ActivationOps ops[2];
};

// The best table this processor has, after its self-test; `wanted` (a name, or null) forces one.
const KernelTable& kernels(const char* wanted = nullptr);

// The self-test that decides whether a table is used.
bool agreesWithPlainLoops(const KernelTable& table);

// Names of the tables that this build has and this processor can run, best first.
int availableKernels(const char** names, int most);

}  // namespace qt
