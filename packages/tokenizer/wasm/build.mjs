// Compiles wasm/encode.cpp and writes src/wasm/encode.wasm.ts, which holds the bytes so that no file has to be found at run time.
// Needs zig (https://ziglang.org, `pip install ziglang`), a C++ compiler with a linker for WebAssembly in one program.
// usage: node wasm/build.mjs [ZIG]
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const home = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(home, 'wasm/encode.cpp')

/** Of the source and of this file, which has the flags, but not of the compiler; a test compares it with what was written. */
export const sourceHash = () =>
  [source, fileURLToPath(import.meta.url)]
    .reduce((hash, file) => hash.update(readFileSync(file)), createHash('sha256'))
    .digest('hex')

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = mkdtempSync(join(tmpdir(), 'qt-wasm-'))
  try {
    const out = join(folder, 'encode.wasm')
    const target = ['-target', 'wasm32-freestanding', '-O3', '-std=c++20', '-mbulk-memory']
    const flags = ['-fno-exceptions', '-fno-rtti', '-fno-stack-protector', '-fno-sanitize=all', '-Wall', '-Wextra']
    const link = ['-nostdlib', '-Wl,--no-entry', '-Wl,--strip-all', '-Wl,--export=__heap_base', '-Wl,-z,stack-size=65536']
    execFileSync(process.argv[2] ?? 'zig', ['c++', ...target, ...flags, ...link, source, '-o', out], { stdio: 'inherit' })
    const bytes = readFileSync(out)
    const text = `// Written by wasm/build.mjs from wasm/encode.cpp; do not edit.\nexport const sourceHash = '${sourceHash()}'\nexport const encodeBinary =\n  '${bytes.toString('base64')}'\n`
    writeFileSync(join(home, 'src/wasm/encode.wasm.ts'), text)
    console.log(`${bytes.length} bytes`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
