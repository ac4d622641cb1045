#include "convert.hpp"

#include <algorithm>
#include <cstring>

namespace qt {

ModelSpec toSpec(const Napi::Object& o) {
  ModelSpec s;
  s.vocabulary = integer(o, "vocabularySize");
  s.layers = integer(o, "layers");
  s.dModel = integer(o, "dModel");
  s.heads = integer(o, "heads");
  s.kvHeads = integer(o, "kvHeads");
  s.headDim = integer(o, "headDim");
  s.ffn = integer(o, "ffn");
  const Napi::Object norm = object(o, "norm");
  s.normEpsilon = static_cast<float>(number(norm, "epsilon"));
  s.normOffset = static_cast<float>(number(norm, "offset"));
  s.postNorms = boolean(norm, "post");
  const Napi::Object rope = object(o, "rope");
  s.ropeLayout = text(rope, "layout") == "halves" ? RopeLayout::Halves : RopeLayout::Interleaved;
  bool sane = true;
  const auto addRope = [&](const Napi::Object& from) {
    Rope r;
    const Napi::Array frequencies = array(from, "frequencies");
    for (std::uint32_t i = 0; i < frequencies.Length(); ++i) r.frequencies.push_back(frequencies.Get(i).ToNumber().DoubleValue());
    r.factor = static_cast<float>(number(from, "attentionFactor"));
    sane = sane && r.frequencies.size() * 2 <= static_cast<std::size_t>(s.headDim);
    s.ropes.push_back(std::move(r));
  };
  addRope(rope);
  const Napi::Array others = array(rope, "others");
  for (std::uint32_t i = 0; i < others.Length(); ++i) addRope(others.Get(i).As<Napi::Object>());
  const Napi::Object attention = object(o, "attention");
  s.attentionScale = static_cast<float>(number(attention, "scale"));
  s.attentionSoftcap = optionalNumber(attention, "softcap");
  s.logitSoftcap = optionalNumber(o, "logitSoftcap");
  s.queryKeyNorms = boolean(attention, "qkNorm");
  s.attentionBias = boolean(attention, "bias");
  s.embeddingScale = static_cast<float>(number(o, "embeddingScale"));
  s.activation = text(o, "activation") == "gelu" ? Activation::Gelu : Activation::Silu;
  s.tiedEmbeddings = boolean(o, "tiedEmbeddings");
  const Napi::Value windows = attention.Get("windows"), ropes = rope.Get("ofLayer");
  if (windows.IsArray() || ropes.IsArray()) {
    s.perLayer.resize(static_cast<std::size_t>(std::max(0, s.layers)));
    for (std::int32_t l = 0; l < s.layers; ++l) {
      const auto entry = [&](const Napi::Value& list) { return list.IsArray() ? list.As<Napi::Array>().Get(l) : Napi::Value(o.Env(), o.Env().Null()); };
      if (const Napi::Value window = entry(windows); window.IsNumber()) s.perLayer[l].window = window.As<Napi::Number>().Int32Value();
      if (ropes.IsArray()) s.perLayer[l].rope = entry(ropes).IsNumber() ? entry(ropes).As<Napi::Number>().Int32Value() : -1;
      sane = sane && s.perLayer[l].window >= 0 && s.perLayer[l].rope < static_cast<std::int32_t>(s.ropes.size());
    }
  }
  sane = sane && s.vocabulary > 0 && s.layers > 0 && s.dModel > 0 && s.heads > 0 && s.kvHeads > 0 && s.headDim > 0 && s.ffn > 0 &&
         s.heads % s.kvHeads == 0;
  if (!sane) throw Napi::RangeError::New(o.Env(), "the model's sizes contradict each other");
  return s;
}

std::vector<TensorSource> toTensors(const Napi::Array& list) {
  std::vector<TensorSource> tensors;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object o = list.Get(i).As<Napi::Object>();
    TensorSource t;
    t.name = text(o, "name");
    t.file = text(o, "file");
    t.offset = static_cast<std::uint64_t>(number(o, "offset"));
    t.bytes = static_cast<std::uint64_t>(number(o, "bytes"));
    t.type = static_cast<TensorType>(integer(o, "type"));
    t.rows = static_cast<std::int64_t>(number(o, "rows"));
    t.columns = static_cast<std::int64_t>(number(o, "columns"));
    if (o.Get("nf4").IsObject()) {
      const Napi::Object s = object(o, "nf4");
      t.nf4.file = text(s, "file");
      t.nf4.scales = static_cast<std::uint64_t>(number(s, "scales"));
      t.nf4.nested = s.Get("nested").IsObject();
      if (t.nf4.nested) {
        const Napi::Object n = object(s, "nested");
        t.nf4.nestedScales = static_cast<std::uint64_t>(number(n, "scales"));
        t.nf4.nestedTable = static_cast<std::uint64_t>(number(n, "table"));
        t.nf4.nestedBlock = static_cast<std::int64_t>(number(n, "block"));
        t.nf4.nestedOffset = static_cast<float>(number(n, "offset"));
      }
    }
    tensors.push_back(t);
  }
  return tensors;
}

