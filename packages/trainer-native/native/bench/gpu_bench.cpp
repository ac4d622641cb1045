// Training on a GPU, measured: one line of JSON for each case. The library that computes is named, so that the emulator can stand in.
// usage: gpu_bench LIBRARY [--tiny | --counted | --plan] [--only CASE[,CASE…]] [--checkpointing] [--device N]
// --plan runs nothing: what each training would take of memory, and of time if all its products were as fast as the fastest measured.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "device/open_cuda.hpp"
#include "generate/session.hpp"
#include "gpu_models.hpp"
#include "product.hpp"
#include "train/trainer.hpp"

using namespace qt;
using namespace qt::bench;

namespace {

struct Settings {
  std::string library;
  int device = 0;
  bool tiny = false, checkpointing = false;
  bool plan = false;
  bool counted = false;  // as tiny, with shapes that take the same kernels as the real ones
  std::string only;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void require(Device& device) {
  if (const char* why = device.failure()) throw std::runtime_error(why);
}

// Operations are asked for and not waited for; a copy from the device comes after all of them.
void finish(Device& device, const void* any) {
  unsigned char byte;
  device.copyOut(&byte, any, 1);
  require(device);
}

std::size_t freeMemory(const Settings& s) { return freeCudaMemory(s.library, s.device); }

std::vector<std::uint16_t> randomBf16(std::size_t count) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<std::uint16_t> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i >= 65536) {
      out[i] = out[i & 65535];
      continue;
    }
    std::uint32_t bits;
    const float value = normal(random);
    std::memcpy(&bits, &value, sizeof bits);
    out[i] = static_cast<std::uint16_t>(bits >> 16);
  }
  return out;
}

unsigned char* filled(Device& device, std::size_t count) {
  const std::vector<std::uint16_t> host = randomBf16(count);
  unsigned char* to = device.allocate(count * 2);
  if (to == nullptr) throw std::runtime_error("the device has not the memory for this");
  device.copyIn(to, host.data(), count * 2);
  return to;
}

// The middle of several rounds of some calls each, in seconds a call.
double timed(Device& device, const void* any, bool tiny, const std::function<void()>& call) {
  const int rounds = tiny ? 1 : 5, calls = tiny ? 1 : 10;
  call();
  finish(device, any);
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const double begin = now();
    for (int i = 0; i < calls; ++i) call();
    finish(device, any);
    times.push_back((now() - begin) / calls);
  }
  return median(times);
}

// y = x·Wᵀ in bfloat16, of the most that a training step could ask for: the rate that every step is measured against.
void products(const Settings& s) {
  struct Size {
    int rows, columns, depth;
  };
  const std::vector<Size> sizes = s.counted ? std::vector<Size>{{1536, 1024, 64}} : s.tiny ? std::vector<Size>{{64, 64, 64}} : std::vector<Size>{{8192, 8192, 8192}, {8192, 4096, 14336}, {8192, 28672, 4096}, {16384, 4864, 896}};
  CudaParts parts{};
  cudaLibrary(s.library).parts(&parts);
  std::vector<const char*> ways{"own"};
  if (parts.cublasLt.version[0] != '\0') ways.push_back("cublaslt");
  const char* given = std::getenv("QT_CUDA_PRODUCTS");
  const std::string before = given == nullptr ? "" : given;
  for (const char* way : ways) {
    setenv("QT_CUDA_PRODUCTS", way, 1);
    for (const auto& [rows, columns, depth] : sizes) {
      const auto device = openCuda(s.library, s.device, DType::BF16);
      unsigned char* left = filled(*device, static_cast<std::size_t>(rows) * depth);
      unsigned char* right = filled(*device, static_cast<std::size_t>(columns) * depth);
      unsigned char* out = device->allocate(static_cast<std::size_t>(rows) * columns * 2);
      const std::size_t scratch = device->needs().scratch(specOf(tiny), rows);
      device->useScratch(device->allocate(scratch), scratch);
      const double seconds = timed(*device, out, s.tiny, [&] {
        Product p;
        p.rows = rows;
        p.columns = columns;
        p.out = out;
        p.outType = DType::BF16;
        p.outStride = columns;
        p.addPlain(dense(left, DType::BF16, rows, depth), false, dense(right, DType::BF16, columns, depth), true, depth);
        device->multiply(p);
      });
      std::printf("{\"case\":\"product\",\"shape\":\"%dx%dx%d\",\"by\":\"%s\",\"tflops\":%.4g}\n", rows, columns, depth, way, 2e-12 * rows * columns * depth / seconds);
    }
  }
  setenv("QT_CUDA_PRODUCTS", before.c_str(), 1);
}

