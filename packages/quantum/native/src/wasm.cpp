// The kernels for WebAssembly (wasm32, simd128), without any run-time library. The host allocates from `heap` on, writes the problem there,
// and calls. Built by wasm/build.mjs.
#include "kernels/impl/table.inl"

using namespace qt::anneal;

extern "C" {

extern unsigned char __heap_base;

static constexpr KernelTable table = makeTable("wasm");

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("heap") unsigned heap() { return reinterpret_cast<unsigned>(&__heap_base); }

EXPORT("bytes") unsigned bytes(int kind, const Problem* p) { return table.of(static_cast<Kind>(kind), *p).bytes(*p); }

EXPORT("width") int width(int kind, const Problem* p) { return table.of(static_cast<Kind>(kind), *p).width(*p); }

EXPORT("start") void start(int kind, const Problem* p, void* sampler, double seed, double stream) {
  table.of(static_cast<Kind>(kind), *p).start(*p, sampler, static_cast<std::uint64_t>(seed), static_cast<std::uint64_t>(stream));
}

EXPORT("run") void run(int kind, const Problem* p, void* sampler, const float* parameters, int count) {
  table.of(static_cast<Kind>(kind), *p).run(*p, sampler, parameters, count);
}

EXPORT("temper") void temperAll(int kind, const Problem* p, void* sampler, const float* betas, int sweeps, int clusterEvery) {
  table.of(static_cast<Kind>(kind), *p).temper(*p, sampler, betas, sweeps, clusterEvery);
}

EXPORT("read") void read(int kind, const Problem* p, const void* sampler, int lane, std::uint8_t* bits) {
  table.of(static_cast<Kind>(kind), *p).read(*p, sampler, lane, bits);
}

EXPORT("write") void write(int kind, const Problem* p, void* sampler, int lane, const std::uint8_t* bits) {
  table.of(static_cast<Kind>(kind), *p).write(*p, sampler, lane, bits);
}

EXPORT("energy") double energy(int kind, const Problem* p, const void* sampler, int lane) {
  return static_cast<double>(table.of(static_cast<Kind>(kind), *p).energy(sampler, lane));
}

EXPORT("bestEnergy") double bestEnergy(int kind, const Problem* p, const void* sampler) {
  return static_cast<double>(table.of(static_cast<Kind>(kind), *p).bestEnergy(sampler));
}

EXPORT("readBest") void readBest(int kind, const Problem* p, const void* sampler, std::uint8_t* bits) {
  table.of(static_cast<Kind>(kind), *p).readBest(*p, sampler, bits);
}

EXPORT("forget") void forget(int kind, const Problem* p, void* sampler) { table.of(static_cast<Kind>(kind), *p).forget(*p, sampler); }

// What the compiler calls for copies that it does not write out.
void* memcpy(void* to, const void* from, std::size_t count) {
  auto* t = static_cast<unsigned char*>(to);
  const auto* f = static_cast<const unsigned char*>(from);
  for (std::size_t i = 0; i < count; ++i) t[i] = f[i];
  return to;
}

void* memset(void* to, int value, std::size_t count) {
  auto* t = static_cast<unsigned char*>(to);
  for (std::size_t i = 0; i < count; ++i) t[i] = static_cast<unsigned char>(value);
  return to;
}

}
