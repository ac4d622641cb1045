// JavaScript's plain objects to the quantiser's plain structs, and back. No decision is taken here.
#pragma once
#include <string>

#include <napi.h>

#include "job.hpp"

namespace qt {

inline double number(const Napi::Object& o, const char* key) {
  const Napi::Value v = o.Get(key);
  if (!v.IsNumber()) throw Napi::TypeError::New(o.Env(), std::string(key) + " must be a number");
  return v.As<Napi::Number>().DoubleValue();
}

FileJob toFileJob(const Napi::Object& o);

// The encoders named, or the best this machine has.
const EncoderTable& toEncoders(const Napi::Value& name);

// null when there is no fault
Napi::Value fromFault(Napi::Env env, const Fault& fault);
Napi::Value fromOutcome(Napi::Env env, const Outcome& outcome);

}  // namespace qt
