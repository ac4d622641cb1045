// The double-precision reference against finite differences: every operation alone, then whole models.
#include "differences.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::reference;
using qt::test::checkGradient;

namespace {

constexpr double tolerance = 1e-6;
std::uint32_t purpose = 1000;

Values draw(std::size_t count, double size = 1, double centre = 0) {
  Values v(count);
  for (std::size_t i = 0; i < count; ++i) v[i] = centre + size * test::random(i, purpose);
  ++purpose;
  return v;
}
double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void linearOperation() {
  const int tokens = 5, n = 7, k = 9;
  Values x = draw(tokens * k), w = draw(n * k), dy = draw(tokens * n), dx(x.size()), dw(w.size());
  linearBackward(x, w, dy, dx, dw, tokens, n, k);
  const auto loss = [&] { return dot(linear(x, w, tokens, n, k), dy); };
  checkGradient("linear, input", x, dx, loss, 1000, tolerance);
  checkGradient("linear, weight", w, dw, loss, 1000, tolerance);
}

void normOperation() {
  const int tokens = 4, d = 11;
  Values x = draw(tokens * d), w = draw(d, 0.3, 1), dy = draw(tokens * d), dx(x.size()), dw(w.size());
  rmsNormBackward(x, w, dy, dx, dw, tokens, d, 1e-5);
  const auto loss = [&] { return dot(rmsNorm(x, w, tokens, d, 1e-5), dy); };
  checkGradient("RMS norm, input", x, dx, loss, 1000, tolerance);
  checkGradient("RMS norm, weight", w, dw, loss, 1000, tolerance);
}

void rotaryOperation() {
  const int heads = 3, headDim = 10;
  const std::vector<int> positions{0, 1, 5, 900};
  const std::vector<double> frequencies{1, 0.3, 0.01};  // four of the ten dimensions are left alone
  for (const bool interleaved : {false, true}) {
    Values x = draw(positions.size() * heads * headDim);
    const Values dy = draw(x.size());
    Values dx = dy;
    rotate(dx, positions, frequencies, interleaved, heads, headDim, -1);
    const auto loss = [&] {
      Values y = x;
      rotate(y, positions, frequencies, interleaved, heads, headDim, 1);
      return dot(y, dy);
    };
    checkGradient("rotary", x, dx, loss, 1000, tolerance);
  }
}

void attentionOperation() {
  for (const AttentionSizes& sizes : {AttentionSizes{4, 2, 6, 0.4}, AttentionSizes{4, 2, 6, 0.4, 0.9, 3}}) {
    const std::vector<int> document{0, 0, 0, 0, 0, 1, 2, 2, 2};
    const std::size_t tokens = document.size();
    Values q = draw(tokens * 24), k = draw(tokens * 12), v = draw(tokens * 12);
    const Values dOut = draw(tokens * 24);
    Values dq(q.size()), dk(k.size()), dv(v.size());
    attentionBackward(q, k, v, dOut, document, sizes, dq, dk, dv);
    const auto loss = [&] { return dot(attention(q, k, v, document, sizes), dOut); };
    checkGradient("attention, queries", q, dq, loss, 1000, tolerance);
    checkGradient("attention, keys", k, dk, loss, 1000, tolerance);
    checkGradient("attention, values", v, dv, loss, 1000, tolerance);
  }
}

void swigluOperation() {
  Values gate = draw(40, 4), up = draw(40), dGate(40), dUp(40);
  const Values dy = draw(40);
  swigluBackward(gate, up, dy, dGate, dUp);
  const auto loss = [&] { return dot(swiglu(gate, up), dy); };
  checkGradient("SwiGLU, gate", gate, dGate, loss, 1000, tolerance);
  checkGradient("SwiGLU, up", up, dUp, loss, 1000, tolerance);
}

void gegluOperation() {
  Values gate = draw(40, 4), up = draw(40), dGate(40), dUp(40);
  const Values dy = draw(40);
  gegluBackward(gate, up, dy, dGate, dUp);
  const auto loss = [&] { return dot(geglu(gate, up), dy); };
  checkGradient("GeGLU, gate", gate, dGate, loss, 1000, tolerance);
  checkGradient("GeGLU, up", up, dUp, loss, 1000, tolerance);
}

void biasOperation() {
  Values x = draw(4 * 7), bias = draw(7), dBias(7);
  const Values dy = draw(4 * 7);
  biasBackward(dy, dBias);
  checkGradient("bias", bias, dBias, [&] { return dot(addBias(x, bias), dy); }, 1000, tolerance);
}

void softcapOperation() {
  Values x = draw(40, 6);
  const Values dy = draw(40);
  Values dx = dy;
  softcapBackward(softcap(x, 3), 3, dx);
  checkGradient("soft cap", x, dx, [&] { return dot(softcap(x, 3), dy); }, 1000, tolerance);
}

void lossOperation() {
  const std::vector<int> labels{3, -100, 0, 12};
  Values logits = draw(4 * 13, 3), gradient, ignored;
  for (const double smoothing : {0.0, 0.2})
    for (const Values& weights : {Values{}, Values{0.5, 1, 2, 0.25}}) {
      crossEntropy(logits, labels, 13, 0.7, weights, smoothing, gradient);
      const auto loss = [&] { return crossEntropy(logits, labels, 13, 0.7, weights, smoothing, ignored); };
      checkGradient("cross-entropy", logits, gradient, loss, 1000, tolerance);
    }
}

void wholeModel(bool full, const ModelSpec& spec, bool dropout, bool magnitudes = false) {
  test::Tiny tiny = test::makeTiny(full, spec, magnitudes);
  Decoder& decoder = tiny.decoder;
  const std::vector<int> ids(tiny.ids.begin(), tiny.ids.begin() + 20), labels(tiny.labels.begin(), tiny.labels.begin() + 20), borders{0, 7, 8, 20};
  if (dropout) {
    decoder.masks.resize(decoder.spec.layers);
    for (auto& block : decoder.masks)
      for (int p = 0; p < projectionCount; ++p) {
        block[p] = draw(20 * static_cast<std::size_t>(projectionShape(decoder.spec, p).columns));
        for (double& factor : block[p]) factor = factor < -0.4 ? 0 : 1 / 0.7;
      }
  }
  Tensors gradients, ignored;
  decoder.freezeNorms();
  decoder.lossAndGradients(ids, labels, borders, 0.05, gradients);
  for (auto& [key, values] : decoder.weights) {
    char name[80];
    std::snprintf(name, sizeof name, "model (full %d tied %d dropout %d norms %d), layer %d module %d", full, spec.tiedEmbeddings, dropout, spec.postNorms,
                  key.layer, key.module);
    checkGradient(name, values, gradients.at(key), [&] { return decoder.lossAndGradients(ids, labels, borders, 0.05, ignored); }, 6, tolerance);
  }
}

}  // namespace

int main() {
  linearOperation();
  normOperation();
  rotaryOperation();
  attentionOperation();
  swigluOperation();
  gegluOperation();
  biasOperation();
  softcapOperation();
  lossOperation();
  wholeModel(true, test::tinySpec(true, RopeLayout::Halves), false);
  wholeModel(true, test::tinySpec(false, RopeLayout::Interleaved), false);
  wholeModel(false, test::tinySpec(false, RopeLayout::Interleaved), false);
  wholeModel(false, test::tinySpec(true, RopeLayout::Halves), true);
  wholeModel(true, test::everySpec(true, RopeLayout::Halves), false);
  wholeModel(false, test::everySpec(false, RopeLayout::Interleaved), true);
  wholeModel(false, test::everySpec(false, RopeLayout::Interleaved), false, true);
  return report("reference_test");
}
