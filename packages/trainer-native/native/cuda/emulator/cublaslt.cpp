// cuBLASLt's entry points for emulated GPUs: plain loops, over matrices in columns as that library has them. Kinds of products that the real
// one refuses, or would not sum in one order, are refused.
#include <cstdlib>
#include <cstring>

#include "emulator/language.hpp"
#include "bf16.cuh"
#include "device/cublaslt_library.hpp"

using namespace qt::cuda;

namespace {

constexpr int refused = 15;  // CUBLAS_STATUS_NOT_SUPPORTED

struct Layout {
  int type;
  std::uint64_t rows, columns;
  std::int64_t leading;
};
struct Description {
  int transposed[2];
};
struct Preference {
  std::size_t workspace = 0;
  std::uint32_t reductions = 7, alignment = 256;
};

float read(const void* p, const Layout& l, std::uint64_t row, std::uint64_t column) {
  const std::size_t at = column * static_cast<std::size_t>(l.leading) + row;
  return l.type == ltFloat ? static_cast<const float*>(p)[at] : widen(static_cast<const bf16*>(p)[at]);
}

}  // namespace

extern "C" {

std::size_t cublasLtGetVersion() { return 139999; }
int cublasLtCreate(LtHandle* handle) {
  static int one;
  *handle = &one;
  return ltOk;
}
int cublasLtDestroy(LtHandle) { return ltOk; }

int cublasLtMatmulDescCreate(LtDescription* description, int compute, int scale) {
  if (compute != ltComputeFloat || scale != ltFloat) return refused;
  *description = new Description{};
  return ltOk;
}
int cublasLtMatmulDescDestroy(LtDescription description) {
  delete static_cast<Description*>(description);
  return ltOk;
}
int cublasLtMatmulDescSetAttribute(LtDescription description, int attribute, const void* value, std::size_t bytes) {
  if (bytes != sizeof(int) || (attribute != ltTransposeA && attribute != ltTransposeB)) return refused;
  std::memcpy(&static_cast<Description*>(description)->transposed[attribute == ltTransposeB], value, bytes);
  return ltOk;
}

int cublasLtMatrixLayoutCreate(LtLayout* layout, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t leading) {
  if (leading < static_cast<std::int64_t>(rows)) return refused;
  *layout = new Layout{type, rows, columns, leading};
  return ltOk;
}
int cublasLtMatrixLayoutDestroy(LtLayout layout) {
  delete static_cast<Layout*>(layout);
  return ltOk;
}

int cublasLtMatmulPreferenceCreate(LtPreference* preference) {
  *preference = new Preference;
  return ltOk;
}
int cublasLtMatmulPreferenceDestroy(LtPreference preference) {
  delete static_cast<Preference*>(preference);
  return ltOk;
}
int cublasLtMatmulPreferenceSetAttribute(LtPreference preference, int attribute, const void* value, std::size_t bytes) {
  auto& p = *static_cast<Preference*>(preference);
  if (attribute == ltMostWorkspace && bytes == sizeof p.workspace) std::memcpy(&p.workspace, value, bytes);
  else if (attribute == ltReductions && bytes == sizeof p.reductions) std::memcpy(&p.reductions, value, bytes);
  else if (attribute >= ltAlignments[0] && attribute <= ltAlignments[3] && bytes == sizeof p.alignment) std::memcpy(&p.alignment, value, bytes);
  else return refused;
  return ltOk;
}

int cublasLtMatmulAlgoGetHeuristic(LtHandle, LtDescription description, LtLayout a, LtLayout b, LtLayout c, LtLayout d, LtPreference preference, int asked, LtFound* found,
                                   int* count) {
  const auto &p = *static_cast<Preference*>(preference);
  const auto &A = *static_cast<Layout*>(a), &B = *static_cast<Layout*>(b), &C = *static_cast<Layout*>(c), &D = *static_cast<Layout*>(d);
  const auto& o = *static_cast<Description*>(description);
  const std::uint64_t depth = o.transposed[0] ? A.rows : A.columns;
  const bool shapes = (o.transposed[0] ? A.columns : A.rows) == D.rows && (o.transposed[1] ? B.rows : B.columns) == D.columns &&
                      (o.transposed[1] ? B.columns : B.rows) == depth && C.rows == D.rows && C.columns == D.columns;
  const auto aligned = [](const Layout& l) { return l.leading * (l.type == ltFloat ? 4 : 2) % 16 == 0; };
  if (!shapes || asked < 1 || p.reductions != ltReducesInOrder || p.alignment != 16 || !aligned(A) || !aligned(B) || !aligned(D)) {
    *count = 0;
    return refused;
  }
  *found = {{{depth}}, 0, ltOk, 1.0f, {}};
  *count = 1;
  return ltOk;
}

int cublasLtMatmul(LtHandle, LtDescription description, const void* alpha, const void* a, LtLayout aLayout, const void* b, LtLayout bLayout, const void* beta, const void* c,
                   LtLayout cLayout, void* d, LtLayout dLayout, const LtAlgorithm* algorithm, void* workspace, std::size_t, Stream) {
  if (reinterpret_cast<std::uintptr_t>(workspace) % 256 != 0) return refused;
  if (std::getenv("QT_EMULATED_CUBLASLT_FULL") != nullptr) return ltNoMemory;  // for tests
  const auto &A = *static_cast<Layout*>(aLayout), &B = *static_cast<Layout*>(bLayout), &C = *static_cast<Layout*>(cLayout), &D = *static_cast<Layout*>(dLayout);
  const auto& o = *static_cast<Description*>(description);
  const float scale = *static_cast<const float*>(alpha), keeps = *static_cast<const float*>(beta);
  for (std::uint64_t column = 0; column < D.columns; ++column)
    for (std::uint64_t row = 0; row < D.rows; ++row) {
      float sum = 0;
      for (std::uint64_t k = 0; k < algorithm->data[0]; ++k)
        sum += (o.transposed[0] ? read(a, A, k, row) : read(a, A, row, k)) * (o.transposed[1] ? read(b, B, column, k) : read(b, B, k, column));
      sum *= scale;
      if (keeps != 0) sum += keeps * read(c, C, row, column);
      const std::size_t at = column * static_cast<std::size_t>(D.leading) + row;
      if (D.type == ltFloat) static_cast<float*>(d)[at] = sum;
      else static_cast<bf16*>(d)[at] = narrow(sum);
    }
  return ltOk;
}
}
