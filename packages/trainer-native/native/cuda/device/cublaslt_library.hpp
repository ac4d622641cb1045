// NVIDIA's library of matrix products, opened at run time: the entry points used, declared here.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "../status.hpp"

namespace qt::cuda {

// Handles are addresses, enumerations are int.
using LtHandle = void*;
using LtDescription = void*;
using LtLayout = void*;
using LtPreference = void*;

struct LtAlgorithm {
  std::uint64_t data[8];
};
struct LtFound {
  LtAlgorithm algorithm;
  std::size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

inline constexpr int ltOk = 0, ltNoMemory = 3;               // CUBLAS_STATUS_SUCCESS, CUBLAS_STATUS_ALLOC_FAILED
inline constexpr int ltFloat = 0, ltBf16 = 14;               // CUDA_R_32F, CUDA_R_16BF
inline constexpr int ltComputeFloat = 68;                    // CUBLAS_COMPUTE_32F
inline constexpr int ltTransposeA = 3, ltTransposeB = 4;     // CUBLASLT_MATMUL_DESC_TRANSA …
inline constexpr int ltPlain = 0, ltTransposed = 1;          // CUBLAS_OP_N, CUBLAS_OP_T
inline constexpr int ltMostWorkspace = 1, ltReductions = 3;  // CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, …REDUCTION_SCHEME_MASK
inline constexpr int ltAlignments[4] = {5, 6, 7, 8};         // …MIN_ALIGNMENT_A_BYTES to D
inline constexpr std::uint32_t ltReducesInOrder = 2;         // CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE: partial sums in the workspace, no atomics

struct CublasLtLibrary {
  std::string name;  // "cuBLASLt 13.0.2"
  std::size_t (*version)();
  int (*create)(LtHandle* handle);
  int (*destroy)(LtHandle handle);
  int (*descriptionCreate)(LtDescription* description, int compute, int scale);
  int (*descriptionDestroy)(LtDescription description);
  int (*descriptionSet)(LtDescription description, int attribute, const void* value, std::size_t bytes);
  int (*layoutCreate)(LtLayout* layout, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t leading);
  int (*layoutDestroy)(LtLayout layout);
  int (*preferenceCreate)(LtPreference* preference);
  int (*preferenceDestroy)(LtPreference preference);
  int (*preferenceSet)(LtPreference preference, int attribute, const void* value, std::size_t bytes);
  int (*heuristic)(LtHandle handle, LtDescription description, LtLayout a, LtLayout b, LtLayout c, LtLayout d, LtPreference preference, int asked, LtFound* found, int* count);
  int (*multiply)(LtHandle handle, LtDescription description, const void* alpha, const void* a, LtLayout aLayout, const void* b, LtLayout bLayout, const void* beta,
                  const void* c, LtLayout cLayout, void* d, LtLayout dLayout, const LtAlgorithm* algorithm, void* workspace, std::size_t workspaceBytes, Stream stream);
};

// QT_CUBLASLT_LIBRARY, libcublasLt.so.13 or .12, opened once; null where it is not there or not one that this knows, and `why` says so.
const CublasLtLibrary* cublasLtLibrary(std::string* why = nullptr);

}  // namespace qt::cuda
