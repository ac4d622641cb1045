// The emulator itself: what it computes against plain loops, and that it catches what a device would not define.
#include <string>
#include <vector>

#include "check.hpp"
#include "../../platform.cuh"
#include "../../test/array.hpp"

using namespace qt::cuda;

namespace {

// A number that bfloat16 and TF32 hold exactly.
float exact(int i) { return static_cast<float>(i * 37 % 61 - 30) / 8; }

__global__ void reverseThroughShared(const int* in, int* out) {
  int* shared = dynamicShared<int>();
  const unsigned n = blockDim.x * blockDim.y, t = threadIdx.y * blockDim.x + threadIdx.x;
  shared[t] = in[blockIdx.x * n + t];
  __syncthreads();
  out[blockIdx.x * n + t] = shared[n - 1 - t];
}

void barriersLetThreadsSeeEachOther() {
  constexpr int blocks = 3, n = 96;
  Array<int> in(blocks * n), out(blocks * n);
  for (int i = 0; i < blocks * n; ++i) in[i] = i * i;
  CHECK(launch(reverseThroughShared, blocks, dim3(24, 4), n * sizeof(int), nullptr, in.data(), out.data()) == Status::Ok);
  for (int b = 0; b < blocks; ++b)
    for (int i = 0; i < n; ++i) CHECK(out[b * n + i] == in[b * n + n - 1 - i]);
}

// A loop of barriers, with warps that have different amounts of work between them.
__global__ void addInTurn(int* total) {
  int* sum = dynamicShared<int>();
  if (threadIdx.x == 0) *sum = 0;
  __syncthreads();
  for (unsigned turn = 0; turn < blockDim.x; ++turn) {
    if (threadIdx.x == turn) *sum += static_cast<int>(turn);
    __syncthreads();
  }
  if (threadIdx.x == 0) *total = *sum;
}

__global__ void shuffles(int* out) {
  const int t = static_cast<int>(threadIdx.x);
  int sum = t;
  for (int bits = 16; bits > 0; bits /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bits);
  out[0 * 64 + t] = sum;
  out[1 * 64 + t] = __shfl_sync(0xffffffffu, t, 5);
  out[2 * 64 + t] = __shfl_down_sync(0xffffffffu, t, 3, 8);
  out[3 * 64 + t] = static_cast<int>(__ballot_sync(0xffffffffu, t % 3 == 0));
  out[4 * 64 + t] = __shfl_up_sync(0xffffffffu, t, 1);
  int even = -1;
  if (t % 2 == 0) even = __shfl_xor_sync(0x55555555u, t, 2);  // half of the warp, in a branch
  out[5 * 64 + t] = even;
  out[6 * 64 + t] = static_cast<int>(1000 * __shfl_sync(0xffffffffu, 0.5 * t, 31, 16));
}

void shufflesTakeFromTheirLane() {
  Array<int> out(7 * 64);
  CHECK(launch(shuffles, 1, 64, 0, nullptr, out.data()) == Status::Ok);
  for (int t = 0; t < 64; ++t) {
    const int base = t / 32 * 32;
    unsigned thirds = 0;
    for (int i = 0; i < 32; ++i) thirds |= static_cast<unsigned>((base + i) % 3 == 0) << i;
    CHECK(out[0 * 64 + t] == 32 * base + 31 * 16);
    CHECK(out[1 * 64 + t] == base + 5);
    CHECK(out[2 * 64 + t] == (t % 8 < 5 ? t + 3 : t));
    CHECK(out[3 * 64 + t] == static_cast<int>(thirds));
    CHECK(out[4 * 64 + t] == (t % 32 == 0 ? t : t - 1));
    CHECK(out[5 * 64 + t] == (t % 2 == 0 ? (t ^ 2) : -1));
    CHECK(out[6 * 64 + t] == 500 * (t / 16 * 16 + 15));
  }
}

// out[16, 8] = A[16, 16]·B[16, 8]: B is given as columns (depth runs along memory) or as rows, which the transposing load turns.
__global__ void multiplyOnce(const bf16* a, const bf16* b, bool columns, float* out) {
  bf16* shared = dynamicShared<bf16>();
  const int lane = static_cast<int>(threadIdx.x);
  bf16 *sharedA = shared, *sharedB = shared + 256;
  cpAsync16(sharedA + lane * 8, a + lane * 8);
  if (lane < 16) cpAsync16(sharedB + lane * 8, b + lane * 8);
  cpAsyncCommit();
  cpAsyncWait<0>();
  __syncwarp();
  std::uint32_t fragmentA[4], both[4];
  ldmatrixX4(fragmentA, sharedA + lane % 16 * 16 + lane / 16 * 8);
  // Matrices 2 and 3 repeat 0 and 1.
  const int l = lane % 16;
  if (columns) ldmatrixX4(both, sharedB + l % 8 * 16 + l / 8 * 8);
  else ldmatrixX4Trans(both, sharedB + l * 8);
  const std::uint32_t fragmentB[2] = {both[0], both[1]};
  float d[4] = {100, 200, 300, 400};
  mmaBf16(d, fragmentA, fragmentB);
  for (int i = 0; i < 4; ++i) out[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = d[i];
}

void tensorCoresMultiplyBf16() {
  Array<bf16> a(256), b(128);
  Array<float> out(128);
  for (const bool columns : {false, true}) {
    for (int i = 0; i < 256; ++i) a[i] = narrow(exact(i));
    for (int i = 0; i < 128; ++i) b[i] = narrow(exact(7 * i + 3));
    CHECK(launch(multiplyOnce, 1, 32, 1024, nullptr, a.data(), b.data(), columns, out.data()) == Status::Ok);
    for (int row = 0; row < 16; ++row)
      for (int column = 0; column < 8; ++column) {
        float sum = 100.0f * static_cast<float>(1 + column % 2 + row / 8 * 2);
        for (int k = 0; k < 16; ++k) sum += widen(a[row * 16 + k]) * widen(b[columns ? column * 16 + k : k * 8 + column]);
        CHECK(out[row * 8 + column] == sum);
      }
  }
}

__global__ void multiplyTf32Once(const float* a, const float* b, float* out) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  const std::uint32_t fragmentA[4] = {__float_as_uint(a[g * 8 + t]), __float_as_uint(a[(g + 8) * 8 + t]), __float_as_uint(a[g * 8 + t + 4]),
                                      __float_as_uint(a[(g + 8) * 8 + t + 4])};
  const std::uint32_t fragmentB[2] = {__float_as_uint(b[t * 8 + g]), __float_as_uint(b[(t + 4) * 8 + g])};
  float d[4] = {};
  mmaTf32(d, fragmentA, fragmentB);
  for (int i = 0; i < 4; ++i) out[(g + i / 2 * 8) * 8 + t * 2 + i % 2] = d[i];
}

void tensorCoresMultiplyTf32() {
  Array<float> a(128), b(64), out(128);
  for (int i = 0; i < 128; ++i) a[i] = __uint_as_float(__float_as_uint(exact(i)) | 0x1fffu);  // the lowest 13 bits are not read
  for (int i = 0; i < 64; ++i) b[i] = exact(5 * i + 1);
  CHECK(launch(multiplyTf32Once, 1, 32, 0, nullptr, a.data(), b.data(), out.data()) == Status::Ok);
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      float sum = 0;
      for (int k = 0; k < 8; ++k) sum += exact(row * 8 + k) * b[k * 8 + column];
      CHECK(out[row * 8 + column] == sum);
    }
}