namespace {

OptimizerKind toOptimizer(const std::string& name) {
  if (name == "adamw") return OptimizerKind::AdamW;
  if (name == "adamw8bit") return OptimizerKind::AdamW8bit;
  if (name == "adafactor") return OptimizerKind::Adafactor;
  if (name == "sgd") return OptimizerKind::Sgd;
  if (name == "muon") return OptimizerKind::Muon;
  throw std::runtime_error("the engine has no optimiser named " + name);
}

}  // namespace

Share toShare(const Napi::Object& options) {
  if (!options.Get("share").IsObject()) return {};
  const Napi::Object o = object(options, "share");
  Share share{integer(o, "rank"), integer(o, "processes"), integer(o, "microBatches"), boolean(o, "strict"), boolean(o, "base"), boolean(o, "once")};
  if (o.Get("tensor").IsObject()) {
    const Napi::Object t = object(o, "tensor");
    const auto cuts = [&](const char* key) {
      std::vector<std::int32_t> list;
      const Napi::Array given = array(t, key);
      for (std::uint32_t i = 0; i < given.Length(); ++i) list.push_back(given.Get(i).ToNumber().Int32Value());
      return list;
    };
    share.tensor = {integer(t, "rank"), cuts("kvHeads"), cuts("ffn")};
  }
  if (share.processes < 1 || share.rank < 0 || share.rank >= share.processes || share.microBatches < 1)
    throw Napi::RangeError::New(options.Env(), "a step is shared among processes with ranks below their number");
  return share;
}

TrainerOptions toTrainerOptions(const Napi::Object& o, const ModelSpec& spec) {
  TrainerOptions t;
  t.precision = text(o, "precision") == "bfloat16" ? DType::BF16 : DType::F32;
  t.checkpointing = boolean(o, "checkpointing");
  t.feedForwardChunk = integer(o, "feedForwardChunk");
  t.offload = boolean(o, "offload");
  t.full = boolean(o, "full");
  t.maxTokens = integer(o, "maxTokens");
  t.maxPositions = integer(o, "maxPositions");
  t.lossChunk = integer(o, "lossChunk");
  t.dropout = static_cast<float>(number(o, "dropout"));
  t.labelSmoothing = static_cast<float>(number(o, "labelSmoothing"));
  t.seed = static_cast<std::uint64_t>(number(o, "seed"));
  t.optimizer = toOptimizer(text(o, "optimizer"));
  t.average = boolean(o, "average");
  t.embeddingNoise = static_cast<float>(number(o, "embeddingNoise"));
  t.trainEmbedding = boolean(o, "trainEmbedding");
  t.trainOutput = boolean(o, "trainOutput");
  const Share share = toShare(o);
  t.tensor = share.tensor;
  t.rank = share.rank;
  t.processes = share.processes;
  // The order of sums does not matter where there is one.
  t.shardBase = share.base;
  t.exchangeOnce = share.once;
  t.apart = share.processes > 1 || (share.strict && share.microBatches > 1);
  if (t.offload && !t.checkpointing) throw Napi::RangeError::New(o.Env(), "only the inputs of blocks that are repeated are off-loaded");
  if (t.feedForwardChunk < 0) throw Napi::RangeError::New(o.Env(), "a chunk has tokens");
  if (t.maxTokens < 1 || t.maxPositions < 1 || t.lossChunk < 1) throw Napi::RangeError::New(o.Env(), "a training step needs at least one token");
  const Napi::Array modules = array(o, "adapters");
  if (modules.Length() > 0) t.adapters.resize(spec.layers);
  for (std::uint32_t i = 0; i < modules.Length(); ++i) {
    const Napi::Object m = modules.Get(i).As<Napi::Object>();
    const std::int32_t layer = integer(m, "layer"), projection = integer(m, "projection"), rank = integer(m, "rank");
    if (layer < 0 || layer >= spec.layers || projection < 0 || projection >= projectionCount || rank < 1)
      throw Napi::RangeError::New(o.Env(), "an adapter sits where the model has no projection");
    t.adapters[layer][projection] = {rank, static_cast<float>(number(m, "scale")), boolean(m, "magnitude"), boolean(m, "origin")};
  }
  return t;
}

