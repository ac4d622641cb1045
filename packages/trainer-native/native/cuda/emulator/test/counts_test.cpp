// The counters, on kernels whose sectors and banks are known.
#include <cstdio>

#include "../../platform.cuh"
#include "../../test/array.hpp"
#include "../counts.hpp"
#include "check.hpp"

using namespace qt::cuda;
using namespace qt::cuda::emulator;

namespace {

__global__ void copyStrided(const float* in, float* out, int stride, int offset) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  out[i] = in[i * stride + offset];
}
__global__ void copyFours(const float4* in, float4* out) { out[threadIdx.x] = in[threadIdx.x]; }
__global__ void copyHalves(const bf16* in, bf16* out) {
  float v[8];
  load8(in + 8 * threadIdx.x, v);
  store8(out + 8 * threadIdx.x, v);
}
__global__ void copyBytes(const unsigned char* in, unsigned char* out) {
  for (int j = 0; j < 8; ++j) out[8 * threadIdx.x + j] = in[8 * threadIdx.x + j];
}
__global__ void readTwice(const float* in, float* out) {
  out[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] += in[threadIdx.x];
}
__global__ void throughShared(int stride, float* out) {
  float* shared = dynamicShared<float>();
  shared[threadIdx.x * stride] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = shared[threadIdx.x];
}
__global__ void rowsOfMatrices(int pitch, unsigned* out) {
  bf16* shared = dynamicShared<bf16>();
  std::uint32_t r[4];
  ldmatrixX4(r, shared + (threadIdx.x % 16) * pitch + threadIdx.x / 16 * 8);
  out[threadIdx.x] = r[0];
}
__global__ void copyAhead(const float* in, float* out) {
  float* shared = dynamicShared<float>();
  cpAsync16(shared + 4 * threadIdx.x, in + 4 * threadIdx.x, threadIdx.x < 16 ? 16 : 0);
  cpAsyncCommit();
  cpAsyncWait<0>();
  __syncthreads();
  out[threadIdx.x] = shared[threadIdx.x];
}
__global__ void everyOther(const float* in, float* out) {
  if (threadIdx.x % 2 == 0) out[threadIdx.x] = in[threadIdx.x];
}

// What one launch counts.
template <class... P>
KernelCount counted(void (*kernel)(P...), unsigned blocks, unsigned threads, std::size_t shared, std::type_identity_t<P>... arguments) {
  Counts counts;
  observer = &counts;
  CHECK(launch(kernel, blocks, threads, shared, nullptr, arguments...) == Status::Ok);
  observer = nullptr;
  CHECK(counts.kernels().size() == 1 && counts.kernels()[0]->kernel == reinterpret_cast<const void*>(kernel));
  return *counts.kernels()[0];
}

bool is(const GlobalCount& c, std::uint64_t requests, std::uint64_t sectors, std::uint64_t least, std::uint64_t ofBlocks, std::uint64_t ofLaunch) {
  const bool same = c.requests == requests && c.sectors == sectors && c.leastSectors == least && c.ofBlocks == ofBlocks && c.ofLaunch == ofLaunch;
  if (!same)
    std::printf("requests %zu, sectors %zu of %zu, of blocks %zu, of launch %zu\n", static_cast<std::size_t>(c.requests), static_cast<std::size_t>(c.sectors),
                static_cast<std::size_t>(c.leastSectors), static_cast<std::size_t>(c.ofBlocks), static_cast<std::size_t>(c.ofLaunch));
  return same;
}

void neighboursShareSectors() {
  Array<float> in(64 * 8 + 8), out(64);
  SiteCount t = counted(copyStrided, 1, 64, 0, in.data(), out.data(), 1, 0).total();
  CHECK(is(t.read, 2, 8, 8, 8, 8));
  CHECK(is(t.written, 2, 8, 8, 8, 8));
  t = counted(copyStrided, 1, 64, 0, in.data(), out.data(), 2, 0).total();
  CHECK(is(t.read, 2, 16, 8, 16, 16));
  t = counted(copyStrided, 1, 64, 0, in.data(), out.data(), 8, 0).total();
  CHECK(is(t.read, 2, 64, 8, 64, 64));
  // Beside a border each request has a sector more, which the next one shares.
  t = counted(copyStrided, 1, 64, 0, in.data(), out.data(), 1, 1).total();
  CHECK(is(t.read, 2, 10, 8, 9, 9));
  // All lanes the same.
  t = counted(copyStrided, 1, 64, 0, in.data(), out.data(), 0, 0).total();
  CHECK(is(t.read, 2, 2, 2, 1, 1));
}

