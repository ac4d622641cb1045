import { usageError } from '@qt/core'
import { type Gguf, type OwnFormat, ownFormat } from '@qt/weights'
import type { QuantFormat } from './method.js'
import { isQuantised } from './mixture/quantised.js'
import type { NamedTensor } from './prune.js'

/** The tensors that a format of one's own takes: matrices whose rows divide into its blocks. */
export const takenBy = ({ blockSize }: OwnFormat, tensor: NamedTensor): boolean =>
  isQuantised(tensor) && tensor.shape.at(-1)! % blockSize === 0

export function encodeOwn(method: QuantFormat, values: Float32Array, columns: number, importance?: Float32Array): Uint8Array {
  const { blockSize, blockBytes } = method
  const out = new Uint8Array((values.length / blockSize) * blockBytes)
  const row = (columns / blockSize) * blockBytes
  if (importance === undefined) method.encode(values, out)
  else
    for (let i = 0; i < values.length / columns; i++)
      method.encode(values.subarray(i * columns, (i + 1) * columns), out.subarray(i * row, (i + 1) * row), importance)
  return out
}

export function decodeOwn(method: QuantFormat, blocks: Uint8Array): Float32Array {
  const out = new Float32Array((blocks.length / method.blockBytes) * method.blockSize)
  method.decode(blocks, out)
  return out
}

/** Only the method that wrote a format can read it. */
export function requireFormat(source: Gguf, file: string, method: QuantFormat | undefined): void {
  const format = ownFormat(source.metadata)
  const same = (key: keyof OwnFormat) => format !== undefined && method?.[key] === format[key]
  if (format === undefined || (same('name') && same('blockSize') && same('blockBytes'))) return
  throw usageError(
    'TYPE_UNSUPPORTED',
    `The tensors of this file have the format ${format.name} (${format.blockSize} values in ${format.blockBytes} bytes), which only its own method reads.`,
    { where: { file, field: format.name }, actions: ['Give that method: method, or --method on the command line.'] },
  )
}