// Causal attention of one document, forward and backward.
void attention(const Settings& s) {
  const std::int32_t tokens = s.counted ? 256 : s.tiny ? 64 : 8192, heads = s.tiny ? 2 : 32, kvHeads = s.tiny ? 1 : 8, headDim = 128;
  const auto device = openCuda(s.library, s.device, DType::BF16);
  const std::size_t wide = static_cast<std::size_t>(tokens) * heads * headDim, narrow = static_cast<std::size_t>(tokens) * kvHeads * headDim;
  const std::vector<std::int32_t> ids(tokens, 1), borders{0, tokens};
  device->begin({ids.data(), ids.data(), borders.data(), tokens, 1, nullptr}, kvHeads);
  const AttentionShape shape{heads, kvHeads, headDim, 1.0f / std::sqrt(static_cast<float>(headDim))};
  const auto floats = [&] { return reinterpret_cast<float*>(device->allocate(sizeof(float) * tokens * heads)); };
  const AttentionForward forward{shape, filled(*device, wide), filled(*device, narrow), filled(*device, narrow), device->allocate(2 * wide), floats()};
  const AttentionBackward backward{shape,  forward.q, forward.k, forward.v, forward.out, filled(*device, wide), forward.logSumExp, floats(), device->allocate(2 * wide),
                                   device->allocate(2 * narrow), device->allocate(2 * narrow)};
  const double both = timed(*device, backward.dq, s.tiny, [&] {
    device->attention(forward);
    device->attentionBackward(backward);
  });
  const double one = timed(*device, forward.out, s.tiny, [&] { device->attention(forward); });
  const double flops = 2.0 * tokens * tokens * heads * headDim;  // two products over half the square
  std::printf("{\"case\":\"attention\",\"tokens\":%d,\"heads\":%d,\"kv_heads\":%d,\"head_dim\":%d,\"forward_ms\":%.4g,\"both_ms\":%.4g,\"tflops\":%.4g}\n", tokens, heads,
              kvHeads, headDim, one * 1e3, both * 1e3, 3.5 * flops / both * 1e-12);
}

struct Training {
  const char* name;
  Widths widths;
  TensorType type = TensorType::BF16;
  int rank = 16;  // 0: full
  int rows = 4, length = 2048;
  std::int32_t feedForwardChunk = 0;  // not 0: and what blocks are given is off-loaded, as for the longest rows
};

TrainerOptions optionsOf(const Training& t, bool checkpointing) {
  TrainerOptions o;
  o.precision = DType::BF16;
  o.full = t.rank == 0;
  o.checkpointing = checkpointing;
  o.maxTokens = t.rows * t.length;
  o.maxPositions = t.length;
  o.lossChunk = 1024;
  o.feedForwardChunk = t.feedForwardChunk;
  o.offload = t.feedForwardChunk > 0;
  if (!o.full) {
    o.adapters.resize(t.widths.layers);
    for (auto& block : o.adapters)
      for (AdapterModule& module : block) module = {t.rank, 2.0f};
  }
  return o;
}

