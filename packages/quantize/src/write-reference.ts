import { QtError } from '@qt/core'
import { decodeBlocks, type Gguf, type GgufTensor, ownFormat, storedRowBytes, writeGguf } from '@qt/weights'
import type { PlannedFile, PlannedTensor } from './build-plan.js'
import { inTensor } from './fault.js'
import { decodeOwn, encodeOwn } from './own-blocks.js'
import { quantizeTensor } from './quantize-tensor.js'
import { wholeRows } from './whole-rows.js'
import type { WriteOptions } from './write-options.js'

/** Quantises in TypeScript, one piece after the other. */
export async function writeByReference(source: Gguf, output: string, file: PlannedFile, options: WriteOptions): Promise<void> {
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]))
  await writeGguf(
    output,
    {
      metadata: file.metadata,
      tensors: file.tensors.map((tensor) => encoded(source, tensor, options)),
    },
    { onTensor: (name) => options.onTensor?.(byName.get(name)!), signal: options.signal },
  )
}

function encoded(source: Gguf, tensor: PlannedTensor, { signal, method }: WriteOptions): GgufTensor {
  const { name, from, to } = tensor
  const { shape, source: original } = tensor.source
  if (from === to) return { name, type: to, shape, data: () => source.stream(original) }
  const columns = shape.at(-1)!
  const own = method?.type === to ? method : undefined
  return {
    name,
    type: to,
    shape,
    async *data() {
      let start = 0
      for await (const rows of wholeRows(source.stream(original), storedRowBytes(from, columns, ownFormat(source.metadata))!)) {
        const values = from === 'OWN' && method ? decodeOwn(method, rows) : decodeBlocks(from, rows)
        // With importance row by row: each matrix has its own.
        const step = tensor.importance ? columns : values.length
        for (let at = 0; at < values.length; at += step) {
          signal?.throwIfAborted()
          try {
            const [part, weights] = [values.subarray(at, at + step), weightsOf(tensor, start + at)]
            yield to === 'OWN' && method
              ? encodeOwn(method, part, columns, weights)
              : quantizeTensor(part, columns, to, weights, own)
          } catch (cause) {
            throw QtError.isInstance(cause) ? inTensor(cause, name, source.name, start + at) : cause
          }
        }
        start += values.length
      }
    },
  }
}

/** The importance of the matrix that a value lies in. */
function weightsOf({ importance, source: { shape } }: PlannedTensor, value: number): Float32Array | undefined {
  if (!importance) return undefined
  const columns = shape.at(-1)!
  const matrix = Math.floor(value / (columns * (shape.at(-2) ?? 1)))
  return importance.subarray(matrix * columns, (matrix + 1) * columns)
}
