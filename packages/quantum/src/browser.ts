import { wasmEngine } from './engine/wasm.js'
import { makeSolve, noNative } from './solve.js'

export * from './shared-exports.js'

/** As in Node, with the kernels in WebAssembly. */
export const solve = makeSolve(async (wanted) => {
  if (wanted === 'native') throw noNative('a browser loads no addon')
  return wasmEngine()
})