AdapterSet toAdapters(const Napi::Object& given, const ModelSpec& spec) {
  AdapterSet adapters;
  const auto vocabularyMatrix = [&](const char* key, std::vector<float>& to) {
    if (given.Get(key).IsUndefined()) return;
    const Napi::Float32Array values = floats(given.Get(key));
    if (values.ElementLength() != static_cast<std::size_t>(spec.vocabulary) * spec.dModel)
      throw Napi::RangeError::New(given.Env(), "an adapter's embedding or output does not fit the vocabulary");
    to.assign(values.Data(), values.Data() + values.ElementLength());
  };
  vocabularyMatrix("embedding", adapters.embedding);
  vocabularyMatrix("output", adapters.output);
  const Napi::Array list = array(given, "modules");
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object o = list.Get(i).As<Napi::Object>();
    AppliedAdapter a;
    a.layer = integer(o, "layer");
    a.projection = integer(o, "projection");
    a.rank = integer(o, "rank");
    a.scale = static_cast<float>(number(o, "scale"));
    const Napi::Float32Array low = floats(o.Get("a")), high = floats(o.Get("b"));
    if (a.layer < 0 || a.layer >= spec.layers || a.projection < 0 || a.projection >= projectionCount)
      throw Napi::RangeError::New(o.Env(), "an adapter sits where the model has no projection");
    const Shape shape = projectionShape(spec, a.projection);
    if (a.rank < 1 || low.ElementLength() != static_cast<std::size_t>(a.rank) * shape.columns ||
        high.ElementLength() != static_cast<std::size_t>(a.rank) * shape.rows)
      throw Napi::RangeError::New(o.Env(), "an adapter's matrices do not fit its projection");
    a.a.assign(low.Data(), low.Data() + low.ElementLength());
    a.b.assign(high.Data(), high.Data() + high.ElementLength());
    if (!o.Get("magnitude").IsUndefined()) {
      const Napi::Float32Array lengths = floats(o.Get("magnitude"));
      if (lengths.ElementLength() != static_cast<std::size_t>(shape.rows)) throw Napi::RangeError::New(o.Env(), "an adapter's magnitudes do not fit its projection");
      a.magnitude.assign(lengths.Data(), lengths.Data() + lengths.ElementLength());
    }
    adapters.modules.push_back(std::move(a));
  }
  return adapters;
}

int toThreads(const Napi::Value& value) {
  constexpr int most = 1024;
  const int threads = value.ToNumber().Int32Value();
  if (threads < 1 || threads > most) throw Napi::RangeError::New(value.Env(), "threads must be from 1 to 1024");
  return threads;
}

std::optional<GpuPlace> toGpu(const Napi::Value& value) {
  if (!value.IsObject()) return std::nullopt;
  const Napi::Object o = value.As<Napi::Object>();
  return GpuPlace{text(o, "library"), integer(o, "index")};
}

const KernelTable& toKernels(const Napi::Value& name) {
  if (!name.IsString()) return kernels();
  const std::string wanted = name.ToString().Utf8Value();
  const char* names[8];
  const int count = availableKernels(names, 8);
  for (int i = 0; i < count; ++i)
    if (wanted == names[i]) return kernels(names[i]);
  throw Napi::RangeError::New(name.Env(), "this machine has no kernels named " + wanted);
}

}  // namespace qt
