#include "cublaslt_products.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include <qt/blocks/types.hpp>
#ifdef QT_CUDA_EMULATED
#include "../platform.cuh"
#endif

namespace qt::cuda {
namespace {

constexpr std::size_t workspaceBytes = std::size_t{32} << 20, workspaceAlignment = 256;
// What is left to our own kernels: adapters' terms, thin products, and those that take no longer than their launches.
struct Least {
  std::int32_t depth, side;
  double operations;
};
constexpr Least usual{128, 64, 8.0e9}, forced{32, 8, 0};
constexpr std::size_t alignment = 16;

bool isAligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % alignment == 0; }

std::string_view asked() {
  const char* way = std::getenv("QT_CUDA_PRODUCTS");
  return way == nullptr ? "" : way;
}

int typeOf(DType type) { return type == DType::F32 ? ltFloat : ltBf16; }

// Where a float32 weight is narrowed first it is bfloat16, without gaps.
bool fits(const MatrixView& m, bool mayNarrow) {
  if (m.type == TensorType::BF16) return isAligned(m.data) && m.rowBytes % alignment == 0;
  const bool gaps = m.type == TensorType::F32 && m.rowBytes != static_cast<std::size_t>(m.columns) * sizeof(float);
  return mayNarrow && !gaps && isAligned(m.data) && m.columns * 2 % static_cast<std::int64_t>(alignment) == 0;
}

}  // namespace

std::size_t productRoom() { return asked() == "own" || cublasLtLibrary() == nullptr ? mostProductWorkspace : std::max(mostProductWorkspace, workspaceBytes + workspaceAlignment); }

// A matrix in rows is its transpose in the library's columns: of D = op(A)·op(B), D is our output, or its transpose.
struct CublasLtProducts::Operation {
  MatrixView a, b;
  bool aTransposed, bTransposed;
  std::int64_t rows, columns, depth, leading;  // of D as the library sees it
  int outType;
  bool adds;
  Key key() const {
    return {rows, columns, depth, static_cast<std::int64_t>(a.rowBytes), static_cast<std::int64_t>(b.rowBytes), leading,
            outType * 8 + aTransposed * 4 + bTransposed * 2 + adds};
  }
};

struct CublasLtProducts::Chosen {
  LtDescription description = nullptr;
  LtLayout a = nullptr, b = nullptr, d = nullptr;
  LtFound found{};
};

std::unique_ptr<CublasLtProducts> CublasLtProducts::open(const Runtime& runtime) {
  const CublasLtLibrary* lt = asked() == "own" ? nullptr : cublasLtLibrary();
  if (lt == nullptr) return nullptr;
  static_cast<void>(runtime.stream());
  LtHandle handle = nullptr;
  if (lt->create(&handle) != ltOk) return nullptr;
  return std::unique_ptr<CublasLtProducts>(new CublasLtProducts(*lt, handle, asked() == "cublaslt"));
}

CublasLtProducts::CublasLtProducts(const CublasLtLibrary& lt, LtHandle handle, bool always) : lt_(lt), handle_(handle), always_(always) {}

CublasLtProducts::~CublasLtProducts() {
  for (auto& [key, chosen] : chosen_) {
    if (chosen == nullptr) continue;
    for (LtLayout layout : {chosen->a, chosen->b, chosen->d}) lt_.layoutDestroy(layout);
    lt_.descriptionDestroy(chosen->description);
  }
  lt_.destroy(handle_);
}

bool CublasLtProducts::isLarge(const ProductTerm& term) const { return term.depth >= (always_ ? forced : usual).depth; }

bool CublasLtProducts::wants(const Product& p) const {
  const Least& least = always_ ? forced : usual;
  if (p.columnScale != nullptr || p.branch != nullptr || std::min(p.rows, p.columns) < least.side) return false;
  if (!isAligned(p.out) || p.outStride * static_cast<std::int64_t>(bytesOf(p.outType)) % static_cast<std::int64_t>(alignment) != 0) return false;
  double operations = 0;
  for (int t = 0; t < p.termCount; ++t) {
    const ProductTerm& term = p.terms[t];
    if (!isLarge(term)) continue;
    if (!fits(term.left, false) || !fits(term.right, true)) return false;
    operations += 2.0 * p.rows * p.columns * term.depth;
  }
  return operations > least.operations;
}

CublasLtProducts::Operation CublasLtProducts::operation(const Product& p, const ProductTerm& t, bool adds) const {
  // Stored [rows, columns] it is there [columns, rows].
  if (p.outTransposed) return {t.left, t.right, !t.leftTransposed, !t.rightTransposed, p.rows, p.columns, t.depth, p.outStride, typeOf(p.outType), adds};
  return {t.right, t.left, t.rightTransposed, t.leftTransposed, p.columns, p.rows, t.depth, p.outStride, typeOf(p.outType), adds};
}

