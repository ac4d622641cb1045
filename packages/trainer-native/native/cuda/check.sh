#!/bin/sh
# All that is to be run on a machine with an NVIDIA GPU, which needs nvcc, CMake and g++; Python with PyTorch for the peers, Node for the addon.
# usage: cuda/check.sh [--emulated] [build] [test] [sanitize] [bench] [peers] [table] [node]      without names: all of them, in this order
#        cuda/check.sh resources | counts | estimate      what nvcc, the emulator and plans say, without a GPU
# QT_BUILD: where to build (build/gpu here). QT_RESULTS: where results stay (QT_BUILD/results); a part that is run again replaces its own.
# OUT: gets a copy of them at the end, few files. QT_SECONDS: how long all of it may take, so that it ends with its summary and not in between.
# QT_ONLY=lora-8b,product: some cases of bench and peers. QT_TESTS=step,product: some of test and sanitize. QT_PATIENCE: seconds for one of either.
# --emulated: the same with the emulator for a GPU and tiny shapes, so that nothing is tried for the first time where time is lent.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
emulated=
if [ "${1:-}" = --emulated ]; then
  emulated=yes
  shift
fi
build=${QT_BUILD:-$here/build/gpu$emulated}
out=${QT_RESULTS:-$build/results}
python=${QT_ORACLES:-python3}
mkdir -p "$build" "$out/cases" "$out/logs"
if [ -n "$emulated" ]; then
  library=$build/cuda/emulator/libqt_cuda_emulated.so kinds=cuda_emulated tests_at=$build/cuda/emulator tiny=--tiny peers='--device cpu --tiny'
else
  library=$build/cuda/libqt_cuda.so kinds=cuda_device tests_at=$build/cuda tiny= peers=
fi
tests=$(cd "$here/cuda/test" && for file in *_test.cu; do echo "${kinds}_${file%.cu}"; done)
cases='product attention lora-0.5b lora-8b qlora-8b-q4k qlora-8b-nf4 scratch-1b full-1.5b context curve generation'
failed=
summary=$out/summary.txt
: > "$summary"
began=$(date +%s)
# Where CUDA's installer puts its programs, which is not always where they are looked for.
[ -n "$emulated" ] || PATH=$PATH:/usr/local/cuda/bin
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

say() { printf '\n== %s (%s s)\n' "$*" "$(($(date +%s) - began))"; }
# What went wrong, for the summary: a name, and the first lines of a log that say why.
note() {
  name=$1 log=$2
  failed="$failed $name"
  {
    echo "FAILED $name: ${3:-}"
    grep -a -i -m 4 -E 'error|wrong|off by|fault|device:|invalid|race|barrier|abort|exception|absent|:[0-9]+: ' "$log" 2> /dev/null | cut -c 1-240 | sed 's/^/    /'
  } >> "$summary"
}
# Runs a command for so many seconds at most, or for those that are left.
within() {
  seconds=$1
  shift
  if [ -n "${QT_SECONDS:-}" ]; then
    left=$((QT_SECONDS - $(date +%s) + began))
    [ "$left" -gt 0 ] || { echo "no time is left (QT_SECONDS)" >&2; return 124; }
    [ "$left" -ge "$seconds" ] || seconds=$left
  fi
  timeout -k 5 "$seconds" "$@"
}
# named LIST NAME: an empty list names all.
named() { [ -z "$1" ] || case ",$1," in *",$2,"*) ;; *) return 1 ;; esac; }
wanted() { named "${QT_ONLY:-}" "$1"; }
wanted_test() {
  short=${1#"${kinds}"_}
  named "${QT_TESTS:-}" "${short%_test}"
}

build() {
  say build
  # For the GPU that is there, which takes a fourth of the time of all architectures. What nvidia-smi cannot do it says in the same place.
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | grep -m 1 -x '[0-9]*\.[0-9]' | tr -d '.')
  flags="-DQT_CUDA=ON -DQT_CUDA_ARCHITECTURES=${capability:-90}"
  targets=qt_cuda
  if [ -n "$emulated" ]; then flags=-DQT_CUDA=OFF targets='qt_cuda_emulated_library qt_cublaslt_emulated qt_nccl_emulated'; fi
  within 120 cmake -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release -G 'Unix Makefiles' $flags > "$out/logs/configure.log" 2>&1 || { note configure "$out/logs/configure.log"; tail -n 20 "$out/logs/configure.log"; return; }
  # What does not compile does not keep the rest from being built.
  within 900 cmake --build "$build" --parallel "$(nproc)" --target $targets gpu_bench $tests -- -k > "$out/logs/build.log" 2>&1 || {
    note build "$out/logs/build.log" "it ended with $?"
    grep -a -i -A3 'error' "$out/logs/build.log" | head -n 40
  }
  tail -n 1 "$out/logs/build.log"
}

