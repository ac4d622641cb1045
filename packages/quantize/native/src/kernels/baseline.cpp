#include "impl/table.inl"

namespace qt {

extern const EncoderTable baselineEncoders;
const EncoderTable baselineEncoders = makeTable("baseline");

}  // namespace qt
