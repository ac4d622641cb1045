import { binding } from './engine/binding.js'
import { nativeEngine } from './engine/native.js'
import { wasmEngine } from './engine/wasm.js'
import { makeSolve, noNative } from './solve.js'

export * from './shared-exports.js'

/**
 * Minimises a model. The result is the best that was found in the time, and `proven` when nothing lower exists.
 *
 * @example
 * ```ts
 * const m = model()
 * const [a, b] = [m.binary('a'), m.binary('b')]
 * m.minimise(a.times(b).times(3).minus(a).minus(b))
 * const { energy } = await solve(m, { solver: 'parallel-tempering', time: 1, seed: 1 }) // -1
 * ```
 */
export const solve = makeSolve(async (wanted) => {
  const native = wanted === 'wasm' ? undefined : nativeEngine()
  if (native) return native
  const missing = binding()
  if (wanted === 'native') throw noNative(missing instanceof Error ? missing.message : '')
  return wasmEngine()
})
