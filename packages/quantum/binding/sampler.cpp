#include "sampler.hpp"

#include <functional>
#include <string>
#include <vector>

#include "pool.hpp"

namespace qt::anneal {
namespace {

template <class T> T* dataOf(HeldProblem& held, const Napi::Value& value) {
  auto array = value.As<Napi::TypedArray>();
  held.arrays.push_back(Napi::Persistent(value));
  return reinterpret_cast<T*>(static_cast<std::uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset());
}

template <class T> Napi::Value external(Napi::Env env, std::shared_ptr<T> object) {
  return Napi::External<std::shared_ptr<T>>::New(env, new std::shared_ptr<T>(std::move(object)),
                                                 [](Napi::Env, std::shared_ptr<T>* held) { delete held; });
}

// The work on the pool; the promise resolves when it is done. What the work holds is let go on JavaScript's thread.
Napi::Value later(Napi::Env env, std::function<void()> work) {
  auto deferred = std::make_shared<Napi::Promise::Deferred>(Napi::Promise::Deferred::New(env));
  auto events = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "qt anneal", 0, 1);
  auto held = std::make_shared<std::function<void()>>(std::move(work));
  const Napi::Value promise = deferred->Promise();
  enqueue([events, deferred = std::move(deferred), held = std::move(held)]() mutable {
    (*held)();
    events.BlockingCall([deferred = std::move(deferred), held = std::move(held)](Napi::Env here, Napi::Function) {
      if (static_cast<napi_env>(here) != nullptr) deferred->Resolve(here.Undefined());
    });
    events.Release();
  });
  return promise;
}

std::uint64_t word(const Napi::Value& value) { return static_cast<std::uint64_t>(value.ToNumber().DoubleValue()); }

std::shared_ptr<std::vector<float>> floats(const Napi::Value& value) {
  const auto array = value.As<Napi::Float32Array>();
  return std::make_shared<std::vector<float>>(array.Data(), array.Data() + array.ElementLength());
}

}  // namespace

// ({size, narrow, linear, offsets?, neighbours?, weights?, square?}) → handle
Napi::Value createProblem(const Napi::CallbackInfo& info) {
  const Napi::Object o = info[0].As<Napi::Object>();
  auto held = std::make_shared<HeldProblem>();
  Problem& p = held->problem;
  p.size = o.Get("size").ToNumber().Int32Value();
  p.narrow = o.Get("narrow").ToBoolean() ? 1 : 0;
  p.linear = dataOf<std::int32_t>(*held, o.Get("linear"));
  if (o.Get("offsets").IsTypedArray()) {
    p.offsets = dataOf<std::uint32_t>(*held, o.Get("offsets"));
    p.neighbours = dataOf<std::uint32_t>(*held, o.Get("neighbours"));
    p.weights = dataOf<std::int32_t>(*held, o.Get("weights"));
  }
  if (o.Get("square").IsTypedArray()) {
    p.squareBytes = static_cast<std::int32_t>(o.Get("square").As<Napi::TypedArray>().ElementSize());
    p.square = dataOf<void>(*held, o.Get("square"));
  }
  return external(info.Env(), std::move(held));
}

// (problem, kind, seed, stream, kernels?) → handle
Napi::Value createSampler(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto sampler = std::make_shared<Sampler>();
  sampler->held = *info[0].As<Napi::External<std::shared_ptr<HeldProblem>>>().Data();
  sampler->problem = sampler->held->problem;
  const auto kind = static_cast<Kind>(info[1].ToNumber().Int32Value());
  if (kind == Kind::Lanes) {
    if (sampler->problem.offsets == nullptr) throw Napi::RangeError::New(env, "many states at once need the couplings row by row");
    sampler->problem.square = nullptr;
  }
  const bool named = info[4].IsString();
  const std::string wanted = named ? info[4].ToString().Utf8Value() : "";
  const KernelTable& all = kernels(named ? wanted.c_str() : nullptr);
  if (named && wanted != all.name) throw Napi::RangeError::New(env, "this machine has no kernels named " + wanted);
  sampler->table = &all.of(kind, sampler->problem);
  const std::size_t bytes = (sampler->table->bytes(sampler->problem) + 63) / 64 * 64;
  sampler->memory.reset(std::aligned_alloc(64, bytes));
  if (!sampler->memory) throw Napi::Error::New(env, "there is no memory for " + std::to_string(bytes) + " bytes of states");
  sampler->table->start(sampler->problem, sampler->memory.get(), word(info[2]), word(info[3]));
  return external(env, std::move(sampler));
}

std::shared_ptr<Sampler> toSampler(const Napi::Value& value) { return *value.As<Napi::External<std::shared_ptr<Sampler>>>().Data(); }

// (sampler, parameters) → promise
Napi::Value runSampler(const Napi::CallbackInfo& info) {
  return later(info.Env(), [sampler = toSampler(info[0]), parameters = floats(info[1])] {
    sampler->table->run(sampler->problem, sampler->memory.get(), parameters->data(), static_cast<std::int32_t>(parameters->size()));
  });
}

// (sampler, betas, sweeps, clusterEvery) → promise
Napi::Value temperSampler(const Napi::CallbackInfo& info) {
  const std::int32_t sweeps = info[2].ToNumber().Int32Value(), every = info[3].ToNumber().Int32Value();
  return later(info.Env(), [sampler = toSampler(info[0]), betas = floats(info[1]), sweeps, every] {
    sampler->table->temper(sampler->problem, sampler->memory.get(), betas->data(), sweeps, every);
  });
}

}  // namespace qt::anneal
