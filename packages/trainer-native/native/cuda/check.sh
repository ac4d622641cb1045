#!/bin/sh
# All that is to be run on a machine with an NVIDIA GPU, which needs nvcc, CMake and g++; Python with PyTorch for the peers, Node for the addon.
# usage: cuda/check.sh [--emulated] [build] [test] [sanitize] [bench] [peers] [table] [node]      without names: all of them, in this order
#        cuda/check.sh resources | counts      what nvcc and the emulator say of kernels, without a GPU
# QT_BUILD: where to build (build/gpu here). OUT: where results go (QT_BUILD/results).
# --emulated: the same with the emulator for a GPU and tiny shapes, so that nothing is tried for the first time where time is lent.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
emulated=
if [ "${1:-}" = --emulated ]; then
  emulated=yes
  shift
fi
build=${QT_BUILD:-$here/build/gpu$emulated}
out=${OUT:-$build/results}
python=${QT_ORACLES:-python3}
mkdir -p "$build" "$out"
if [ -n "$emulated" ]; then
  library=$build/cuda/emulator/libqt_cuda_emulated.so kinds=cuda_emulated tiny=--tiny peers='--device cpu --tiny'
else
  library=$build/cuda/libqt_cuda.so kinds=cuda_device tiny= peers=
fi
tests=$(cd "$here/cuda/test" && for file in *_test.cu; do echo "${kinds}_${file%.cu}"; done)
failed=
# PyTorch brings NVIDIA's libraries along, where nothing looks for them.
brought() {
  "$python" -c 'import glob, sys, os
found = [file for path in sys.path for file in sorted(glob.glob(os.path.join(path, "nvidia", "*", "lib", sys.argv[1])), reverse=True)]
print(found[0] if found else "")' "$1" 2> /dev/null
}
if [ -z "$emulated" ]; then
  : "${QT_CUBLASLT_LIBRARY:=$(brought 'libcublasLt.so.1[23]')}" "${QT_NCCL_LIBRARY:=$(brought 'libnccl.so.2')}"
else
  : "${QT_CUBLASLT_LIBRARY:=$build/cuda/emulator/libqt_cublaslt_emulated.so}" "${QT_NCCL_LIBRARY:=$build/cuda/emulator/libqt_nccl_emulated.so}"
fi
export QT_CUBLASLT_LIBRARY QT_NCCL_LIBRARY

say() { printf '\n== %s\n' "$*"; }
# Runs a command and goes on; what failed is told at the end.
try() {
  name=$1
  shift
  "$@" || failed="$failed $name"
}

build() {
  say build
  # For the GPU that is there, which takes a fourth of the time of all architectures.
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d '.')
  flags="-DQT_CUDA=ON -DQT_CUDA_ARCHITECTURES=${capability:-90}"
  targets=qt_cuda
  if [ -n "$emulated" ]; then flags=-DQT_CUDA=OFF targets='qt_cuda_emulated_library qt_cublaslt_emulated qt_nccl_emulated'; fi
  cmake -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release $flags > "$out/configure.log" 2>&1 || { cat "$out/configure.log"; return 1; }
  cmake --build "$build" --parallel "$(nproc)" --target $targets gpu_bench $tests > "$out/build.log" 2>&1 || { grep -i -A5 error "$out/build.log" | head -n 60; return 1; }
  tail -n 1 "$out/build.log"
}

run_tests() {
  say test
  ctest --test-dir "$build" -R "^$kinds" --output-on-failure --no-tests=error 2>&1 | tee "$out/test.log" | tail -n 60
  grep -q '^100% tests passed' "$out/test.log"
}

# Shows what a command prints, keeps it in a file, and ends as the command does.
keep() {
  file=$1
  shift
  { "$@"; echo $? > "$file.status"; } | tee "$file"
  code=$(cat "$file.status")
  rm -f "$file.status"
  return "$code"
}

# Reads and writes out of bounds, then races in shared memory.
sanitize() {
  say sanitize
  if [ -n "$emulated" ] || ! command -v compute-sanitizer > /dev/null; then
    echo "skipped: compute-sanitizer is not here, or there is no GPU for it"
    return 0
  fi
  bad=0
  for tool in memcheck racecheck; do
    for test in $tests; do
      timeout "${QT_PATIENCE:-300}" compute-sanitizer --tool $tool --error-exitcode 9 "$build/cuda/$test" > "$out/$tool-$test.log" 2>&1
      code=$?
      echo "$tool $test: $code $(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$out/$tool-$test.log" | tail -n 1)"
      [ $code -eq 0 ] || bad=1
    done
  done
  return $bad
}

bench() {
  say bench
  keep "$out/ours.jsonl" "$build/gpu_bench" "$library" $tiny ${QT_ONLY:+--only "$QT_ONLY"} ${QT_BENCH:-} && ! grep -q '"absent"' "$out/ours.jsonl"
}