// Rows in which most tokens follow from the one before, so that there is something to learn.
struct Rows {
  std::vector<std::int32_t> ids, labels, borders;
  Rows(const Training& t, std::uint32_t seed) {
    std::mt19937 random(seed);
    const int known = std::min(t.widths.vocabulary, 1024);
    std::int32_t id = 0;
    for (int r = 0; r < t.rows; ++r) {
      borders.push_back(r * t.length);
      for (int i = 0; i < t.length; ++i) {
        id = random() % 8 == 0 ? static_cast<std::int32_t>(random() % known) : (id * 5 + 3) % known;
        ids.push_back(id);
      }
    }
    borders.push_back(t.rows * t.length);
    labels.assign(ids.begin() + 1, ids.end());
    labels.push_back(-100);
    for (int r = 1; r < t.rows; ++r) labels[r * t.length - 1] = -100;
  }
  Batch batch() const {
    return {ids.data(), labels.data(), borders.data(), static_cast<std::int32_t>(ids.size()), static_cast<std::int32_t>(borders.size()) - 1, nullptr};
  }
};

// A adapters' side as they begin; B is 0 already. What is trained from nothing has been drawn with the model.
void startAdapters(Trainer& trainer) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  for (const TrainedTensor& t : trainer.trained().tensors) {
    if (t.id.role != Role::LoraA) continue;
    std::vector<float> values(t.size());
    for (float& value : values) value = normal(random);
    trainer.device().copyIn(trainer.parameters().data() + t.offset, values.data(), values.size() * sizeof(float));
  }
}

double takeStep(Trainer& trainer, const Batch& batch, int step, float rate) {
  const std::atomic<bool> abort{false};
  const LossSum sum = trainer.forwardBackward(batch, 1.0f / static_cast<float>(batch.tokens), static_cast<std::uint32_t>(step), abort);
  UpdateOptions update{{}, 0.9f, 0.95f, 1e-8f, 1.0f, step + 1};
  update.groups.fill({rate, 0.0f});
  trainer.update(update);
  return sum.loss / sum.weight;
}

// Arithmetic of a token: a frozen number takes part forward and in its input's gradient, a trained one also in its own; attention's two
// products forward and five backward, over half the length. What checkpointing repeats is not counted.
double flopsOfToken(const Training& t) {
  const ModelSpec s = specOf(t.widths);
  double parameters = static_cast<double>(s.vocabulary) * s.dModel, adapters = 0;
  for (int p = 0; p < projectionCount; ++p) {
    const Shape shape = projectionShape(s, p);
    parameters += static_cast<double>(s.layers) * shape.rows * shape.columns;
    adapters += static_cast<double>(s.layers) * t.rank * (shape.rows + shape.columns);
  }
  return (t.rank == 0 ? 6 * parameters : 4 * parameters + 6 * adapters) + 7.0 * s.layers * s.attentionWidth() * t.length;
}

// Device memory of the base as the step reads it: for what is trained whole nothing lies there twice.
std::size_t baseBytes(const Training& t, const Model& model) { return t.rank == 0 ? 0 : model.weightBytes(); }

std::size_t plannedBytes(const Training& t, const Model& model, const TrainerOptions& o, const DeviceNeeds& needs) {
  const StepLayout layout(model.spec, o, needs);
  const TrainedLayout trained(model.spec, o);
  return baseBytes(t, model) + layout.plan.size() + (2 * trained.count + trained.originCount) * sizeof(float) + trained.stateBytes;
}