void blocksAndLaunchesSeeASectorOnce() {
  Array<float> in(64), out(256);
  CHECK(is(counted(copyStrided, 4, 64, 0, in.data(), out.data(), 0, 0).total().read, 8, 8, 8, 4, 1));
  CHECK(is(counted(readTwice, 1, 64, 0, in.data(), out.data()).total().read, 6, 24, 24, 16, 16));
}

void vectorsAreOneRequest() {
  Array<float> in(128), out(128);
  const SiteCount t = counted(copyFours, 1, 32, 0, reinterpret_cast<const float4*>(in.data()), reinterpret_cast<float4*>(out.data())).total();
  CHECK(is(t.read, 1, 16, 16, 16, 16));
  CHECK(is(t.written, 1, 16, 16, 16, 16));
  Array<bf16> halves(256), others(256);
  const SiteCount h = counted(copyHalves, 1, 32, 0, halves.data(), others.data()).total();
  CHECK(is(h.read, 1, 16, 16, 16, 16));
  CHECK(is(h.written, 1, 16, 16, 16, 16));
}

// Eight requests, each of which touches all sectors for one byte of every eight.
void singleBytesAreRequestsOfTheirOwn() {
  Array<unsigned char> in(256), out(256);
  CHECK(is(counted(copyBytes, 1, 32, 0, in.data(), out.data()).total().read, 8, 64, 8, 8, 8));
}

void lanesThatStayAwayAreNoRequest() {
  Array<float> in(32), out(32);
  CHECK(is(counted(everyOther, 1, 32, 0, in.data(), out.data()).total().read, 1, 4, 2, 4, 4));
}

void banksAreAskedTwice() {
  Array<float> out(32);
  for (const auto& [stride, wavefronts] : {std::pair{1, 1}, {2, 2}, {3, 1}, {32, 32}, {33, 1}}) {
    const SharedCount c = counted(throughShared, 1, 32, 33 * 32 * 4, stride, out.data()).total().shared;
    CHECK(c.requests == 2 && c.leastWavefronts == 2);
    CHECK(c.wavefronts == static_cast<std::uint64_t>(wavefronts) + 1);
  }
}

void matricesAreReadRowByRow() {
  Array<unsigned> out(32);
  for (const auto& [pitch, wavefronts] : {std::pair{64, 32}, {72, 4}, {16, 8}, {32, 16}}) {
    const KernelCount k = counted(rowsOfMatrices, 1, 32, 16 * 72 * 2, pitch, out.data());
    const SharedCount c = k.total().shared;
    CHECK(c.requests == 1 && c.leastWavefronts == 4);
    CHECK(c.wavefronts == static_cast<std::uint64_t>(wavefronts));
    CHECK(k.together[static_cast<std::size_t>(Together::LoadMatrices)] == 1);
  }
}

void copiesReadAndWrite() {
  Array<float> in(128), out(32);
  const KernelCount k = counted(copyAhead, 1, 32, 512, in.data(), out.data());
  const SiteCount t = k.total();
  CHECK(is(t.read, 1, 8, 8, 8, 8));  // lanes that copy nothing read nothing
  CHECK(t.shared.requests == 2 && t.shared.wavefronts == 5);
  CHECK(k.together[static_cast<std::size_t>(Together::Barrier)] == 1);
}

}  // namespace

int main() {
  neighboursShareSectors();
  blocksAndLaunchesSeeASectorOnce();
  vectorsAreOneRequest();
  singleBytesAreRequestsOfTheirOwn();
  lanesThatStayAwayAreNoRequest();
  banksAreAskedTwice();
  matricesAreReadRowByRow();
  copiesReadAndWrite();
  return report("cuda_counts_test");
}
