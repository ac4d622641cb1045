// Compiles wasm/encode.cpp and writes src/wasm/encode.wasm.ts. usage: node wasm/build.mjs [ZIG]
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileWasm, hashOf } from '../../../tools/wasm/compile.mjs'

const home = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(home, 'wasm/encode.cpp')

/** Of the source and of this file, which has flags of its own. */
export const sourceHash = () => hashOf([source, fileURLToPath(import.meta.url)])

if (process.argv[1] === fileURLToPath(import.meta.url))
  compileWasm({
    source,
    flags: ['-Wl,--export=__heap_base'],
    out: join(home, 'src/wasm/encode.wasm.ts'),
    name: 'encodeBinary',
    sourceHash: sourceHash(),
    from: 'wasm/encode.cpp',
  })
