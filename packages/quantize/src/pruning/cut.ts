import { type CollectedStatistics, type TensorInfo, usageError } from '@qt/core'
import { decodeBlocks, type Gguf, type GgufTensor } from '@qt/weights'
import { layerOf } from '../mixture/category.js'
import type { NamedTensor } from '../prune.js'
import { inputScores, strongest } from './choose.js'
import { requireFloats, selectColumns, selectRows } from './select.js'

/** Of `parts` channels or heads that lie one after the other, `keep` stay. */
export interface Cut {
  readonly parts: number
  readonly keep: number
  /** Which ones, by layer of the original; left out: those that add most. */
  readonly named?: readonly (readonly number[])[] | undefined
}

export interface Cuts {
  readonly statistics: CollectedStatistics
  readonly channels: Cut | undefined
  /** Of key and value heads, each with the query heads that read it. */
  readonly heads: Cut | undefined
  readonly headDim: number | undefined
}

/**
 * Makes of each tensor what is left of it. Refuses at once what it cannot cut; which channels and heads stay is found when the first
 * tensor of a layer is written, so that one tensor is in memory at a time.
 */
export function cutter(source: Gguf, file: string, cuts: Cuts): (tensor: NamedTensor) => GgufTensor {
  const found = new Map<string, Promise<number[]>>()
  /** The parts of a matrix's columns that add most to what it computes. */
  async function strongestParts(matrix: TensorInfo, sums: Float32Array, { parts, keep }: Cut): Promise<number[]> {
    const scores = inputScores(decodeBlocks(matrix.type, await source.read(matrix.name)), sums)
    const byPart = new Float64Array(parts)
    for (const [i, score] of scores.entries()) byPart[Math.floor((i * parts) / scores.length)]! += score
    return strongest(byPart, keep)
  }
  /** What decides is the matrix that reads the channels or heads of a layer. */
  function keptBy(name: string, cut: Cut): () => Promise<readonly number[]> {
    const matrix = source.tensors.get(name)
    if (matrix === undefined) throw unsupported(name, file)
    requireFloats(matrix, file)
    const named = cut.named?.[layerOf(name)!]
    if (named) return async () => named
    const sums = cuts.statistics.inputs.get(name)?.sums
    if (sums === undefined || sums.length !== matrix.shape.at(-1))
      throw usageError('PRUNE_STATISTICS', `The statistics say nothing of ${name}.`, {
        where: { file, field: name },
        actions: ['Collect statistics of this very model.'],
      })
    return () => {
      const kept = found.get(name) ?? strongestParts(matrix, sums, cut)
      found.set(name, kept)
      return kept
    }
  }

  function narrow(tensor: NamedTensor, axis: 'rows' | 'columns', cut: Cut, reader: string): GgufTensor {
    const { name, source: original, type, shape } = tensor
    const size = axis === 'rows' ? shape[0]! : shape.at(-1)!
    if (size % cut.parts !== 0) throw unsupported(original, file)
    const width = size / cut.parts
    const kept = keptBy(reader, cut)
    return {
      name,
      type,
      shape: axis === 'rows' ? [cut.keep * width, ...shape.slice(1)] : [...shape.slice(0, -1), cut.keep * width],
      async *data() {
        const indices = (await kept()).flatMap((part) => Array.from({ length: width }, (_, i) => part * width + i))
        const bytes = await source.read(original)
        yield axis === 'rows' ? selectRows(tensor, bytes, indices) : selectColumns(tensor, bytes, indices, file)
      },
    }
  }

  return (tensor) => {
    const { name, source: original, type, shape } = tensor
    const [, layer, part] = /^(blk\.\d+)\.(.+)$/.exec(original) ?? []
    const whole: GgufTensor = { name, type, shape, data: () => source.stream(original) }
    if (layer === undefined || part === undefined) return whole
    const { channels, heads, headDim } = cuts
    if (channels) {
      const axis = /^ffn_(gate|up)\.(weight|bias)$/.test(part) ? 'rows' : part === 'ffn_down.weight' ? 'columns' : undefined
      if (axis) {
        // Where gate and up lie in one matrix it has twice as many rows.
        if ((axis === 'rows' ? shape[0] : shape.at(-1)) !== channels.parts) throw unsupported(original, file)
        return narrow(tensor, axis, channels, `${layer}.ffn_down.weight`)
      }
      // Routers, experts, and what else a feed-forward may have.
      if (part.startsWith('ffn_') && part !== 'ffn_down.bias' && !part.includes('norm')) throw unsupported(original, file)
    }
    if (heads) {
      const axis = /^attn_[qkv]\.(weight|bias)$/.test(part) ? 'rows' : part === 'attn_output.weight' ? 'columns' : undefined
      if (axis) return narrow(tensor, axis, heads, `${layer}.attn_output.weight`)
      const headNorm = /^attn_[qk]_norm\.weight$/.test(part)
      if (headNorm ? shape.at(-1) !== headDim : part.startsWith('attn_') && part !== 'attn_output.bias' && !part.includes('norm'))
        throw unsupported(original, file)
    }
    return whole
  }
}

const unsupported = (name: string, file: string) =>
  usageError(
    'PRUNE_UNSUPPORTED',
    `${name} is not laid out as a matrix of its own, so its heads or channels cannot be taken out.`,
    {
      where: { file, field: name },
      actions: ['Leave out whole layers only (dropLayers).'],
    },
  )