// first + 16·x.
__global__ void addSixteen(float first, float x, float* out) {
  const std::uint32_t ones = packBf16(1, 1), pair = packBf16(x, x);
  const std::uint32_t a[4] = {ones, ones, ones, ones}, b[2] = {pair, pair};
  float d[4] = {first, first, first, first};
  mmaBf16(d, a, b);
  out[threadIdx.x] = d[threadIdx.x % 4];
}

// What is added to a large sum is cut a bit below its last one, and so is the sum.
void tensorCoresCut() {
  Array<float> out(32);
  const auto sum = [&](float first, float x) {
    CHECK(launch(addSixteen, 1, 32, 0, nullptr, first, x, out.data()) == Status::Ok);
    for (const float other : out.copy()) CHECK(other == out[0] || (std::isnan(other) && std::isnan(out[0])));
    return out[0];
  };
  CHECK(sum(0x1.0p24f, 1.9375f) == 0x1.0p24f + 16);
  CHECK(sum(-0x1.0p24f, 0.9375f) == -0x1.0p24f);
  CHECK(sum(0x1.0p24f, -3.0f) == 0x1.0p24f - 48);
  CHECK(sum(1, 1.9375f) == 32);
  CHECK(sum(0, 0) == 0 && sum(1, INFINITY) == INFINITY && std::isnan(sum(NAN, 1)) && std::isnan(sum(-INFINITY, INFINITY)));
}

