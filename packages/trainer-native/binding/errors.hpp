// Errors that JavaScript tells apart.
#pragma once
#include <string>

#include <napi.h>

#include "device/device.hpp"

namespace qt {

// Its name says that less may do (engine-errors.ts).
inline Napi::Error outOfMemory(Napi::Env env, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("name", Napi::String::New(env, "OutOfMemoryError"));
  return error;
}

}  // namespace qt
