import { type QuantMethod, type TensorType, tensorTypes, usageError } from '@qt/core'
import { refuseNonFinite } from './finite.js'

/** An encoding that is no GGUF type: it has no id in files, so only the code that knows it can read it. */
export type QuantFormat = Omit<QuantMethod, 'type'>

export interface QuantMethodOptions extends QuantFormat {
  /** The GGUF type whose blocks are written: every program then reads the result. */
  readonly type?: TensorType
}

/**
 * Makes a quantisation method of an encoder and a decoder, checked once here: sizes against the GGUF type, and at every
 * call the lengths and that all values are finite, so that neither function has to.
 *
 * @example
 * ```ts
 * const signs = defineQuantMethod({
 *   name: 'SIGNS',
 *   blockSize: 8,
 *   blockBytes: 1,
 *   encode: (values, out) => values.forEach((value, i) => { if (value < 0) out[i >> 3]! |= 1 << (i & 7) }),
 *   decode: (blocks, out) => out.forEach((_, i) => { out[i] = (blocks[i >> 3]! >> (i & 7)) & 1 ? -1 : 1 }),
 * })
 * ```
 */
export function defineQuantMethod(options: QuantMethodOptions & { readonly type: TensorType }): QuantMethod
export function defineQuantMethod(options: QuantMethodOptions): QuantFormat
export function defineQuantMethod(options: QuantMethodOptions): QuantFormat & { readonly type?: TensorType } {
  const { name, type, blockSize, blockBytes } = options
  validate(options)
  const blocksOf = (length: number, size: number, what: string): number => {
    if (length % size === 0) return length / size
    throw usageError('QUANT_LENGTH', `${length} ${what} are not whole blocks of ${name}, which have ${size}.`, {
      where: { field: what },
      actions: [`Pass a multiple of ${size} ${what}.`],
    })
  }
  const requireLength = (length: number, needed: number, what: string) => {
    if (length === needed) return
    throw usageError('QUANT_LENGTH', `The output of ${name} has ${length} ${what} where ${needed} are needed.`, {
      where: { field: 'out' },
      actions: [`Allocate ${needed} ${what}.`],
    })
  }
  return {
    name,
    ...(type === undefined ? {} : { type }),
    blockSize,
    blockBytes,
    encode(values, out, importance) {
      requireLength(out.length, blocksOf(values.length, blockSize, 'values') * blockBytes, 'bytes')
      if (importance) requireImportance(importance, values.length)
      refuseNonFinite(values)
      options.encode(values, out.fill(0), importance)
    },
    decode(blocks, out) {
      requireLength(out.length, blocksOf(blocks.length, blockBytes, 'bytes') * blockSize, 'values')
      options.decode(blocks, out)
    },
  }
}

function requireImportance(importance: Float32Array, length: number): void {
  if (importance.length === length && importance.every((weight) => Number.isFinite(weight) && weight >= 0)) return
  throw usageError('QUANT_IMPORTANCE', `The importance needs ${length} finite weights of 0 or more, one a value.`, {
    where: { field: 'importance' },
    actions: ['Use the importance matrix of this very model.'],
  })
}

function validate({ name, type, blockSize, blockBytes, encode, decode }: QuantMethodOptions): void {
  const refuse = (field: string, message: string, action: string) =>
    usageError('QUANT_METHOD_INVALID', message, { where: { field }, actions: [action] })
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name))
    throw refuse('name', `"${name}" is no name for a method.`, 'Use letters, digits and underscores, such as Q3_X.')
  for (const [field, value] of Object.entries({ blockSize, blockBytes }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw refuse(field, `The ${field} of ${name} is ${value}.`, 'Use a positive whole number.')
  for (const [field, value] of Object.entries({ encode, decode }))
    if (typeof value !== 'function') throw refuse(field, `${name} has no function ${field}.`, `Define ${field}.`)
  if (type === undefined) return
  const expected = tensorTypes[type]
  if (expected === undefined)
    throw refuse('type', `There is no GGUF type ${type}.`, 'Leave out type, or name one of tensorTypes.')
  if (expected.blockSize !== blockSize || expected.blockBytes !== blockBytes)
    throw refuse(
      'type',
      `Blocks of ${type} have ${expected.blockSize} values in ${expected.blockBytes} bytes, those of ${name} ${blockSize} in ${blockBytes}.`,
      `Write blocks of ${type}, or leave out type to define a format of its own.`,
    )
}
