#include "cublaslt_library.hpp"

#include "opened.hpp"

namespace qt::cuda {
namespace {

CublasLtLibrary open() {
  const Opened from("QT_CUBLASLT_LIBRARY", {"libcublasLt.so.13", "libcublasLt.so.12"});
  CublasLtLibrary lt{};
  from.take(lt.version, "cublasLtGetVersion");
  from.take(lt.create, "cublasLtCreate");
  from.take(lt.destroy, "cublasLtDestroy");
  from.take(lt.descriptionCreate, "cublasLtMatmulDescCreate");
  from.take(lt.descriptionDestroy, "cublasLtMatmulDescDestroy");
  from.take(lt.descriptionSet, "cublasLtMatmulDescSetAttribute");
  from.take(lt.layoutCreate, "cublasLtMatrixLayoutCreate");
  from.take(lt.layoutDestroy, "cublasLtMatrixLayoutDestroy");
  from.take(lt.preferenceCreate, "cublasLtMatmulPreferenceCreate");
  from.take(lt.preferenceDestroy, "cublasLtMatmulPreferenceDestroy");
  from.take(lt.preferenceSet, "cublasLtMatmulPreferenceSetAttribute");
  from.take(lt.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  from.take(lt.multiply, "cublasLtMatmul");
  const int version = static_cast<int>(lt.version());
  // 13 counts 130200 for 13.2.0; 12 counted 120803 for 12.8.3.
  if (version < 120000 || version >= 140000) throw std::runtime_error("cuBLASLt's version " + std::to_string(version) + " is neither 12 nor 13");
  lt.name = withVersion("cuBLASLt", version / 10000, version / 100 % 100, version % 100);
  return lt;
}

}  // namespace

const CublasLtLibrary* cublasLtLibrary(std::string* why) { return openedOnce<open>(why); }

}  // namespace qt::cuda
