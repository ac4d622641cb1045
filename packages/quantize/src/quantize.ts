import { realpath } from 'node:fs/promises'
import { usageError } from '@qt/core'
import { readGguf } from '@qt/weights'
import { type Binding, binding } from './binding.js'
import { nativeMissing, slowWarning } from './native-missing.js'
import { type PlanOptions, planFor } from './plan.js'
import type { QuantizePlan } from './plan-of-type.js'
import { writeNatively } from './write-native.js'
import type { WriteOptions } from './write-options.js'
import { writeByReference } from './write-reference.js'

export interface QuantizeOptions extends PlanOptions, WriteOptions {
  /** Left out: as many as the process may use. The bytes are the same with any number. */
  readonly threads?: number | undefined
  /** `native` is the C++ side, `reference` the TypeScript. Left out: native where it is installed. */
  readonly engine?: 'native' | 'reference' | undefined
  /** Told once when the slow reference has to do the work. */
  readonly onWarning?: ((message: string) => void) | undefined
}

export interface QuantizeResult extends QuantizePlan {
  readonly output: string
  readonly engine: 'native' | 'reference'
}

/**
 * Quantises a GGUF file: every matrix (embeddings and output too) gets the type, or F16 where its rows do not divide into
 * blocks; norms, biases and metadata stay. The output appears whole or not at all.
 *
 * @example
 * ```ts
 * const { bytesBefore, bytesAfter } = await quantize('model-f16.gguf', 'model-q4_0.gguf', { type: 'Q4_0' })
 * const { type } = await quantize('model-f16.gguf', 'model-small.gguf', { maxBytes: 2e9 })
 * ```
 */
export async function quantize(input: string, output: string, options: QuantizeOptions): Promise<QuantizeResult> {
  const { threads } = options
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1 && threads <= 1024))
    throw usageError('QUANT_THREADS', `The number of threads is ${threads}.`, {
      where: { field: 'threads' },
      actions: ['Use a whole number from 1 to 1024, or leave it out.'],
    })
  await refuseSameFile(input, output)
  const source = await readGguf(input)
  const placed = planFor(source, input, options)
  const native = nativeFor(options)
  if (native) await writeNatively(native, source, output, placed, { ...options, threads })
  else await writeByReference(source, output, placed, options)
  const { layout: _, ...plan } = placed
  return { ...plan, output, engine: native ? 'native' : 'reference' }
}

function nativeFor({ engine, onWarning }: QuantizeOptions): Binding | undefined {
  if (engine === 'reference') return undefined
  const found = binding()
  if (!(found instanceof Error)) return found
  if (engine === 'native') throw nativeMissing(found)
  onWarning?.(slowWarning)
  return undefined
}

async function refuseSameFile(input: string, output: string): Promise<void> {
  const [from, to] = await Promise.all([input, output].map((path) => realpath(path).catch(() => undefined)))
  if (from !== undefined && from === to)
    throw usageError('OUTPUT_IS_INPUT', 'The output would replace the file that is being quantised.', {
      where: { file: output },
      actions: ['Give the output a name of its own: the more precise file cannot be made again from the smaller one.'],
    })
}
