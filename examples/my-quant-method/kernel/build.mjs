// Compiles kernel.c and writes src/kernel.ts, which holds the bytes. Needs zig (`pip install ziglang`), a C compiler that makes WebAssembly.
// usage: node kernel/build.mjs [ZIG]
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'qt-kernel-'))
try {
  const out = join(folder, 'kernel.wasm')
  const flags = ['-target', 'wasm32-freestanding', '-O3', '-msimd128', '-ffp-contract=off', '-fno-sanitize=all', '-nostdlib']
  const link = ['-Wl,--no-entry', '-Wl,--strip-all', '-Wl,-z,stack-size=16384']
  const source = fileURLToPath(new URL('kernel.c', import.meta.url))
  execFileSync(process.argv[2] ?? 'zig', ['cc', ...flags, ...link, source, '-o', out], { stdio: 'inherit' })
  const text = `// Written by kernel/build.mjs from kernel/kernel.c; do not edit.\nexport const kernel =\n  '${readFileSync(out).toString('base64')}'\n`
  writeFileSync(new URL('../src/kernel.ts', import.meta.url), text)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