// Nearly what they should be, and what they are at their ends.
void fastFunctionsStray() {
  int off = 0;
  for (int i = -300; i <= 300; ++i) {
    const float x = static_cast<float>(i) * 0.29f;
    const double expected = std::exp(static_cast<double>(x)), found = qtExp(x);
    off += found != static_cast<float>(expected);
    CHECK(std::fabs(found - expected) <= expected * (3e-7 + 1.2e-7 * std::fabs(x)));
  }
  CHECK(off > 300);
  CHECK(qtExp(0) == 1 && qtExp(-INFINITY) == 0 && qtExp(INFINITY) == INFINITY && qtExp2(-130) == 0 && std::isnan(qtExp(NAN)));
  CHECK(qtDivide(3, 4) == 0.75f && qtDivide(1, INFINITY) == 0 && qtDivide(1, 3e38f) == 0 && qtDivide(3, 7) != 3.0f / 7 && std::fabs(qtDivide(3, 7) - 3.0f / 7) < 1e-7f);
}

void bfloat16RoundsToNearestEven() {
  CHECK(narrow(1.0f).bits == 0x3f80);
  CHECK(narrow(__uint_as_float(0x3f808000)).bits == 0x3f80);  // halfway, down to even
  CHECK(narrow(__uint_as_float(0x3f818000)).bits == 0x3f82);  // halfway, up to even
  CHECK(narrow(__uint_as_float(0x3f808001)).bits == 0x3f81);
  CHECK(narrow(3.4e38f).bits == 0x7f80);                      // beyond the largest
  CHECK(narrow(__uint_as_float(0xffc00001)).bits == 0x7fff);
  CHECK(packBf16(1.0f, -2.0f) == 0xc0003f80u);
}

__global__ void takeLast(const int* in, int* out) {
  int* shared = dynamicShared<int>();
  cpAsync16(shared, in, 8);
  cpAsyncCommit();
  cpAsync16(shared + 4, in + 4);
  cpAsyncCommit();
  cpAsyncWait<1>();
  for (int i = 0; i < 8; ++i) out[i] = shared[i];
}

// Of the two groups only the first was waited for: it has come, and what its 8 bytes leave is 0.
void copiesArriveWhenTheyAreWaitedFor() {
  Array<int> in({1, 2, 3, 4, 5, 6, 7, 8}), out(8);
  CHECK(launch(takeLast, 1, 1, 32, nullptr, in.data(), out.data()) == Status::Ok);
  for (int i = 0; i < 8; ++i) CHECK(out[i] == (i < 2 ? i + 1 : i < 4 ? 0 : -1));
}

