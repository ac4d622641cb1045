import { type CollectedStatistics, type ModelSpec, type Statistics, usageError } from '@qt/core'
import type { ModelDescription } from '@qt/weights'
import type { NativeSession } from '../binding.js'
import { ownCache } from './own-cache.js'
import type { Scheduler } from './scheduler.js'

interface Options {
  readonly description: ModelDescription
  readonly session: NativeSession
  readonly scheduler: Scheduler
  readonly adapters: number
  readonly exact: boolean
  readonly contextLength: number
}

/** Tokens that the engine takes at once. */
const chunk = 512

/** Sums of squares of what every matrix is given, float32 throughout unless the model was loaded for less; sums are double. */
export function statistics({ description, session, scheduler, adapters, exact, contextLength }: Options): Statistics {
  const withCache = ownCache(session, scheduler)
  async function read(ids: ArrayLike<number>, total: Float64Array, output: boolean, signal?: AbortSignal): Promise<void> {
    if (ids.length > contextLength)
      throw usageError('PROMPT_TOO_LONG', `A row has ${ids.length} tokens, the context holds ${contextLength}.`, {
        actions: ['Cut the text into shorter rows.'],
      })
    await withCache(async (cache) => {
      for (let first = 0; first < ids.length; first += chunk) {
        const part = Int32Array.from({ length: Math.min(chunk, ids.length - first) }, (_, i) => ids[first + i]!)
        const sums = await scheduler.alone(
          { cache, tokens: part.length },
          () => session.collect(cache, adapters, part, output, exact),
          signal,
        )
        for (let i = 0; i < total.length; i++) total[i]! += sums[i]!
      }
    })
  }
  return {
    async collect(rows, { output = false, signal, onProgress } = {}) {
      const { spec } = description
      const total = new Float64Array(spec.layers * (sizeOfLayer(spec) + 1) + (output ? spec.dModel : 0))
      let [count, tokens] = [0, 0]
      for await (const ids of rows) {
        signal?.throwIfAborted()
        if (ids.length === 0) continue
        await read(ids, total, output, signal)
        count++
        tokens += ids.length
        onProgress?.({ rows: count, tokens })
      }
      return named(description, total, count, tokens, output)
    },
  }
}

/** The widths of a layer's four inputs, and the projections that they go into, as native/src/generate/statistics.hpp has them. */
const inputs = ({ dModel, heads, headDim, ffn }: ModelSpec) =>
  [
    [dModel, ['attn_q', 'attn_k', 'attn_v']],
    [heads * headDim, ['attn_output']],
    [dModel, ['ffn_gate', 'ffn_up']],
    [ffn, ['ffn_down']],
  ] as const
const sizeOfLayer = (spec: ModelSpec): number => inputs(spec).reduce((sum, [width]) => sum + width, 0)

/** Under the names of tensors in files, where q, k and v may lie in one. */
function named(
  { spec, architecture }: ModelDescription,
  total: Float64Array,
  rows: number,
  tokens: number,
  output: boolean,
): CollectedStatistics {
  const found = new Map<string, { sums: Float32Array; counts: Float32Array }>()
  const cosines = new Float64Array(spec.layers)
  const entry = (from: number, width: number) => ({
    sums: Float32Array.from(total.subarray(from, from + width)),
    counts: Float32Array.of(tokens),
  })
  let at = 0
  for (let layer = 0; layer < spec.layers; layer++) {
    for (const [width, projections] of inputs(spec)) {
      for (const { name, parts } of architecture.blockTensors) {
        const own = (parts ?? [{ name }]).map((part) => part.name)
        if (projections.some((projection) => own.includes(`${projection}.weight`)))
          found.set(`blk.${layer}.${name}`, entry(at, width))
      }
      at += width
    }
    cosines[layer] = tokens === 0 ? 1 : total[at]! / tokens
    at++
  }
  if (output && !spec.tiedEmbeddings) found.set('output.weight', entry(at, spec.dModel))
  return { inputs: found, cosines, rows, tokens }
}
