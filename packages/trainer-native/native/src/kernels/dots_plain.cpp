#include "impl/dots.inl"

namespace qt {

extern const DotKernels plainDots;
const DotKernels plainDots = makeDots("plain");

}  // namespace qt
