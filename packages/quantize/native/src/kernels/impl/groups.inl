// Cuts rows into groups of `lanes` blocks. What an encoder finds hard (and what must be refused) goes to the reference.
namespace qt {
namespace {

// Without importance: blocks that lie one after the other. Without refusal `out` holds their bytes.
template <int size, int bytes, class Encode>
QT_INLINE bool encodeNeighbours(TensorType type, const float* values, std::int64_t count, std::uint8_t* out, Encode encode) {
  constexpr std::int64_t group = static_cast<std::int64_t>(lanes) * size;
  for (std::int64_t i = 0; i < count; i += group, values += group, out += static_cast<std::int64_t>(lanes) * bytes) {
    const std::int64_t here = count - i < group ? count - i : group;
    std::uint8_t blocks[lanes * bytes];
    i32v hard;
    if (here == group) {
      hard = encode(Blocks{values, size, nullptr}, blocks);
    } else {
      alignas(64) float rest[group] = {};
      std::memcpy(rest, values, static_cast<std::size_t>(here) * sizeof(float));
      hard = encode(Blocks{rest, size, nullptr}, blocks);
    }
    if (!any(hard)) std::memcpy(out, blocks, static_cast<std::size_t>(here / size * bytes));
    else if (encodeReference(type, {values, 1, here}, out)) return false;
  }
  return true;
}

// With importance: one row in each lane. `begin` sees whole rows first; `encode` gets what it found.
template <int size, int bytes, class Begin, class Encode>
QT_INLINE bool encodeByRows(TensorType type, const Rows& in, std::uint8_t* out, Begin begin, Encode encode) {
  const std::int64_t rowOut = in.columns / size * bytes;
  for (std::int64_t row = 0; row < in.rows; row += lanes) {
    const float* values = in.values + row * in.columns;
    const std::int64_t here = in.rows - row < lanes ? in.rows - row : lanes;
    const float* from = values;
    if (here < lanes) {
      static thread_local std::vector<float> padded;
      padded.assign(static_cast<std::size_t>(lanes * in.columns), 0.0f);
      std::memcpy(padded.data(), values, static_cast<std::size_t>(here * in.columns) * sizeof(float));
      from = padded.data();
    }
    const auto context = begin(from, in.columns);
    i32v hard{};
    for (std::int64_t at = 0; at < in.columns; at += size) {
      std::uint8_t blocks[lanes * bytes];
      hard |= encode(Blocks{from + at, in.columns, in.importance + at}, context, blocks);
      for (std::int64_t l = 0; l < here; ++l) std::memcpy(out + (row + l) * rowOut + at / size * bytes, blocks + l * bytes, bytes);
    }
    if (any(hard) && encodeReference(type, {values, here, in.columns, in.importance}, out + row * rowOut)) return false;
  }
  return true;
}

template <int bytes, class Encode>
QT_INLINE bool encodeK(TensorType type, const Rows& in, std::uint8_t* out, Encode encode) {
  if (in.importance == nullptr) return encodeNeighbours<block256, bytes>(type, in.values, in.count(), out, encode);
  const auto nothing = [](const float*, std::int64_t) { return 0; };
  return encodeByRows<block256, bytes>(type, in, out, nothing, [&](const Blocks& blocks, int, std::uint8_t* o) __attribute__((always_inline)) { return encode(blocks, o); });
}

}  // namespace
}  // namespace qt
