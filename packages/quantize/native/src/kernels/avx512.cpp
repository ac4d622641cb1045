#include "impl/table.inl"

namespace qt {

extern const EncoderTable avx512Encoders;
const EncoderTable avx512Encoders = makeTable("avx512");

}  // namespace qt
