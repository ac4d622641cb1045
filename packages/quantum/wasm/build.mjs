// Compiles native/src/wasm.cpp and writes src/engine/kernels.wasm.ts, which holds the bytes so that no file has to be found at run time.
// Needs zig (https://ziglang.org, `pip install ziglang`), a C++ compiler with a linker for WebAssembly in one program.
// usage: node wasm/build.mjs [ZIG]
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const home = dirname(dirname(fileURLToPath(import.meta.url)))

/** Of everything that the binary is made of; a test compares it with what was written. */
export function sourceHash() {
  const native = join(home, 'native/src')
  const impl = join(native, 'kernels/impl')
  const files = [
    join(native, 'problem.hpp'),
    join(native, 'kernels.hpp'),
    join(native, 'wasm.cpp'),
    ...readdirSync(impl)
      .sort()
      .map((name) => join(impl, name)),
  ]
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest('hex')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const zig = process.argv[2] ?? 'zig'
  const folder = mkdtempSync(join(tmpdir(), 'qt-wasm-'))
  try {
    const out = join(folder, 'kernels.wasm')
    const flags = [
      '-target',
      'wasm32-freestanding',
      '-O3',
      '-std=c++20',
      '-msimd128',
      '-mbulk-memory',
      '-ffp-contract=off',
      '-fno-exceptions',
      '-fno-rtti',
      '-fno-stack-protector',
      '-fno-sanitize=all',
      '-isystem',
      join(home, 'wasm/include'),
    ]
    const link = ['-nostdlib', '-Wl,--no-entry', '-Wl,--strip-all', '-Wl,-z,stack-size=65536']
    execFileSync(zig, ['c++', ...flags, ...link, join(home, 'native/src/wasm.cpp'), '-o', out], { stdio: 'inherit' })
    const bytes = readFileSync(out)
    const text = `// Written by wasm/build.mjs from native/src; do not edit.\nexport const sourceHash = '${sourceHash()}'\nexport const kernels =\n  '${bytes.toString('base64')}'\n`
    writeFileSync(join(home, 'src/engine/kernels.wasm.ts'), text)
    console.log(`${bytes.length} bytes`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
