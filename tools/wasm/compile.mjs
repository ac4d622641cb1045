// Compiles C++ to WebAssembly and writes it as a TypeScript file that holds the bytes, so that no file has to be found at run time.
// Needs zig (https://ziglang.org, `pip install ziglang`), a C++ compiler with a linker for WebAssembly in one program.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const target = ['-target', 'wasm32-freestanding', '-O3', '-std=c++20', '-mbulk-memory']
const plain = ['-fno-exceptions', '-fno-rtti', '-fno-stack-protector', '-fno-sanitize=all', '-Wall', '-Wextra']
const link = ['-nostdlib', '-Wl,--no-entry', '-Wl,--strip-all', '-Wl,-z,stack-size=65536']

/** Of what a binary is made of, this file's flags too, but not of the compiler; tests compare it with what was written. */
export const hashOf = (files) =>
  [fileURLToPath(import.meta.url), ...files]
    .reduce((hash, file) => hash.update(readFileSync(file)), createHash('sha256'))
    .digest('hex')

/** The program is ZIG, the first argument of the command line, or `zig`. */
export function compileWasm({ source, flags, out, name, sourceHash, from }) {
  const folder = mkdtempSync(join(tmpdir(), 'qt-wasm-'))
  try {
    const binary = join(folder, 'out.wasm')
    execFileSync(process.argv[2] ?? 'zig', ['c++', ...target, ...plain, ...flags, ...link, source, '-o', binary], {
      stdio: 'inherit',
    })
    const bytes = readFileSync(binary)
    writeFileSync(
      out,
      `// Written by wasm/build.mjs from ${from}; do not edit.\nexport const sourceHash = '${sourceHash}'\nexport const ${name} =\n  '${bytes.toString('base64')}'\n`,
    )
    console.log(`${bytes.length} bytes`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
