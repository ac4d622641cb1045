#include "impl/dots.inl"

namespace qt {

extern const DotKernels neonDots;
const DotKernels neonDots = makeDots("neon");

}  // namespace qt
