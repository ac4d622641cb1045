// Cross-entropy of one row of logits, its gradient in place, and the arithmetic of the optimiser.
//   q = (1 − s)·onehot(t) + s/V      loss = lse(z) − q·z      dz = weight·(softmax(z) − q)
//   capped: z = c·tanh(z'/c), dz' = dz·(1 − (z/c)²)
//   AdamW (Loshchilov & Hutter, arXiv 1711.05101), as PyTorch computes it.

namespace qt {
namespace {

static void softcap(float* z, std::int64_t count, float cap) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) { give(z + c, hyperbolicTangent(take(z + c, w) * (1.0f / cap)) * cap, w); });
}

static float crossEntropy(float* logits, std::int64_t vocabulary, std::int32_t target, float weight, float smoothing, bool gradient, float cap, bool* correct) {
  if (cap != 0.0f) softcap(logits, vocabulary, cap);
  f32x16 high = splat(-INFINITY);
  overColumns(vocabulary, [&](std::int64_t c, std::int64_t w) {
    high = maximum(high, w == lanes ? load(logits + c) : loadSome(logits + c, w, -INFINITY));
  });
  const float top = highest(high);
  // Sums of blocks of 4096 keep float32 exact enough over a large vocabulary.
  double sum = 0, plain = 0;
  for (std::int64_t begin = 0; begin < vocabulary; begin += 4096) {
    const std::int64_t count = vocabulary - begin < 4096 ? vocabulary - begin : 4096;
    f32x16 part{};
    overColumns(count, [&](std::int64_t c, std::int64_t w) {
      part += exponential((w == lanes ? load(logits + begin + c) : loadSome(logits + begin + c, w, -INFINITY)) - top);
    });
    sum += total(part);
    if (smoothing == 0) continue;
    f32x16 values{};
    overColumns(count, [&](std::int64_t c, std::int64_t w) { values += take(logits + begin + c, w); });
    plain += total(values);
  }
  const double lse = static_cast<double>(top) + std::log(sum);
  const double share = static_cast<double>(smoothing) / static_cast<double>(vocabulary);
  const float loss = static_cast<float>(lse - (1.0 - smoothing) * logits[target] - share * plain);
  *correct = logits[target] == top;
  if (gradient) {
    const float shift = static_cast<float>(lse);
    const float every = static_cast<float>(share) * weight;
    // d c·tanh(z/c) = 1 − tanh², from the capped value itself
    const float inverse = cap != 0.0f ? 1.0f / cap : 0.0f, ofTarget = logits[target] * inverse;
    overColumns(vocabulary, [&](std::int64_t c, std::int64_t w) {
      const f32x16 z = take(logits + c, w), t = z * inverse;
      give(logits + c, (exponential(z - shift) * weight - every) * (1.0f - t * t), w);
    });
    logits[target] -= weight * (1.0f - smoothing) * (1.0f - ofTarget * ofTarget);
  }
  return loss;
}

static double sumOfSquares(const float* x, std::int64_t count) {
  double sum[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int j = 0; j < 8; ++j) sum[j] += static_cast<double>(x[i + j]) * x[i + j];
  for (; i < count; ++i) sum[0] += static_cast<double>(x[i]) * x[i];
  return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

QT_INLINE f32x16 squareRoot(f32x16 v) {
  float t[lanes];
  store(t, v);
  for (int i = 0; i < lanes; ++i) t[i] = std::sqrt(t[i]);
  return load(t);
}

static void adamw(float* parameter, const float* gradient, float* m, float* v, std::int64_t count, const AdamStep& s) {
  const float stepSize = s.learningRate / s.correction1;
  const float root = std::sqrt(s.correction2);
  overColumns(count, [&](std::int64_t c, std::int64_t w) {
    const f32x16 g = take(gradient + c, w) * s.gradScale;
    const f32x16 p = take(parameter + c, w) * (1.0f - s.learningRate * s.weightDecay);
    const f32x16 m1 = take(m + c, w) * s.beta1 + g * (1.0f - s.beta1);
    const f32x16 v1 = take(v + c, w) * s.beta2 + g * g * (1.0f - s.beta2);
    give(m + c, m1, w);
    give(v + c, v1, w);
    give(parameter + c, p - m1 * stepSize / (squareRoot(v1) / root + s.epsilon), w);
  });
}

static void addScaled(float* out, const float* x, float scale, std::int64_t count) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) { give(out + c, take(out + c, w) + take(x + c, w) * scale, w); });
}

}  // namespace
}  // namespace qt