// Null: there is no algorithm.
const CublasLtProducts::Chosen* CublasLtProducts::choose(const Operation& o) {
  const auto [place, isNew] = chosen_.try_emplace(o.key());
  if (!isNew) return place->second.get();
  Chosen c;
  LtPreference preference = nullptr;
  const int aOp = o.aTransposed ? ltTransposed : ltPlain, bOp = o.bTransposed ? ltTransposed : ltPlain;
  const auto leading = [](const MatrixView& m) { return static_cast<std::int64_t>(m.rowBytes / 2); };
  const auto side = [&](LtLayout* layout, const MatrixView& m, bool transposed, std::int64_t rows, std::int64_t columns) {
    return lt_.layoutCreate(layout, ltBf16, static_cast<std::uint64_t>(transposed ? columns : rows), static_cast<std::uint64_t>(transposed ? rows : columns), leading(m)) == ltOk;
  };
  const std::uint32_t aligned = alignment;
  bool good = lt_.descriptionCreate(&c.description, ltComputeFloat, ltFloat) == ltOk && lt_.descriptionSet(c.description, ltTransposeA, &aOp, sizeof aOp) == ltOk &&
              lt_.descriptionSet(c.description, ltTransposeB, &bOp, sizeof bOp) == ltOk && side(&c.a, o.a, o.aTransposed, o.rows, o.depth) &&
              side(&c.b, o.b, o.bTransposed, o.depth, o.columns) &&
              lt_.layoutCreate(&c.d, o.outType, static_cast<std::uint64_t>(o.rows), static_cast<std::uint64_t>(o.columns), o.leading) == ltOk &&
              lt_.preferenceCreate(&preference) == ltOk && lt_.preferenceSet(preference, ltMostWorkspace, &workspaceBytes, sizeof workspaceBytes) == ltOk &&
              lt_.preferenceSet(preference, ltReductions, &ltReducesInOrder, sizeof ltReducesInOrder) == ltOk;
  for (const int attribute : ltAlignments) good = good && lt_.preferenceSet(preference, attribute, &aligned, sizeof aligned) == ltOk;
  int count = 0;
  good = good && lt_.heuristic(handle_, c.description, c.a, c.b, c.d, c.d, preference, 1, &c.found, &count) == ltOk && count == 1 && c.found.state == ltOk &&
         c.found.workspace <= workspaceBytes;
  if (preference != nullptr) lt_.preferenceDestroy(preference);
  if (good) return (place->second = std::make_unique<Chosen>(c)).get();
  for (LtLayout layout : {c.a, c.b, c.d})
    if (layout != nullptr) lt_.layoutDestroy(layout);
  if (c.description != nullptr) lt_.descriptionDestroy(c.description);
  return nullptr;
}

Status CublasLtProducts::multiply(const Product& p, void* workspace, Stream stream) {
  Product before = p;  // all but the large terms
  before.termCount = 0;
  const ProductTerm* large[maxTerms];
  int count = 0;
  for (int t = 0; t < p.termCount; ++t) {
    if (isLarge(p.terms[t])) large[count++] = &p.terms[t];
    else before.terms[before.termCount++] = p.terms[t];
  }
  const bool residualAsOut = p.residual == nullptr || (p.residualType == p.outType && isAligned(p.residual));
  const bool prepares = before.termCount > 0 || p.bias != nullptr || !residualAsOut || (p.residual != nullptr && p.accumulate);
  const void* added = prepares || p.accumulate ? p.out : p.residual;
  // Nothing is written before it is known that all can be done.
  for (int i = 0; i < count; ++i)
    if (choose(operation(p, *large[i], i > 0 || added != nullptr)) == nullptr) return product(p, Precision::Bf16, workspace, stream);
  if (prepares)
    if (const Status status = product(before, Precision::Bf16, workspace, stream); status != Status::Ok) return status;
  void* room = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(workspace) + workspaceAlignment - 1) / workspaceAlignment * workspaceAlignment);
  for (int i = 0; i < count; ++i) {
    const void* c = i > 0 ? p.out : added;
    const Operation o = operation(p, *large[i], c != nullptr);
    const Chosen& chosen = *choose(o);
    const float beta = c == nullptr ? 0.0f : 1.0f;
    const auto call = [=, this, &chosen, scale = p.scale, out = p.out, a = o.a.data, b = o.b.data] {
#ifdef QT_CUDA_EMULATED
      const emulator::Reaching reaching;
#endif
      const int result = lt_.multiply(handle_, chosen.description, &scale, a, chosen.a, b, chosen.b, &beta, c == nullptr ? out : c, chosen.d, out, chosen.d,
                                      &chosen.found.algorithm, room, workspaceBytes, stream);
      // Its kernels are brought to the device when they are first wanted, too.
      if (result == ltNoMemory) return Status::OutOfMemory;
      // For whoever asked: CUDA's own error says nothing of what the library refused.
      if (result != ltOk) throw std::runtime_error("cuBLASLt's status " + std::to_string(result));
      return Status::Ok;
    };
#ifdef QT_CUDA_EMULATED
    // The emulated library knows nothing of captures.
    if (emulator::captured != nullptr) {
      emulator::captured->push_back(call);
      continue;
    }
#endif
    if (const Status status = call(); status != Status::Ok) return status;
  }
  return Status::Ok;
}

}  // namespace qt::cuda
