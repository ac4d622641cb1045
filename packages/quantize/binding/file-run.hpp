// One quantisation of a file on a thread of its own; what it tells goes to JavaScript's thread in order.
#pragma once
#include <napi.h>

namespace qt {

// (job, onTensor, kernels?) → { finished: Promise, stop() }
Napi::Value startFile(const Napi::CallbackInfo& info);

}  // namespace qt
