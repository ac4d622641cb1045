#include "convert.hpp"
#include "device/open_cuda.hpp"
#include "objects.hpp"

namespace qt {

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(env, "Session",
                     {InstanceMethod<&SessionObject::addCache>("addCache"), InstanceMethod<&SessionObject::dropCache>("dropCache"),
                      InstanceMethod<&SessionObject::addAdapters>("addAdapters"), InstanceMethod<&SessionObject::length>("length"),
                      InstanceMethod<&SessionObject::truncate>("truncate"), InstanceMethod<&SessionObject::withoutRoom>("withoutRoom"), InstanceMethod<&SessionObject::append>("append"),
                      InstanceMethod<&SessionObject::decode>("decode"), InstanceMethod<&SessionObject::score>("score"),
                      InstanceMethod<&SessionObject::judge>("judge"), InstanceMethod<&SessionObject::mostTogether>("mostTogether"),
                      InstanceMethod<&SessionObject::meanState>("meanState"), InstanceMethod<&SessionObject::collect>("collect"),
                      InstanceMethod<&SessionObject::setAbort>("setAbort"), InstanceMethod<&SessionObject::close>("close")});
}

namespace {

CacheType toCacheType(const Napi::Value& name) {
  const std::string type = name.ToString().Utf8Value();
  return type == "float32" ? CacheType::F32 : type == "int8" ? CacheType::I8 : CacheType::F16;
}

}  // namespace

// new Session(model, { contextLength, bf16, dots }, threads, kernels?, { library, index, sequences, cache }?)
SessionObject::SessionObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionObject>(info) {
  model_ = Napi::ObjectWrap<ModelObject>::Unwrap(info[0].As<Napi::Object>())->model();
  guarded(info.Env(), [&] {
    const Napi::Object o = info[1].As<Napi::Object>();
    const std::int32_t context = integer(o, "contextLength");
    if (context < 1) throw Napi::RangeError::New(info.Env(), "contextLength must be at least 1");
    const KernelTable& table = toKernels(info[3]);
    const int threads = toThreads(info[2]);
    if (const std::optional<GpuPlace> gpu = toGpu(info[4])) {
      const Napi::Object place = info[4].As<Napi::Object>();
      const SessionOptions options{context, boolean(o, "bf16"), false};
      const GenerationOptions planned = Session::planned(*model_, options, integer(place, "sequences"), toCacheType(place.Get("cache")));
      session_ = std::make_unique<Session>(*model_, options, openCudaGeneration(gpu->library, gpu->index, model_->spec, planned));
    } else {
      pool_ = std::make_unique<ThreadPool>(threads);
      session_ = std::make_unique<Session>(*model_, SessionOptions{context, boolean(o, "bf16") && table.bf16Products, boolean(o, "dots")}, *pool_, table);
    }
    adapters_.push_back(std::make_shared<const AdapterSet>());
    driver_ = std::make_unique<Driver>(info.Env(), "qt session");
  });
}

Session& SessionObject::open(Napi::Env env) {
  if (!driver_) throw Napi::Error::New(env, "the session is closed");
  return *session_;
}

std::shared_ptr<KvCache> SessionObject::cache(Napi::Env env, std::int32_t id) {
  if (id < 0 || id >= static_cast<std::int32_t>(caches_.size()) || !caches_[id]) throw Napi::RangeError::New(env, "there is no such cache");
  return caches_[id];
}

std::shared_ptr<const AdapterSet> SessionObject::adapters(Napi::Env env, std::int32_t id) {
  if (id < 0 || id >= static_cast<std::int32_t>(adapters_.size())) throw Napi::RangeError::New(env, "there are no such adapters");
  return adapters_[id];
}

SessionObject::Sequence SessionObject::sequence(Napi::Env env, std::int32_t cacheId, std::int32_t adaptersId) {
  return {cache(env, cacheId), adapters(env, adaptersId)};
}

// ('float32' | 'float16' | 'int8') → number
Napi::Value SessionObject::addCache(const Napi::CallbackInfo& info) {
  Session& session = open(info.Env());
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::shared_ptr<KvCache> made = session.makeCache(toCacheType(info[0]));
    const auto free = std::find(caches_.begin(), caches_.end(), nullptr);
    const auto id = free - caches_.begin();
    if (free == caches_.end()) caches_.push_back(std::move(made));
    else *free = std::move(made);
    return Napi::Number::New(info.Env(), static_cast<double>(id));
  });
}

void SessionObject::dropCache(const Napi::CallbackInfo& info) {
  open(info.Env());
  const std::int32_t id = info[0].ToNumber().Int32Value();
  cache(info.Env(), id);
  caches_[id].reset();
}

