#include "impl/dots.inl"

namespace qt {

extern const DotKernels avx512vnniDots;
const DotKernels avx512vnniDots = makeDots("avx512vnni");

}  // namespace qt
