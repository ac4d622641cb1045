import { binding } from './binding.js'
import { nativeMissing } from './native-missing.js'

/** What the native part finds on this machine. */
export interface NativeHardware {
  /** Instruction sets whose encoders run here and agree with the reference, best first. */
  readonly kernels: readonly string[]
  /** Threads taken when none are named. */
  readonly threads: number
}

/**
 * Loads the native part and says what it finds; throws `QUANT_NATIVE_MISSING` when there is none.
 *
 * @example
 * ```ts
 * hardware().kernels // ['avx2', 'baseline']
 * ```
 */
export function hardware(): NativeHardware {
  const native = binding()
  if (native instanceof Error) throw nativeMissing(native)
  return { kernels: native.availableKernels(), threads: native.availableProcessors() }
}
