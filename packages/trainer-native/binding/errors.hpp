// Errors that JavaScript tells apart.
#pragma once
#include <string>

#include <napi.h>

#include "device/device.hpp"
#include "parallel/transport_error.hpp"

namespace qt {

using NewError = Napi::Error (*)(Napi::Env, const std::string&);

inline Napi::Error plainError(Napi::Env env, const std::string& message) { return Napi::Error::New(env, message); }

inline Napi::Error namedError(Napi::Env env, const std::string& message, const char* name) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("name", Napi::String::New(env, name));
  return error;
}

// Their names say that less may do, and that what goes between processes has failed (engine-errors.ts).
inline Napi::Error outOfMemory(Napi::Env env, const std::string& message) { return namedError(env, message, "OutOfMemoryError"); }
inline Napi::Error transportError(Napi::Env env, const std::string& message) { return namedError(env, message, "TransportError"); }

}  // namespace qt
