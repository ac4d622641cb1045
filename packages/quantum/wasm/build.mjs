// Compiles native/src/wasm.cpp and writes src/engine/kernels.wasm.ts. usage: node wasm/build.mjs [ZIG]
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileWasm, hashOf } from '../../../tools/wasm/compile.mjs'

const home = dirname(dirname(fileURLToPath(import.meta.url)))
const native = join(home, 'native/src')
const source = join(native, 'wasm.cpp')

/** Of everything that the binary is made of, the flags too; a test compares it with what was written. */
export function sourceHash() {
  const impl = join(native, 'kernels/impl')
  const kernels = readdirSync(impl)
    .sort()
    .map((name) => join(impl, name))
  return hashOf([fileURLToPath(import.meta.url), join(native, 'problem.hpp'), join(native, 'kernels.hpp'), source, ...kernels])
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  compileWasm({
    source,
    flags: ['-msimd128', '-ffp-contract=off', '-isystem', join(home, 'wasm/include')],
    out: join(home, 'src/engine/kernels.wasm.ts'),
    name: 'kernels',
    sourceHash: sourceHash(),
    from: 'native/src',
  })
