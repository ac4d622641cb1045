import { usageError } from '@qt/core'
import { decodeBlocks, encodeFloats, readWholeGguf, writeGguf } from '@qt/weights'
import { splitKeys } from '../build-plan.js'
import { refuseInputs } from '../refuse-inputs.js'
import { requireFloats } from './select.js'
import { widthsOf } from './widths.js'

export interface SilenceHeadOptions {
  readonly layer: number
  /** A key and value head, and with it the query heads that read it. */
  readonly head: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes the model with one head that says nothing: the columns that read it are 0, everything keeps its size. For measuring what the
 * model says without it; `pruneModel` takes it out.
 *
 * @example
 * ```ts
 * await silenceHead('model-f16.gguf', 'without-head.gguf', { layer: 0, head: 1 })
 * ```
 */
export async function silenceHead(input: string, output: string, { layer, head, signal }: SilenceHeadOptions): Promise<void> {
  const source = await readWholeGguf(input)
  const { heads } = widthsOf(source.metadata)
  const name = `blk.${layer}.attn_output.weight`
  const matrix = source.tensors.get(name)
  const width = matrix?.shape.at(-1) ?? 0
  if (heads === undefined || matrix === undefined || !(Number.isInteger(head) && head >= 0 && head < heads.keys))
    throw usageError('PRUNE_UNSUPPORTED', `There is no head ${head} of layer ${layer} that could be left out.`, {
      where: { file: input, field: name },
      actions: ['Choose a layer and a head that the model has (qt inspect shows how many).'],
    })
  const float = requireFloats(matrix, input)
  await refuseInputs(source, [output])
  const part = width / heads.keys
  const tensors = [...source.tensors.values()].map(({ name: own, type, shape }) => ({
    name: own,
    type,
    shape,
    async *data() {
      if (own !== name) return yield* source.stream(own)
      const values = decodeBlocks(float, await source.read(own))
      for (let row = 0; row < values.length; row += width) values.fill(0, row + head * part, row + (head + 1) * part)
      yield encodeFloats(float, values)
    },
  }))
  const metadata = new Map([...source.metadata].filter(([key]) => !splitKeys.includes(key)))
  await writeGguf(output, { metadata, tensors }, { signal })
}
