#include <memory>
#include <utility>

#include <napi.h>

#include "convert.hpp"
#include "device/open_cuda.hpp"
#include "objects.hpp"
#include "qt/mapped_file.hpp"
#include "threads.hpp"
#include "train/optimizer/moments.hpp"

namespace qt {
namespace {

Napi::Value listKernels(const Napi::CallbackInfo& info) {
  const char* names[8];
  const int count = availableKernels(names, 8);
  Napi::Array list = Napi::Array::New(info.Env());
  for (int i = 0; i < count; ++i) list.Set(i, Napi::String::New(info.Env(), names[i]));
  return list;
}

const MomentCodes& codesOf(const Napi::Value& which) { return which.ToString().Utf8Value() == "first_moment" ? signedCodes() : unsignedCodes(); }

// (which moment, codes, scales) → Float32Array
Napi::Value widenMoments(const Napi::CallbackInfo& info) {
  const auto codes = info[1].As<Napi::Uint8Array>();
  const Napi::Float32Array scales = floats(info[2]);
  const auto count = static_cast<std::int64_t>(codes.ElementLength());
  if (static_cast<std::int64_t>(scales.ElementLength()) != (count + momentRun - 1) / momentRun)
    throw Napi::RangeError::New(info.Env(), "codes and scales of a moment do not fit each other");
  Napi::Float32Array out = Napi::Float32Array::New(info.Env(), codes.ElementLength());
  widenMoments(codesOf(info[0]), codes.Data(), scales.Data(), count, out.Data());
  return out;
}

// (which moment, Float32Array) → { codes, scales }
Napi::Value narrowMoments(const Napi::CallbackInfo& info) {
  const Napi::Float32Array from = floats(info[1]);
  Napi::Uint8Array codes = Napi::Uint8Array::New(info.Env(), from.ElementLength());
  Napi::Float32Array scales = Napi::Float32Array::New(info.Env(), (from.ElementLength() + momentRun - 1) / momentRun);
  narrowMoments(codesOf(info[0]), from.Data(), static_cast<std::int64_t>(from.ElementLength()), codes.Data(), scales.Data());
  Napi::Object o = Napi::Object::New(info.Env());
  o.Set("codes", codes);
  o.Set("scales", scales);
  return o;
}

Napi::Value processors(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), availableProcessors()); }

// (spec, options, threads, kernels?, gpu?) → { arena, trained, gradients, state, exchange, origins, offloaded, parts: [{ part, bytes }] }
Napi::Value planStep(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const ModelSpec whole = toSpec(info[0].As<Napi::Object>());
    const TrainerOptions options = toTrainerOptions(info[1].As<Napi::Object>(), whole);
    const ModelSpec spec = localSpec(whole, options.tensor);
    const std::optional<GpuPlace> gpu = toGpu(info[4]);
    const HostNeeds host(toKernels(info[3]), toThreads(info[2]), options.precision);
    const DeviceNeeds& needs = gpu ? *cudaLibrary(gpu->library).needs(options.precision) : host;
    const StepLayout layout(spec, options, needs);
    const TrainedLayout trained(spec, options);
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("arena", static_cast<double>(layout.plan.size()));
    out.Set("trained", static_cast<double>(trained.count * sizeof(float)));
    out.Set("state", static_cast<double>(trained.stateBytes));
    out.Set("gradients", static_cast<double>(trained.sums * sizeof(float)));
    // What others send comes into the memory of the process, not of its GPU.
    out.Set("exchange", static_cast<double>(trained.rooms * sizeof(float) + (gpu ? 0 : DataParallel::bytes(trained))));
    out.Set("origins", static_cast<double>(trained.originCount * sizeof(float)));
    out.Set("offloaded", static_cast<double>(layout.offloaded) * static_cast<double>(layout.offloadedBytes));
    Napi::Array parts = Napi::Array::New(info.Env());
    const auto add = [&](const std::string& name, std::size_t bytes) {
      Napi::Object o = Napi::Object::New(info.Env());
      o.Set("part", name);
      o.Set("bytes", static_cast<double>(bytes));
      parts.Set(parts.Length(), o);
    };
    for (const ArenaPlan::Part& part : layout.plan.fullest()) add(part.name, part.bytes);
    add("launches that repeat", needs.captured(spec, options));
    out.Set("parts", parts);
    return out;
  });
}