void train(const Settings& s, const Training& t, bool checkpointing, int steps) {
  const RandomModel random(t.widths, t.type);
  const TrainerOptions o = optionsOf(t, checkpointing);
  const std::size_t before = freeMemory(s), planned = plannedBytes(t, random.model(), o, *cudaLibrary(s.library).needs(o.precision));
  if (before < planned) {
    std::printf("{\"case\":\"%s\",\"absent\":\"it takes %.1f GiB, and %.1f are free\"}\n", t.name, static_cast<double>(planned) / (1 << 30), static_cast<double>(before) / (1 << 30));
    return;
  }
  Trainer trainer(random.model(), o, openCuda(s.library, s.device, o.precision));
  startAdapters(trainer);
  const Rows rows(t, 1);
  std::vector<double> times, losses;
  for (int step = 0; step < steps; ++step) {
    const double begin = now();
    losses.push_back(takeStep(trainer, rows.batch(), step, 3e-4f));
    finish(trainer.device(), trainer.parameters().data());
    times.push_back(now() - begin);
  }
  if (times.size() > 2) times.erase(times.begin());  // the first loads kernels
  const std::size_t after = freeMemory(s);
  const double seconds = median(times);
  std::printf("{\"case\":\"%s\",\"tokens_per_second\":%.5g,\"step_ms\":%.5g,\"model_tflops\":%.4g,\"planned_mib\":%.0f,\"base_mib\":%.0f,\"device_mib\":%.0f,"
              "\"checkpointing\":%s,\"first_loss\":%.5g,\"last_loss\":%.5g}\n",
              t.name, o.maxTokens / seconds, seconds * 1e3, flopsOfToken(t) * o.maxTokens / seconds * 1e-12, static_cast<double>(planned) / (1 << 20),
              static_cast<double>(baseBytes(t, random.model())) / (1 << 20), static_cast<double>(before - std::min(before, after)) / (1 << 20),
              checkpointing ? "true" : "false", losses.front(), losses.back());
}

// bfloat16 products of one H200 as others measured them: 8,192 cubed by PyTorch 2.11.
constexpr double publishedTflops = 788;

void printPlan(const Settings& s, const Training& t) {
  const RandomModel random(t.widths, t.type);
  const auto gibibytes = [&](bool checkpointing) {
    const TrainerOptions o = optionsOf(t, checkpointing);
    return static_cast<double>(plannedBytes(t, random.model(), o, *cudaLibrary(s.library).needs(o.precision))) / (1 << 30);
  };
  const double tokens = static_cast<double>(t.rows) * t.length, tflop = flopsOfToken(t) * tokens * 1e-12, least = tflop / publishedTflops;
  std::printf("| %s | %d×%d | %.1f | %.0f | %.0f | %.1f | %.1f |\n", t.name, t.rows, t.length, tflop, least * 1e3, tokens / least, gibibytes(false), gibibytes(true));
}

// The longest row that fits into 24 GB by the plan, and one step of it, or of the length that is to be reached.
void longest(const Settings& s, Training t) {
  const RandomModel random(t.widths, t.type);
  const DeviceNeeds& needs = *cudaLibrary(s.library).needs(DType::BF16);
  const std::size_t most = s.tiny ? std::size_t{64} << 20 : std::size_t{24000000000}, apart = s.tiny ? 64 : 1024;
  const auto bytes = [&](int length) {
    t.length = length;
    return plannedBytes(t, random.model(), optionsOf(t, true), needs);
  };
  int length = 0;
  for (int unit = 1 << 10; unit > 0; unit /= 2)
    if (bytes(static_cast<int>((length + unit) * apart)) <= most) length += unit;
  if (s.tiny) length = std::min(length, 2);  // the emulator takes its time
  t.length = static_cast<int>(length * apart);
  std::printf("{\"case\":\"context\",\"tokens\":%d,\"of_bytes\":%zu}\n", t.length, most);
  t.length = std::min(t.length, 78000);
  if (t.length > 0) train(s, t, true, 1);
}

