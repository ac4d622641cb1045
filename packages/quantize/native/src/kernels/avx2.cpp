#include "impl/table.inl"

namespace qt {

extern const EncoderTable avx2Encoders;
const EncoderTable avx2Encoders = makeTable("avx2");

}  // namespace qt