__global__ void barrierInABranch() {
  if (threadIdx.x < 32) __syncthreads();
}
__global__ void differentBarriers() {
  if (threadIdx.x < 32) __syncthreads();
  else __syncthreads();
}
__global__ void shuffleInABranch(int* out) {
  if (threadIdx.x < 16) *out = __shfl_sync(0xffffffffu, 1, 0);
}
__global__ void shuffleOfOthers(int* out) { *out = __shfl_sync(0xfffffff0u, 1, 0); }
__global__ void writeBehind(int at) { dynamicShared<float>()[at] = 1; }
__global__ void ldmatrixBehind() {
  std::uint32_t r[4];
  ldmatrixX4(r, dynamicShared<char>() + threadIdx.x * 16);
}
__global__ void ldmatrixBetween() {
  std::uint32_t r[4];
  ldmatrixX4(r, dynamicShared<char>() + threadIdx.x * 8);
}
__global__ void copyFromBetween(const char* from) { cpAsync16(dynamicShared<char>(), from + 4); }
__global__ void readUnwritten(float* out) { *out = dynamicShared<float>()[threadIdx.x]; }

__global__ void readTooEarly(int* out) {
  int* shared = dynamicShared<int>();
  shared[threadIdx.x] = 1;
  *out = shared[(threadIdx.x + 1) % blockDim.x];
}
__global__ void writeTooEarly(int* out) {
  int* shared = dynamicShared<int>();
  shared[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = shared[(threadIdx.x + 40) % blockDim.x];
  shared[threadIdx.x] = 2;
}
// Within a warp __syncwarp is enough, between warps it is not.
__global__ void exchange(int* out, int distance) {
  int* shared = dynamicShared<int>();
  shared[threadIdx.x] = 1;
  __syncwarp();
  out[threadIdx.x] = shared[threadIdx.x ^ distance];
}
__global__ void copyTooEarly(const int* in, int* out) {
  int* shared = dynamicShared<int>();
  cpAsync16(shared + 4 * threadIdx.x, in + 4 * threadIdx.x);
  cpAsyncCommit();
  cpAsyncWait<0>();
  out[threadIdx.x] = shared[threadIdx.x];
}
__global__ void writeTheSame(int* out) { *out = 1; }
// What other blocks have read already when they run one after another.
__global__ void takeFromNext(int* numbers) { numbers[blockIdx.x] = numbers[blockIdx.x + 1]; }
// Through global memory, with or without a barrier between.
__global__ void passOn(int* numbers, int distance, bool together) {
  const int t = static_cast<int>(threadIdx.x), other = (t + distance) % static_cast<int>(blockDim.x);
  numbers[t] = t;
  if (together) __syncthreads();
  const int taken = numbers[other];
  __syncwarp();
  if (distance == 1) numbers[t] = taken;
}
// A copy that is asked for before the barrier may read after it.
__global__ void replaceTooEarly(int* numbers) {
  if (threadIdx.x == 0) cpAsync16(dynamicShared<int>(), numbers);
  cpAsyncCommit();
  __syncthreads();
  if (threadIdx.x == 1) numbers[0] = 1;
  cpAsyncWait<0>();
}
// Read by one lane before a barrier of the warp and by another after it, by the last one, which goes on first.
__global__ void writeWhatAnotherReads() {
  int* shared = dynamicShared<int>();
  int seen = 0;
  if (threadIdx.x == 0) seen += *static_cast<volatile int*>(shared);
  __syncwarp();
  if (threadIdx.x == 31) seen += *static_cast<volatile int*>(shared);
  if (threadIdx.x == 0) *shared = seen;
}

// `expected` is a part of what is said about it.
void caught(Status status, const char* expected) {
  CHECK(status == Status::Fault);
  if (emulator::lastFault().find(expected) == std::string::npos) {
    ++failures;
    std::printf("expected \"%s\", was told \"%s\"\n", expected, emulator::lastFault().c_str());
  }
}

__global__ void readFour(const float* from, float* to) { *to = reinterpret_cast<const float4*>(from)->z; }

void racesAreCaught() {
  Array<int> out(64), in(256);
  const auto on = [&](auto kernel, auto... arguments) { return launch(kernel, 1, 64, 1024, nullptr, arguments...); };
  caught(on(readTooEarly, out.data()), "has read since the last barrier");
  caught(on(writeTooEarly, out.data()), "has read since the last barrier");
  CHECK(on(exchange, out.data(), 1) == Status::Ok);
  caught(on(exchange, out.data(), 32), "has read since the last barrier");
  caught(on(copyTooEarly, in.data(), out.data()), "has written since the last barrier");
  caught(launch(writeTheSame, 2, 1, 0, nullptr, out.data()), "block 1 writes global memory that block 0 has written");
  caught(launch(takeFromNext, 2, 1, 0, nullptr, out.data()), "block 1 writes global memory that block 0 has read");
  CHECK(launch(takeFromNext, 1, 1, 0, nullptr, out.data()) == Status::Ok);
  caught(launch(passOn, 1, 64, 0, nullptr, out.data(), 32, false), "of its block has read since the last barrier");
  CHECK(launch(passOn, 1, 64, 0, nullptr, out.data(), 32, true) == Status::Ok);
  CHECK(launch(passOn, 1, 32, 0, nullptr, out.data(), 1, true) == Status::Ok);
  caught(launch(passOn, 1, 64, 0, nullptr, out.data(), 1, true), "of its block has written since the last barrier");
  caught(launch(replaceTooEarly, 1, 2, 16, nullptr, in.data()), "of its block has written since the last barrier");
  caught(launch(writeWhatAnotherReads, 1, 32, 16, nullptr), "has read since the last barrier");
}

void faultsAreCaught() {
  Array<int> number(4);
  caught(launch(barrierInABranch, 1, 64, 0, nullptr), "not all threads reach");
  caught(launch(differentBarriers, 1, 64, 0, nullptr), "different barriers");
  caught(launch(shuffleInABranch, 1, 32, 0, nullptr, number.data()), "not all threads reach");
  caught(launch(shuffleOfOthers, 1, 32, 0, nullptr, number.data()), "its mask leaves out");
  caught(launch(writeBehind, 1, 1, 64, nullptr, 16), "byte 0 behind the 64 bytes");
  CHECK(launch(writeBehind, 1, 1, 64, nullptr, 15) == Status::Ok);
  caught(launch(ldmatrixBehind, 1, 32, 31 * 16, nullptr), "outside dynamic shared memory");
  caught(launch(ldmatrixBetween, 1, 32, 512, nullptr), "not aligned");
  caught(launch(copyFromBetween, 1, 1, 16, nullptr, reinterpret_cast<const char*>(number.data())), "not aligned");
  caught(launch(readUnwritten, 1, 1, 0, nullptr, reinterpret_cast<float*>(number.data())), "without dynamic shared memory");
  Array<float> read(1);
  read[0] = 0;
  CHECK(launch(readUnwritten, 1, 1, 16, nullptr, read.data()) == Status::Ok);
  CHECK(read[0] != read[0]);
  caught(launch(readFour, 1, 1, 0, nullptr, read.data() - 2, read.data()), "not aligned to 16 bytes at emulator_test.cpp");
  // A launch goes on as if none of these had been.
  barriersLetThreadsSeeEachOther();
}

void impossibleLaunchesAreRefused() {
  CHECK(launch(barrierInABranch, 1, 1056, 0, nullptr) == Status::LaunchFailed);
  CHECK(launch(barrierInABranch, 0, 32, 0, nullptr) == Status::LaunchFailed);
  CHECK(launch(barrierInABranch, 1, 32, 228 * 1024, nullptr) == Status::LaunchFailed);
}

void barriersInLoops() {
  Array<int> total(1);
  CHECK(launch(addInTurn, 1, 100, 16, nullptr, total.data()) == Status::Ok);
  CHECK(total[0] == 99 * 100 / 2);
}

}  // namespace

int main() {
  barriersLetThreadsSeeEachOther();
  barriersInLoops();
  shufflesTakeFromTheirLane();
  tensorCoresMultiplyBf16();
  tensorCoresMultiplyTf32();
  tensorCoresCut();
  fastFunctionsStray();
  bfloat16RoundsToNearestEven();
  copiesArriveWhenTheyAreWaitedFor();
  faultsAreCaught();
  racesAreCaught();
  impossibleLaunchesAreRefused();
  return report("cuda_emulator_test");
}
