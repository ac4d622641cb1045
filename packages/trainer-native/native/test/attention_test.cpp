// Attention of ragged documents, forward and backward, against the double-precision reference: head sizes that do and do not
// fill a register, grouped heads, gentle and sharp scores, soft caps, windows.
#include <cstring>

#include "aligned_bytes.hpp"
#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

const std::vector<std::int32_t> borders{0, 1, 64, 128, 193, 323};  // documents of 1, 63, 64, 65 and 130 tokens
constexpr std::size_t tokens = 323;

std::vector<float> draw(std::size_t count, std::uint32_t purpose, float size) {
  std::vector<float> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float x = static_cast<float>(random(i, purpose)) * size;
    std::uint32_t bits;  // exact in bfloat16, so that both precisions have one reference
    std::memcpy(&bits, &x, 4);
    bits &= 0xffff0000u;
    std::memcpy(&out[i], &bits, 4);
  }
  return out;
}

struct Buffer {
  std::vector<unsigned char> bytes;
  DType type;
  Buffer(std::size_t count, DType t) : bytes(count * bytesOf(t)), type(t) {}
  Buffer(const std::vector<float>& from, DType t) : Buffer(from.size(), t) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (t == DType::F32) std::memcpy(bytes.data() + 4 * i, &from[i], 4);
      else std::memcpy(bytes.data() + 2 * i, reinterpret_cast<const unsigned char*>(&from[i]) + 2, 2);
    }
  }
  void* data() { return bytes.data(); }
  double operator[](std::size_t i) const {
    float out = 0;
    if (type == DType::F32) std::memcpy(&out, bytes.data() + 4 * i, 4);
    else std::memcpy(reinterpret_cast<unsigned char*>(&out) + 2, bytes.data() + 2 * i, 2);
    return out;
  }
};

double error(const Buffer& found, const reference::Values& expected) {
  double sum = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    sum += (found[i] - expected[i]) * (found[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(sum / size);
}

void compare(int heads, int kvHeads, int headDim, float sharpness, const char** names, int count, float softcap = 0, int window = 0) {
  const std::size_t wide = tokens * heads * headDim, narrow = tokens * kvHeads * headDim;
  const std::vector<float> q = draw(wide, 1, sharpness), k = draw(narrow, 2, 1), v = draw(narrow, 3, 1), dOut = draw(wide, 4, 1);
  const float scale = 1.0f / std::sqrt(static_cast<float>(headDim));
  std::vector<int> document(tokens);
  for (std::size_t d = 0; d + 1 < borders.size(); ++d) std::fill(document.begin() + borders[d], document.begin() + borders[d + 1], static_cast<int>(d));
  const auto wider = [](const std::vector<float>& x) { return reference::Values(x.begin(), x.end()); };
  const reference::AttentionSizes sizes{heads, kvHeads, headDim, scale, softcap, window};
  const reference::Values expected = reference::attention(wider(q), wider(k), wider(v), document, sizes);
  reference::Values dq(wide), dk(narrow), dv(narrow);
  reference::attentionBackward(wider(q), wider(k), wider(v), wider(dOut), document, sizes, dq, dk, dv);

  std::vector<AttentionTile> tiles;
  for (std::size_t d = 0; d + 1 < borders.size(); ++d)
    for (int tile = 0; tile * attentionTileRows < borders[d + 1] - borders[d]; ++tile)
      for (int head = 0; head < kvHeads; ++head) tiles.push_back({borders[d], borders[d + 1], tile, head});

  for (int n = 0; n < count; ++n)
    for (const DType type : {DType::F32, DType::BF16}) {
      const KernelTable& table = kernels(names[n]);
      const ActivationOps& ops = table.ops[type == DType::BF16];
      const AttentionShape shape{heads, kvHeads, headDim, scale, softcap, window};
      const auto scratch = alignedBytes(table.attentionScratch(shape));
      Buffer bq(q, type), bk(k, type), bv(v, type), bdOut(dOut, type), out(wide, type), bdq(wide, type), bdk(narrow, type), bdv(narrow, type);
      std::vector<float> logSumExp(tokens * heads), delta(tokens * heads);
      for (const AttentionTile& tile : tiles) ops.attention({shape, bq.data(), bk.data(), bv.data(), out.data(), logSumExp.data()}, tile, scratch.get());
      const AttentionBackward a{shape, bq.data(), bk.data(), bv.data(), out.data(), bdOut.data(), logSumExp.data(), delta.data(), bdq.data(), bdk.data(), bdv.data()};
      ops.attentionDelta(a, 0, tokens);
      for (const AttentionTile& tile : tiles) ops.attentionBackwardQuery(a, tile, scratch.get());
      for (const AttentionTile& tile : tiles) ops.attentionBackwardKey(a, tile, scratch.get());
      const double tolerance = type == DType::F32 ? 1e-5 : 2e-2;
      const double errors[] = {error(out, expected), error(bdq, dq), error(bdk, dk), error(bdv, dv)};
      for (int i = 0; i < 4; ++i)
        if (!(errors[i] <= tolerance)) {
          std::printf("%s %s, %d/%d heads of %d, sharpness %g, soft cap %g, window %d: %s is off by %.3g\n", names[n], type == DType::F32 ? "float32" : "bfloat16", heads, kvHeads,
                      headDim, sharpness, softcap, window, i == 0 ? "the output" : i == 1 ? "dq" : i == 2 ? "dk" : "dv", errors[i]);
          ++failures;
        }
    }
}

}  // namespace

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  for (const int headDim : {8, 12, 64, 80, 128})
    for (const auto& [heads, kvHeads] : {std::pair{4, 2}, std::pair{3, 1}, std::pair{2, 2}})
      compare(heads, kvHeads, headDim, 1, names, count);
  compare(4, 2, 64, 16, names, count);
  for (const int window : {2, 5, 63, 64, 65, 100}) compare(4, 2, 12, 1, names, count, window % 2 == 0 ? 3.0f : 0.0f, window);
  return report("attention_test");
}
