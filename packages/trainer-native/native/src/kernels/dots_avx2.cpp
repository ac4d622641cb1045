#include "impl/dots.inl"

namespace qt {

extern const DotKernels avx2Dots;
const DotKernels avx2Dots = makeDots("avx2");

}  // namespace qt