run_tests() {
  say test
  for test in $tests; do
    wanted_test "$test" || continue
    from=$(date +%s)
    within "${QT_PATIENCE:-180}" "$tests_at/$test" > "$out/logs/$test.log" 2>&1
    code=$?
    echo "$test: $code ($(($(date +%s) - from)) s) $(grep -a -E 'passed|skipped|failed|: no device' "$out/logs/$test.log" | tail -n 1)"
    [ $code -eq 0 ] || { note "$test" "$out/logs/$test.log" "it ended with $code"; head -n 12 "$out/logs/$test.log" | cut -c 1-240; }
  done
}

# Reads and writes out of bounds, races in shared memory, barriers that not all reach. The tests of one tool at once: it keeps a processor busy, not the GPU.
sanitize() {
  say sanitize
  if [ -n "$emulated" ] || ! command -v compute-sanitizer > /dev/null; then
    echo "skipped: compute-sanitizer is not here, or there is no GPU for it"
    return
  fi
  for tool in memcheck racecheck synccheck; do
    for test in $tests; do
      wanted_test "$test" || continue
      {
        within "${QT_PATIENCE:-300}" compute-sanitizer --tool $tool --error-exitcode 9 --print-limit 20 "$tests_at/$test" > "$out/logs/$tool-$test.log" 2>&1
        echo $? > "$out/logs/$tool-$test.code"
      } &
    done
    wait
    for test in $tests; do
      wanted_test "$test" || continue
      code=$(cat "$out/logs/$tool-$test.code")
      echo "$tool $test: $code $(grep -a -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$out/logs/$tool-$test.log" | tail -n 1)"
      [ "$code" -eq 0 ] || note "$tool-$test" "$out/logs/$tool-$test.log" "it ended with $code$([ "$code" -ne 124 ] || echo ', out of time')"
    done
  done
}

# All cases of one side in their order, those of other calls, too; what each process says of the machine once.
gather() {
  for case in $cases; do
    [ ! -f "$out/cases/$1-$case.jsonl" ] || cat "$out/cases/$1-$case.jsonl"
  done | awk '!seen[$0]++' > "$out/$1.jsonl"
}
# measured SIDE CASE SECONDS command…: a process for each case, for one that fails on a GPU leaves nothing for others in it to work with.
measured() {
  side=$1 case=$2 seconds=$3
  shift 3
  file=$out/cases/$side-$case.jsonl
  within "$seconds" "$@" > "$file.new" 2> "$out/logs/$side-$case.log"
  code=$?
  # What was broken off may have left half a line.
  [ -z "$(tail -c 1 "$file.new")" ] || echo >> "$file.new"
  [ $code -eq 0 ] || printf '{"case":"%s","absent":"it ended with %s: %s"}\n' "$case" "$code" "$(tail -n 1 "$out/logs/$side-$case.log" | tr -d '"\\' | cut -c 1-160)" >> "$file.new"
  # What was measured earlier is worth more than that there was no time.
  if [ $code -eq 124 ] && [ -s "$file" ]; then rm "$file.new"; else mv "$file.new" "$file"; fi
  cat "$file"
  if [ $code -ne 0 ]; then note "$side-$case" "$file" "it ended with $code"
  elif [ $side = ours ] && grep -q '"absent"' "$file"; then note "$side-$case" "$file"; fi
  gather $side
}

bench() {
  say bench
  for case in $cases; do
    if wanted "$case"; then measured ours "$case" "${QT_PATIENCE:-240}" "$build/gpu_bench" "$library" $tiny --only "$case" ${QT_BENCH:-}; fi
  done
}

