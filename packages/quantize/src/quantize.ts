import { usageError } from '@qt/core'
import { type Gguf, ownFormat, readWholeGguf } from '@qt/weights'
import { type Binding, binding } from './binding.js'
import type { QuantizePlan } from './build-plan.js'
import { nativeMissing, slowWarning } from './native-missing.js'
import { planFor } from './plan.js'
import type { PlanOptions } from './plan-options.js'
import { refuseInputs } from './refuse-inputs.js'
import { writeNatively } from './write-native.js'
import type { WriteOptions } from './write-options.js'
import { writeByReference } from './write-reference.js'

export interface QuantizeOptions extends PlanOptions, WriteOptions {
  /** Left out: as many as the process may use. The bytes are the same with any number. */
  readonly threads?: number | undefined
  /** `native` is the C++ side, `reference` the TypeScript. Left out: native where it is installed. */
  readonly engine?: 'native' | 'reference' | undefined
  /** Wait until the disk has the file before it gets its name, so that a power failure cannot leave half of it. True by default. */
  readonly sync?: boolean | undefined
  /** Told once when the slow reference has to do the work. */
  readonly onWarning?: ((message: string) => void) | undefined
}

export interface QuantizeResult extends QuantizePlan {
  readonly output: string
  /** More than one when a split model stays split. */
  readonly outputs: readonly string[]
  readonly engine: 'native' | 'reference'
}

/**
 * Quantises a GGUF file as llama.cpp does: every matrix gets the type that the file type's mixture has for it, or a stand-in where
 * its rows do not divide into blocks; norms, biases and metadata stay. The output appears whole or not at all.
 *
 * @example
 * ```ts
 * const { bytesBefore, bytesAfter } = await quantize('model-f16.gguf', 'model-q4_k_m.gguf', { type: 'Q4_K_M' })
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
  const source = await readWholeGguf(input)
  const { files, ...plan } = planFor(source, input, withMethod(options))
  const native = nativeFor(source, options)
  const outputs = outputsOf(output, files.length)
  await refuseInputs(source, outputs)
  for (const [i, file] of files.entries())
    if (native) await writeNatively(native, source, outputs[i]!, file, options)
    else await writeByReference(source, outputs[i]!, file, options)
  return { ...plan, output: outputs[0]!, outputs, engine: native ? 'native' : 'reference' }
}

/** Parts have the names that llama.cpp gives them and asks for. */
function outputsOf(output: string, count: number): string[] {
  if (count === 1) return [output]
  const number = (i: number) => String(i).padStart(5, '0')
  const stem = output.replace(/\.gguf$/, '')
  return Array.from({ length: count }, (_, i) => `${stem}-${number(i + 1)}-of-${number(count)}.gguf`)
}

/** A method of one's own without a file type: every matrix gets the method's type. */
const withMethod = (options: QuantizeOptions): QuantizeOptions =>
  options.method?.type !== undefined && options.type === undefined && options.types === undefined
    ? { ...options, type: options.method.type, pure: true }
    : options

function nativeFor({ metadata }: Gguf, { engine, method, onWarning }: QuantizeOptions): Binding | undefined {
  if (engine === 'reference' || method || ownFormat(metadata)) return undefined
  const found = binding()
  if (!(found instanceof Error)) return found
  if (engine === 'native') throw nativeMissing(found)
  onWarning?.(slowWarning())
  return undefined
}
