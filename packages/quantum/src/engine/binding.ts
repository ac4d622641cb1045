import { nativePlatform } from '@qt/core'
import type { IntegerProblem } from './integer-problem.js'

/*
 * What the C++ side offers, declared once. It moves states; what to do with them is decided in TypeScript.
 * binding.test.ts holds these declarations against the binary.
 */

/** A problem inside the addon. */
export type NativeProblem = { readonly native: 'problem' }
/** States inside the addon. */
export type NativeSampler = { readonly native: 'sampler' }

export interface Binding {
  availableKernels(): string[]
  availableProcessors(): number
  createProblem(problem: IntegerProblem): NativeProblem
  createSampler(problem: NativeProblem, kind: number, seed: number, stream: number, kernels?: string): NativeSampler
  run(sampler: NativeSampler, parameters: Float32Array): Promise<void>
  temper(sampler: NativeSampler, betas: Float32Array, sweeps: number, clusterEvery: number): Promise<void>
  width(sampler: NativeSampler): number
  read(sampler: NativeSampler, lane: number, into: Uint8Array): void
  write(sampler: NativeSampler, lane: number, from: Uint8Array): void
  energy(sampler: NativeSampler, lane: number): number
  bestEnergy(sampler: NativeSampler): number
  readBest(sampler: NativeSampler, into: Uint8Array): number
  forget(sampler: NativeSampler): void
}

let loaded: Binding | Error | undefined

/** The addon (a platform package when one is installed, else what was built in the repository), or why there is none. */
export function binding(): Binding | Error {
  loaded ??= load()
  return loaded
}

function load(): Binding | Error {
  // Asked for, not imported: what stands on this file is bundled for browsers, too.
  const node = globalThis.process?.getBuiltinModule?.('node:module')
  if (node === undefined) return new Error('addons are for Node')
  const require = node.createRequire(import.meta.url)
  const platform = `@qt/quantum-${nativePlatform()}`
  const built = new URL(
    import.meta.url.includes('/src/') ? '../../build/Release/qt_quantum.node' : '../build/Release/qt_quantum.node',
    import.meta.url,
  )
  const failures: string[] = []
  for (const place of [platform, process.getBuiltinModule('node:url').fileURLToPath(built)])
    try {
      const addon: Binding = require(place)
      return addon
    } catch (error) {
      failures.push(error instanceof Error ? error.message.split('\n')[0]! : String(error))
    }
  return new Error(failures.join('; '))
}

/** Kernels forced by QT_KERNELS, for tests and comparisons; undefined takes the best. */
export const forcedKernels = (): string | undefined => process.env.QT_KERNELS || undefined