run_peers() {
  say peers
  if ! "$python" -c 'import torch, transformers, peft' 2> "$out/logs/peers.log"; then
    echo "skipped: $python has no torch, transformers and peft; QT_ORACLES names one that has"
    return
  fi
  for case in $cases; do
    case $case in context | curve | generation | qlora-8b-q4k) continue ;; esac
    if wanted "$case"; then measured peers "$case" 900 "$python" "$here/bench/gpu_peers.py" run $peers --only "$case" ${QT_PEERS:-}; fi
  done
}

table() {
  say table
  touch "$out/ours.jsonl" "$out/peers.jsonl"
  "$python" "$here/bench/gpu_peers.py" table "$out/ours.jsonl" "$out/peers.jsonl" > "$out/table.md" 2> "$out/logs/table.log" || note table "$out/logs/table.log"
  cat "$out/table.md"
}

# The addon's way to the GPU: a run with its files, resumed, in one process and in two.
node_tests() {
  say node
  root=$(cd "$here/../../.." && pwd)
  if ! command -v node > /dev/null || [ ! -d "$root/node_modules" ]; then
    echo "skipped: Node or the installed packages are not here"
    return
  fi
  (cd "$root" && QT_CUDA_LIBRARY="$library" npx vitest run --config tools/vitest.config.ts --project integration gpu) 2>&1 | tee "$out/logs/node.log"
  grep -a -q -E 'Tests .* passed' "$out/logs/node.log" && ! grep -a -q -E 'Tests .* failed' "$out/logs/node.log" || note node "$out/logs/node.log"
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
  cmake -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release > "$out/logs/configure.log" 2>&1 || { cat "$out/logs/configure.log"; return 1; }
  cmake --build "$build" --parallel "$(nproc)" --target qt_cuda_counted_library gpu_bench > "$out/logs/build.log" 2>&1 || { grep -i -A5 error "$out/logs/build.log" | head -n 60; return 1; }
  for case in $(echo "${QT_ONLY:-product,attention,lora-0.5b,lora-8b,qlora-8b-q4k,full-1.5b,generation}" | tr , ' '); do
    say "counts: $case"
    QT_CUDA_PRODUCTS=${QT_CUDA_PRODUCTS:-own} QT_CUDA_COUNTS="$out/counts-$case.md" \
      "$build/gpu_bench" "$build/cuda/emulator/libqt_cuda_counted.so" --counted --only "$case" || return 1
    cat "$out/counts-$case.md"
  done
}

# What each training takes of memory by its plan, and the least time that its arithmetic can take.
estimate() {
  say estimate
  cmake -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release > "$out/logs/configure.log" 2>&1 &&
    cmake --build "$build" --parallel "$(nproc)" --target qt_cuda_emulated_library gpu_bench > "$out/logs/build.log" 2>&1 &&
    "$build/gpu_bench" "$build/cuda/emulator/libqt_cuda_emulated.so" --plan ${QT_ONLY:+--only "$QT_ONLY"} > "$out/estimate.md"
  code=$?
  cat "$out/estimate.md"
  return $code
}

[ $# -gt 0 ] || set -- build test sanitize bench peers table node
for part; do
  case $part in
    build) build; [ -e "$library" ] || break ;;
    test) run_tests ;;
    sanitize) sanitize ;;
    bench) bench ;;
    peers) run_peers ;;
    table) table ;;
    node) node_tests ;;
    resources) resources || note resources "$out/resources.txt" ;;
    counts) counts || note counts "$out/logs/build.log" ;;
    estimate) estimate || note estimate "$out/logs/build.log" ;;
    *) echo "there is no part '$part'" >&2; exit 2 ;;
  esac
done
say summary
if [ -n "$failed" ]; then cat "$summary"; echo "failed:$failed; results in $out"; else echo "passed; results in $out" | tee "$summary"; fi
if [ -n "${OUT:-}" ] && [ "$OUT" != "$out" ]; then
  mkdir -p "$OUT"
  for file in ours.jsonl peers.jsonl table.md resources.md summary.txt; do [ ! -f "$out/$file" ] || cp "$out/$file" "$OUT"; done
  tar -C "$out" -czf "$OUT/logs.tar.gz" logs
fi
[ -z "$failed" ]
