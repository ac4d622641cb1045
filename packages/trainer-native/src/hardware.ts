import { binding } from './binding.js'

export interface Hardware {
  /** Instruction sets with kernels that this processor runs and that passed their self-test, the best first. */
  readonly kernels: readonly string[]
  /** Threads that affinity and cgroup allow. */
  readonly threads: number
}

/**
 * What the engine finds on this machine; throws when its native part cannot be loaded.
 *
 * @example
 * ```ts
 * hardware() // { kernels: ['amx', 'avx512bf16', 'avx512', 'avx2', 'baseline'], threads: 8 }
 * ```
 */
export function hardware(): Hardware {
  const { availableKernels, availableProcessors } = binding()
  return { kernels: availableKernels(), threads: availableProcessors() }
}