// ({ modules, embedding?, output? }) → number; 0 is none
Napi::Value SessionObject::addAdapters(const Napi::CallbackInfo& info) {
  Session& session = open(info.Env());
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto set = std::make_shared<AdapterSet>(toAdapters(info[0].As<Napi::Object>(), model_->spec));
    return driver_->submit(
        info.This().As<Napi::Object>(), [&session, set] { session.prepare(*set); },
        [this, set](Napi::Env env) {
          adapters_.push_back(set);
          return Napi::Number::New(env, static_cast<double>(adapters_.size() - 1));
        });
  });
}

Napi::Value SessionObject::length(const Napi::CallbackInfo& info) {
  open(info.Env());
  return Napi::Number::New(info.Env(), cache(info.Env(), info[0].ToNumber().Int32Value())->length());
}

void SessionObject::truncate(const Napi::CallbackInfo& info) {
  open(info.Env());
  try {
    cache(info.Env(), info[0].ToNumber().Int32Value())->truncate(info[1].ToNumber().Int32Value());
  } catch (const std::runtime_error& e) {
    throw Napi::RangeError::New(info.Env(), e.what());
  }
}

// (caches, tokens of each) → Int32Array of the numbers of those for which there is no room
Napi::Value SessionObject::withoutRoom(const Napi::CallbackInfo& info) {
  Session& session = open(info.Env());
  const std::vector<std::int32_t> caches = integers(info[0]), tokens = integers(info[1]);
  if (caches.size() != tokens.size()) throw Napi::RangeError::New(info.Env(), "caches and tokens differ in number");
  std::vector<CacheRows> sequences;
  for (std::size_t i = 0; i < caches.size(); ++i) sequences.push_back({cache(info.Env(), caches[i]).get(), 0, tokens[i]});
  const std::vector<std::int32_t> found = session.withoutRoom(sequences);
  Napi::Int32Array out = Napi::Int32Array::New(info.Env(), found.size());
  std::copy(found.begin(), found.end(), out.Data());
  return out;
}

// A pass over the tokens that (cache, adapters, ids, …) name → Float32Array of `count(ids)` numbers, or null when stopped
template <class Count, class Pass>
Napi::Value SessionObject::numbers(const Napi::CallbackInfo& info, Count count, Pass pass) {
  Session& session = open(info.Env());
  struct Call {
    Sequence sequence;
    std::vector<std::int32_t> ids;
    std::vector<float> out;
    bool finished = false;
  };
  auto call = std::make_shared<Call>();
  call->sequence = sequence(info.Env(), info[0].ToNumber().Int32Value(), info[1].ToNumber().Int32Value());
  call->ids = integers(info[2]);
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [&session, call, count, pass] {
        call->out.resize(count(call->ids.size()));
        call->finished = pass(session, *call->sequence.cache, *call->sequence.adapters, call->ids.data(), static_cast<std::int32_t>(call->ids.size()), call->out.data());
      },
      [call](Napi::Env env) -> Napi::Value { return call->finished ? toFloats(env, call->out) : env.Null(); });
}

// (cache, adapters, ids, wanted, exact) → wanted × vocabulary
Napi::Value SessionObject::append(const Napi::CallbackInfo& info) {
  const std::int32_t wanted = info[3].ToNumber().Int32Value();
  const bool exact = info[4].ToBoolean();
  return numbers(
      info, [this, wanted](std::size_t) { return static_cast<std::size_t>(std::max(0, wanted)) * model_->spec.vocabulary; },
      [this, wanted, exact](Session& session, KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* logits) {
        return session.append(cache, adapters, ids, count, wanted, logits, exact, abort_);
      });
}

// (caches, adapters, ids): one token each → Float32Array of count × vocabulary, or null when stopped
Napi::Value SessionObject::decode(const Napi::CallbackInfo& info) {
  Session& session = open(info.Env());
  struct Call {
    std::vector<Sequence> sequences;
    std::vector<std::int32_t> ids;
    std::vector<float> logits;
    bool finished = false;
  };
  auto call = std::make_shared<Call>();
  const std::vector<std::int32_t> caches = integers(info[0]), adapters = integers(info[1]);
  call->ids = integers(info[2]);
  if (caches.size() != call->ids.size() || adapters.size() != call->ids.size()) throw Napi::RangeError::New(info.Env(), "caches, adapters and ids differ in number");
  for (std::size_t i = 0; i < caches.size(); ++i) call->sequences.push_back(sequence(info.Env(), caches[i], adapters[i]));
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, &session, call] {
        call->logits.resize(call->ids.size() * model_->spec.vocabulary);
        std::vector<DecodeItem> items;
        for (std::size_t i = 0; i < call->ids.size(); ++i) items.push_back({call->sequences[i].cache.get(), call->sequences[i].adapters.get(), call->ids[i]});
        call->finished = session.decode(items.data(), static_cast<std::int32_t>(items.size()), call->logits.data(), abort_);
      },
      [call](Napi::Env env) -> Napi::Value { return call->finished ? toFloats(env, call->logits) : env.Null(); });
}

