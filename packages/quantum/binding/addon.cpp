#include <napi.h>

#include "pool.hpp"
#include "sampler.hpp"

namespace qt::anneal {
namespace {

Napi::Value listKernels(const Napi::CallbackInfo& info) {
  const char* names[8];
  const int count = availableKernels(names, 8);
  Napi::Array list = Napi::Array::New(info.Env());
  for (int i = 0; i < count; ++i) list.Set(static_cast<std::uint32_t>(i), Napi::String::New(info.Env(), names[i]));
  return list;
}

Napi::Value processors(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), availableProcessors()); }

Napi::Value width(const Napi::CallbackInfo& info) {
  const auto s = toSampler(info[0]);
  return Napi::Number::New(info.Env(), s->table->width(s->problem));
}

std::uint8_t* bitsOf(const Sampler& s, const Napi::Value& value) {
  auto bits = value.As<Napi::Uint8Array>();
  if (bits.ElementLength() != static_cast<std::size_t>(s.problem.size)) throw Napi::RangeError::New(value.Env(), "one number for each variable is needed");
  return bits.Data();
}

std::int32_t laneOf(const Sampler& s, const Napi::Value& value) {
  const std::int32_t lane = value.ToNumber().Int32Value();
  if (lane < 0 || lane >= s.table->width(s.problem)) throw Napi::RangeError::New(value.Env(), "there is no such lane");
  return lane;
}

// (sampler, lane, bits)
Napi::Value read(const Napi::CallbackInfo& info) {
  const auto s = toSampler(info[0]);
  s->table->read(s->problem, s->memory.get(), laneOf(*s, info[1]), bitsOf(*s, info[2]));
  return info.Env().Undefined();
}

// (sampler, lane, bits)
Napi::Value write(const Napi::CallbackInfo& info) {
  const auto s = toSampler(info[0]);
  s->table->write(s->problem, s->memory.get(), laneOf(*s, info[1]), bitsOf(*s, info[2]));
  return info.Env().Undefined();
}

// (sampler, bits) → energy
Napi::Value readBest(const Napi::CallbackInfo& info) {
  const auto s = toSampler(info[0]);
  s->table->readBest(s->problem, s->memory.get(), bitsOf(*s, info[1]));
  return Napi::Number::New(info.Env(), static_cast<double>(s->table->bestEnergy(s->memory.get())));
}

Napi::Value bestEnergy(const Napi::CallbackInfo& info) {
  const auto s = toSampler(info[0]);
  return Napi::Number::New(info.Env(), static_cast<double>(s->table->bestEnergy(s->memory.get())));
}

Napi::Value energy(const Napi::CallbackInfo& info) {
  const auto s = toSampler(info[0]);
  return Napi::Number::New(info.Env(), static_cast<double>(s->table->energy(s->memory.get(), laneOf(*s, info[1]))));
}

Napi::Value forget(const Napi::CallbackInfo& info) {
  const auto s = toSampler(info[0]);
  s->table->forget(s->problem, s->memory.get());
  return info.Env().Undefined();
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  const auto offer = [&](const char* name, Napi::Value (*f)(const Napi::CallbackInfo&)) { exports.Set(name, Napi::Function::New(env, f)); };
  offer("availableKernels", listKernels);
  offer("availableProcessors", processors);
  offer("createProblem", createProblem);
  offer("createSampler", createSampler);
  offer("run", runSampler);
  offer("temper", temperSampler);
  offer("width", width);
  offer("read", read);
  offer("write", write);
  offer("energy", energy);
  offer("bestEnergy", bestEnergy);
  offer("readBest", readBest);
  offer("forget", forget);
  return exports;
}

}  // namespace
}  // namespace qt::anneal

Napi::Object startAddon(Napi::Env env, Napi::Object exports) { return qt::anneal::start(env, exports); }

NODE_API_MODULE(qt_quantum, startAddon)
