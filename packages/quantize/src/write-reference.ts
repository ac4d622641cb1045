import { QtError, rowBytes } from '@qt/core'
import { decodeBlocks, type Gguf, type GgufTensor, writeGguf } from '@qt/weights'
import { inTensor } from './fault.js'
import { metadataOf, type QuantizedTensor, type QuantizePlan } from './plan-of-type.js'
import { quantizeTensor } from './quantize-tensor.js'
import { wholeRows } from './whole-rows.js'
import type { WriteOptions } from './write-options.js'

/** Quantises in TypeScript, one piece after the other. */
export async function writeByReference(source: Gguf, output: string, plan: QuantizePlan, options: WriteOptions): Promise<void> {
  const byName = new Map(plan.tensors.map((tensor) => [tensor.name, tensor]))
  await writeGguf(
    output,
    {
      metadata: metadataOf(source, plan.type),
      tensors: plan.tensors.map((tensor) => encoded(source, tensor, options.signal)),
    },
    { onTensor: (name) => options.onTensor?.(byName.get(name)!), signal: options.signal },
  )
}

function encoded(source: Gguf, { name, from, to }: QuantizedTensor, signal: AbortSignal | undefined): GgufTensor {
  const { shape } = source.tensors.get(name)!
  if (from === to) return { name, type: to, shape, data: () => source.stream(name) }
  const columns = shape.at(-1)!
  return {
    name,
    type: to,
    shape,
    async *data() {
      let start = 0
      for await (const rows of wholeRows(source.stream(name), rowBytes(from, columns)!)) {
        signal?.throwIfAborted()
        const values = decodeBlocks(from, rows)
        try {
          yield quantizeTensor(values, columns, to)
        } catch (cause) {
          throw QtError.isInstance(cause) ? inTensor(cause, name, source.name, start) : cause
        }
        start += values.length
      }
    },
  }
}