// (cache, adapters, ids, exact) → ids − 1 log-probabilities
Napi::Value SessionObject::score(const Napi::CallbackInfo& info) {
  const bool exact = info[3].ToBoolean();
  return numbers(
      info, [](std::size_t ids) { return std::max<std::size_t>(ids, 1) - 1; },
      [this, exact](Session& session, KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* logs) {
        return session.score(cache, adapters, ids, count, logs, exact, abort_);
      });
}

Napi::Value SessionObject::mostTogether(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), open(info.Env()).mostTogether()); }

// ([{ adapters, context, continuations }], exact) → { logs: Float32Array, likeliest: Uint8Array } of all tokens of continuations, or null when stopped
Napi::Value SessionObject::judge(const Napi::CallbackInfo& info) {
  Session& session = open(info.Env());
  struct Call {
    std::vector<std::shared_ptr<const AdapterSet>> adapters;
    std::vector<Question> questions;
    Judgement out;
    bool finished = false;
  };
  auto call = std::make_shared<Call>();
  const auto questions = info[0].As<Napi::Array>();
  for (std::uint32_t i = 0; i < questions.Length(); ++i) {
    const Napi::Object o = questions.Get(i).As<Napi::Object>();
    call->adapters.push_back(adapters(info.Env(), integer(o, "adapters")));
    Question& question = call->questions.emplace_back(Question{call->adapters.back().get(), integers(o.Get("context")), {}});
    const Napi::Array continuations = array(o, "continuations");
    for (std::uint32_t k = 0; k < continuations.Length(); ++k) question.continuations.push_back(integers(continuations.Get(k)));
  }
  const bool exact = info[1].ToBoolean();
  return driver_->submit(
      info.This().As<Napi::Object>(), [this, &session, call, exact] { call->finished = session.judge(call->questions, call->out, exact, abort_); },
      [call](Napi::Env env) -> Napi::Value {
        if (!call->finished) return env.Null();
        Napi::Object result = Napi::Object::New(env);
        Napi::Uint8Array likeliest = Napi::Uint8Array::New(env, call->out.likeliest.size());
        std::copy(call->out.likeliest.begin(), call->out.likeliest.end(), likeliest.Data());
        result.Set("logs", toFloats(env, call->out.logs));
        result.Set("likeliest", likeliest);
        return result;
      });
}

// (cache, adapters, ids, exact) → as many as the model is wide
Napi::Value SessionObject::meanState(const Napi::CallbackInfo& info) {
  const bool exact = info[3].ToBoolean();
  return numbers(
      info, [this](std::size_t) { return static_cast<std::size_t>(model_->spec.dModel); },
      [this, exact](Session& session, KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, float* mean) {
        return session.meanState(cache, adapters, ids, count, mean, exact, abort_);
      });
}

// (cache, adapters, ids, output, exact) → Float64Array as Statistics::values, or null when stopped
Napi::Value SessionObject::collect(const Napi::CallbackInfo& info) {
  Session& session = open(info.Env());
  struct Call {
    Sequence sequence;
    std::vector<std::int32_t> ids;
    Statistics out;
    bool finished = false;
  };
  auto call = std::make_shared<Call>(Call{sequence(info.Env(), info[0].ToNumber().Int32Value(), info[1].ToNumber().Int32Value()), integers(info[2]),
                                          Statistics(model_->spec, info[3].ToBoolean())});
  const bool exact = info[4].ToBoolean();
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, &session, call, exact] {
        call->finished = session.collect(*call->sequence.cache, *call->sequence.adapters, call->ids.data(), static_cast<std::int32_t>(call->ids.size()),
                                         call->out, exact, abort_);
      },
      [call](Napi::Env env) -> Napi::Value {
        if (!call->finished) return env.Null();
        Napi::Float64Array out = Napi::Float64Array::New(env, call->out.values.size());
        std::copy(call->out.values.begin(), call->out.values.end(), out.Data());
        return out;
      });
}

void SessionObject::setAbort(const Napi::CallbackInfo& info) { abort_.store(info[0].ToBoolean()); }
void SessionObject::close(const Napi::CallbackInfo&) { shut(); }

void SessionObject::shut() {
  abort_.store(true);
  driver_.reset();
  session_.reset();
  caches_.clear();
  adapters_.clear();
  pool_.reset();
  model_.reset();
}

}  // namespace qt