// The same 200 steps in bfloat16 and in float32, from nothing: how far the losses are apart, of which the middle twenty are the measure.
void curve(const Settings& s, Training t) {
  const RandomModel random(t.widths, t.type);
  const int steps = s.tiny ? 3 : 200;
  std::vector<double> losses[2];
  for (const DType precision : {DType::F32, DType::BF16}) {
    TrainerOptions o = optionsOf(t, false);
    o.precision = precision;
    Trainer trainer(random.model(), o, openCuda(s.library, s.device, precision));
    for (int step = 0; step < steps; ++step)
      losses[precision == DType::BF16].push_back(takeStep(trainer, Rows(t, static_cast<std::uint32_t>(step)).batch(), step, 6e-4f));
  }
  double most = 0, sums[2] = {};
  for (int step = 0; step < steps; ++step) most = std::max(most, std::abs(losses[1][step] - losses[0][step]) / losses[0][step]);
  for (int i : {0, 1})
    for (int step = steps - std::min(steps, 20); step < steps; ++step) sums[i] += losses[i][step];
  std::printf("{\"case\":\"curve\",\"steps\":%d,\"first_loss\":%.5g,\"last_loss_f32\":%.5g,\"last_loss_bf16\":%.5g,\"most_apart\":%.3g,\"last_apart\":%.3g}\n", steps,
              losses[0].front(), losses[0].back(), losses[1].back(), most, std::abs(sums[1] - sums[0]) / sums[0]);
}

// A prompt of one sequence, then tokens of one and of 32 at a time, from blocks as they lie.
void generation(const Settings& s) {
  const Widths widths = s.counted ? countedWide : s.tiny ? Widths{256, 2, 256, 2, 1, 256, true, true} : llama8;
  const std::int32_t prompt = s.counted ? 128 : s.tiny ? 16 : 2048, tokens = s.tiny ? 2 : 32, most = s.tiny ? 2 : 32;
  const RandomModel random(widths, TensorType::Q4_K);
  const Model& model = random.model();
  const SessionOptions options{prompt + 3 * tokens + 2, true, false};
  Session session(model, options, openCudaGeneration(s.library, s.device, model.spec, Session::planned(model, options, most, CacheType::F16)));
  const std::vector<std::int32_t> ids(static_cast<std::size_t>(prompt), 7);
  std::vector<float> logits(static_cast<std::size_t>(most) * model.spec.vocabulary);
  const AdapterSet none;
  const std::atomic<bool> abort{false};
  std::vector<std::unique_ptr<KvCache>> caches;
  for (std::int32_t i = 0; i < most; ++i) caches.push_back(session.makeCache(CacheType::F16));
  // Seconds for each of some calls, of which the first loads kernels.
  const auto each = [&](int calls, const std::function<void()>& call) {
    call();
    const double begin = now();
    for (int i = 0; i < calls; ++i) call();
    return (now() - begin) / calls;
  };
  const double read = each(s.tiny ? 1 : 3, [&] {
    caches[0]->truncate(0);
    session.append(*caches[0], none, ids.data(), prompt, 1, logits.data(), false, abort);
  });
  const auto decoded = [&](std::int32_t together) {
    std::vector<DecodeItem> items;
    for (std::int32_t i = 0; i < together; ++i) items.push_back({caches[static_cast<std::size_t>(i)].get(), &none, 5});
    return each(tokens, [&] { session.decode(items.data(), together, logits.data(), abort); });
  };
  const double one = decoded(1), many = decoded(most);
  std::printf("{\"case\":\"generation\",\"prompt\":%d,\"prompt_per_second\":%.5g,\"one_per_second\":%.5g,\"together\":%d,\"together_per_second\":%.5g,\"weights_mib\":%.0f}\n",
              prompt, prompt / read, 1 / one, most, most / many, static_cast<double>(model.weightBytes()) / (1 << 20));
}

bool wanted(const Settings& s, std::string_view name) {
  if (s.only.empty()) return true;
  return ("," + s.only + ",").find("," + std::string(name) + ",") != std::string::npos;
}

// A reason on one line, as JSON wants it.
std::string quoted(std::string why) {
  for (char& c : why)
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ') c = ' ';
  return '"' + why + '"';
}