run_peers() {
  say peers
  if ! "$python" -c 'import torch, transformers, peft' 2> /dev/null; then
    echo "skipped: $python has no torch, transformers and peft; QT_ORACLES names one that has"
    return 0
  fi
  keep "$out/peers.jsonl" "$python" "$here/bench/gpu_peers.py" run $peers ${QT_ONLY:+--only "$QT_ONLY"} ${QT_PEERS:-}
}

table() {
  say table
  touch "$out/peers.jsonl"
  keep "$out/table.md" "$python" "$here/bench/gpu_peers.py" table "$out/ours.jsonl" "$out/peers.jsonl"
}

# The addon's way to the GPU: a run with its files, resumed, in one process and in two.
node_tests() {
  say node
  root=$(cd "$here/../../.." && pwd)
  if ! command -v node > /dev/null || [ ! -d "$root/node_modules" ]; then
    echo "skipped: Node or the installed packages are not here"
    return 0
  fi
  (cd "$root" && QT_CUDA_LIBRARY="$library" npx vitest run --config tools/vitest.config.ts --project integration gpu)
}

# Registers, spilled bytes, and how many warps of a multiprocessor the registers leave room for; shared memory is in `counts`. Spilling fails.
resources() {
  say resources
  architecture=${QT_ARCHITECTURE:-90}
  mkdir -p "$out/resources"
  for source in "$here"/cuda/kernels/*.cu; do
    to=$out/resources/$(basename "$source" .cu)
    nvcc -std=c++20 -O3 -DNDEBUG -arch="compute_$architecture" -ptx --expt-relaxed-constexpr -diag-suppress=445,177 -I"$here/cuda" -I"$here/src" \
      -I"$here/../../weights/native/include" "$source" -o "$to.ptx" > "$to.log" 2>&1 &&
      ptxas -v -arch="sm_$architecture" "$to.ptx" -o /dev/null > "$to.log" 2>&1 || { cat "$to.log"; return 1; }
    cat "$to.ptx" "$to.log"
  done | awk '
    $1 == ".maxntid" { limit[entry] = $2 + 0 }
    $2 == ".entry" || $1 == ".entry" { entry = $0; sub(/.*\.entry */, "", entry); sub(/\(.*/, "", entry) }
    /Compiling entry function/ { name = $0; sub(/[^\047]*\047/, "", name); sub(/\047.*/, "", name) }
    /bytes stack frame/ { spilled[name] = $5 + $9 }
    /Used [0-9]+ registers/ {
      registers = $0; sub(/.*Used /, "", registers); registers += 0
      ofWarp = int((registers * 32 + 255) / 256) * 256; warps = limit[name] > 0 ? int((limit[name] + 31) / 32) : 1
      blocks = int(int(65536 / ofWarp) / warps); if (blocks * warps > 64) blocks = int(64 / warps)
      print name, limit[name] + 0, registers, spilled[name] + 0, blocks * warps
    }' | c++filt -p | sed 's/qt::cuda:://g; s/(anonymous namespace):://g' > "$out/resources.txt"
  { echo '| kernel | threads | registers | spilled bytes | warps of 64 |'; echo '|---|---|---|---|---|'
    awk '{ n = NF; row = $1; for (i = 2; i <= n - 4; ++i) row = row " " $i; print "| " row " | " $(n-3) " | " $(n-2) " | " $(n-1) " | " $n " |" }' "$out/resources.txt"; } | tee "$out/resources.md"
  awk '$(NF-1) > 0 { print "spills: " $0; bad = 1 } END { exit bad || NR == 0 }' "$out/resources.txt"
}

# What kernels ask of memory, case by case, on shapes that take the kernels of the real ones; our own products, so that those are seen too.
counts() {
  say counts
  cmake -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release > "$out/configure.log" 2>&1 || { cat "$out/configure.log"; return 1; }
  cmake --build "$build" --parallel "$(nproc)" --target qt_cuda_counted_library gpu_bench > "$out/build.log" 2>&1 || { grep -i -A5 error "$out/build.log" | head -n 60; return 1; }
  for case in $(echo "${QT_ONLY:-product,attention,lora-0.5b,lora-8b,qlora-8b-q4k,full-1.5b}" | tr , ' '); do
    say "counts: $case"
    QT_CUDA_PRODUCTS=${QT_CUDA_PRODUCTS:-own} QT_CUDA_COUNTS="$out/counts-$case.md" \
      "$build/gpu_bench" "$build/cuda/emulator/libqt_cuda_counted.so" --counted --only "$case" || return 1
    cat "$out/counts-$case.md"
  done
}

[ $# -gt 0 ] || set -- build test sanitize bench peers table node
for part; do
  case $part in
    build) try build build; [ -z "$failed" ] || break ;;
    test) try test run_tests ;;
    sanitize) try sanitize sanitize ;;
    bench) try bench bench ;;
    peers) try peers run_peers ;;
    table) try table table ;;
    node) try node node_tests ;;
    resources) try resources resources ;;
    counts) try counts counts ;;
    *) echo "there is no part '$part'" >&2; exit 2 ;;
  esac
done
if [ -n "$failed" ]; then say "failed:$failed; results in $out"; else say "passed; results in $out"; fi
[ -z "$failed" ]