// (library, whether to ask what is free) → { devices: [{ name, memory, free, capability, driver, runtime }], reason }
Napi::Value gpus(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const CudaDevices found = cudaDevices(info[0].ToString().Utf8Value(), info[1].ToBoolean());
    Napi::Array list = Napi::Array::New(info.Env());
    for (const CudaInfo& gpu : found.devices) {
      Napi::Object o = Napi::Object::New(info.Env());
      o.Set("name", gpu.name);
      o.Set("memory", static_cast<double>(gpu.memory));
      o.Set("free", static_cast<double>(gpu.freeMemory));
      o.Set("capability", std::to_string(gpu.major) + "." + std::to_string(gpu.minor));
      o.Set("driver", gpu.driver);
      o.Set("runtime", gpu.runtime);
      list.Set(list.Length(), o);
    }
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("devices", list);
    out.Set("reason", found.reason);
    return out;
  });
}

// (library, GPU) → bytes
Napi::Value freeGpuMemory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(freeCudaMemory(info[0].ToString().Utf8Value(), info[1].ToNumber())));
  });
}

// (library) → [{ name, version } or { name, why }]: of NVIDIA's libraries that it opens
Napi::Value gpuLibraries(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    CudaParts parts{};
    cudaLibrary(info[0].ToString().Utf8Value()).parts(&parts);
    Napi::Array list = Napi::Array::New(info.Env());
    for (const auto& [name, part] : {std::pair{"cuBLASLt", &parts.cublasLt}, std::pair{"NCCL", &parts.nccl}}) {
      Napi::Object o = Napi::Object::New(info.Env());
      o.Set("name", name);
      o.Set(part->version[0] == '\0' ? "why" : "version", part->version[0] == '\0' ? part->why : part->version);
      list.Set(list.Length(), o);
    }
    return list;
  });
}

// (path) → ArrayBuffer over the file, unmapped when nothing refers to it any more. It is only to be read: the pages are the system's.
Napi::Value mapFile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto file = std::make_unique<MappedFile>(info[0].ToString().Utf8Value());
    const auto bytes = file->bytes();
    if (bytes.empty()) return Napi::ArrayBuffer::New(info.Env(), 0);
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
        info.Env(), const_cast<std::byte*>(bytes.data()), bytes.size(), [](Napi::Env, void*, MappedFile* mapped) { delete mapped; }, file.get());
    file.release();
    return buffer;
  });
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  exports.Set("availableKernels", Napi::Function::New(env, listKernels));
  exports.Set("availableProcessors", Napi::Function::New(env, processors));
  exports.Set("gpus", Napi::Function::New(env, gpus));
  exports.Set("freeGpuMemory", Napi::Function::New(env, freeGpuMemory));
  exports.Set("gpuLibraries", Napi::Function::New(env, gpuLibraries));
  exports.Set("mapFile", Napi::Function::New(env, mapFile));
  exports.Set("narrowMoments", Napi::Function::New(env, narrowMoments));
  exports.Set("planStep", Napi::Function::New(env, planStep));
  exports.Set("Model", ModelObject::define(env));
  exports.Set("Trainer", TrainerObject::define(env));
  exports.Set("Communicator", CommunicatorObject::define(env));
  exports.Set("widenMoments", Napi::Function::New(env, widenMoments));
  exports.Set("Session", SessionObject::define(env));
  return exports;
}

}  // namespace
}  // namespace qt

Napi::Object startAddon(Napi::Env env, Napi::Object exports) { return qt::start(env, exports); }

NODE_API_MODULE(qt_trainer, startAddon)