// What cannot be measured is said, and does not end the others.
void measure(const Settings& s, const char* name, const std::function<void()>& body) {
  if (!wanted(s, name)) return;
  try {
    body();
  } catch (const std::exception& e) {
    std::printf("{\"case\":\"%s\",\"absent\":%s}\n", name, quoted(e.what()).c_str());
  }
  std::fflush(stdout);
}

Training smaller(const Settings& s, Training t) {
  if (!s.tiny) return t;
  if (s.counted) {
    const bool narrowHeads = t.widths.dModel / t.widths.heads == 64;
    t.widths = narrowHeads ? countedNarrow : countedWide;
    t.rows = 1;
    t.length = 256;
    return t;
  }
  t.widths = tiny;
  if (t.type != TensorType::BF16) t.widths.dModel = t.widths.ffn = 256;  // whole blocks
  t.rows = 2;
  t.length = 32;
  t.rank = std::min(t.rank, 4);
  return t;
}

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--tiny") s.tiny = true;
    else if (argument == "--plan") s.plan = true;
    else if (argument == "--counted") s.tiny = s.counted = true;
    else if (argument == "--checkpointing") s.checkpointing = true;
    else if (argument == "--only" && i + 1 < argc) s.only = argv[++i];
    else if (argument == "--device" && i + 1 < argc) s.device = std::atoi(argv[++i]);
    else s.library = argument;
  }
  if (s.library.empty()) {
    std::fprintf(stderr, "usage: gpu_bench LIBRARY [--tiny | --counted | --plan] [--only CASE[,CASE]] [--checkpointing] [--device N]\n");
    return 2;
  }
  const Training trainings[] = {{"lora-0.5b", qwen05, TensorType::BF16, 16, 8, 2048},    {"lora-8b", llama8, TensorType::BF16, 16, 4, 2048},
                                {"qlora-8b-q4k", llama8, TensorType::Q4_K, 16, 4, 2048}, {"qlora-8b-nf4", llama8, TensorType::NF4, 16, 4, 2048},
                                {"scratch-1b", preset1b, TensorType::BF16, 0, 8, 2048},  {"full-1.5b", llama15, TensorType::BF16, 0, 16, 1024}};
  if (s.plan) {
    std::printf("| case | rows | TFLOP a step | ms at %.0f TFLOP/s | tokens/s | planned GiB | with --checkpointing |\n|---|--:|--:|--:|--:|--:|--:|\n", publishedTflops);
    for (const Training& t : trainings)
      if (wanted(s, t.name)) printPlan(s, t);
    return 0;
  }
  const CudaDevices found = cudaDevices(s.library, false);
  if (s.device < 0 || s.device >= static_cast<int>(found.devices.size())) {
    std::printf("{\"case\":\"device\",\"absent\":%s}\n", quoted(found.devices.empty() ? found.reason : "there is no GPU of that number").c_str());
    return 0;
  }
  const CudaInfo& info = found.devices[s.device];
  std::printf("{\"case\":\"device\",\"name\":\"%s\",\"memory_mib\":%.0f,\"capability\":\"%d.%d\",\"driver\":%d,\"runtime\":%d}\n", info.name,
              static_cast<double>(info.memory) / (1 << 20), info.major, info.minor, info.driver, info.runtime);
  measure(s, "product", [&] { products(s); });
  measure(s, "attention", [&] { attention(s); });
  const int steps = s.counted ? 1 : s.tiny ? 2 : 8;
  for (const Training& t : trainings)
    measure(s, t.name, [&] { train(s, smaller(s, t), s.checkpointing, steps); });
  measure(s, "context", [&] { longest(s, smaller(s, {"context-8b", llama8, TensorType::Q4_K, 32, 1, 1024, 4096})); });
  measure(s, "curve", [&] { curve(s, smaller(s, {"curve", smol, TensorType::BF16, 0, 8, 512})); });
  measure(s, "generation", [&] { generation(s); });
  return 0;
}
