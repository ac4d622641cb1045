import { binding, forcedKernels } from './binding.js'
import { type Engine, samplerKinds } from './engine.js'

/** The kernels in C++, on threads of their own; undefined where the addon is not. */
export function nativeEngine(): Engine | undefined {
  const addon = binding()
  if (addon instanceof Error) return undefined
  const kernels = forcedKernels()
  return {
    name: kernels ?? addon.availableKernels()[0] ?? 'baseline',
    threads: addon.availableProcessors(),
    load(problem) {
      const handle = addon.createProblem(problem)
      return {
        sampler(kind, seed, stream) {
          const state = addon.createSampler(handle, samplerKinds[kind], seed, stream, kernels)
          return {
            width: addon.width(state),
            run: (parameters) => addon.run(state, parameters),
            temper: (betas, sweeps, clusterEvery) => addon.temper(state, betas, sweeps, clusterEvery),
            read: (lane, into) => addon.read(state, lane, into),
            write: (lane, from) => addon.write(state, lane, from),
            energy: (lane) => addon.energy(state, lane),
            bestEnergy: () => addon.bestEnergy(state),
            readBest: (into) => addon.readBest(state, into),
            forget: () => addon.forget(state),
            // The collector does it.
            release: () => {},
          }
        },
      }
    },
  }
}
