import { expect, test } from 'vitest'
import { type Binding, binding } from '../src/engine/binding.js'
import { sourceHash } from '../src/engine/kernels.wasm.js'
import { sourceHash as hashOfSources } from '../wasm/build.mjs'

const addon = binding()
if (addon instanceof Error) console.log('skipped: the addon is not built (npm run build:native)')

const declared: Record<keyof Binding, 'function'> = {
  availableKernels: 'function',
  availableProcessors: 'function',
  createProblem: 'function',
  createSampler: 'function',
  run: 'function',
  temper: 'function',
  width: 'function',
  read: 'function',
  write: 'function',
  energy: 'function',
  bestEnergy: 'function',
  readBest: 'function',
  forget: 'function',
}

test.skipIf(addon instanceof Error)('the addon offers what is declared, and nothing else', () => {
  expect(Object.fromEntries(Object.entries(addon).map(([name, value]) => [name, typeof value]))).toEqual(declared)
})

test('the WebAssembly binary was made from the sources that are here', () => {
  expect(sourceHash).toBe(hashOfSources())
})
