#include "impl/dots.inl"

namespace qt {

extern const DotKernels avxvnniDots;
const DotKernels avxvnniDots = makeDots("avxvnni");

}  // namespace qt
