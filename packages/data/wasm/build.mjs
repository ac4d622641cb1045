// Compiles wasm/sign.cpp and writes src/near-duplicates/sign.wasm.ts. usage: node wasm/build.mjs [ZIG]
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileWasm, hashOf } from '../../../tools/wasm/compile.mjs'

const home = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(home, 'wasm/sign.cpp')

/** Of the source and of this file, which has flags of its own. */
export const sourceHash = () => hashOf([source, fileURLToPath(import.meta.url)])

if (process.argv[1] === fileURLToPath(import.meta.url))
  compileWasm({
    source,
    flags: ['-msimd128', '-Wl,--export=__heap_base'],
    out: join(home, 'src/near-duplicates/sign.wasm.ts'),
    name: 'signBinary',
    sourceHash: sourceHash(),
    from: 'wasm/sign.cpp',
  })
