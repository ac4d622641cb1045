import { type CollectedStatistics, usageError } from '@qt/core'
import { type Gguf, type MetadataValue, readWholeGguf, writeGguf } from '@qt/weights'
import { splitKeys } from '../build-plan.js'
import { factsOf } from '../mixture/facts.js'
import { prune } from '../prune.js'
import { refuseInputs } from '../refuse-inputs.js'
import { leastInfluential } from './choose.js'
import { type Cut, cutter } from './cut.js'
import { widthsOf } from './widths.js'

export interface PruneModelOptions {
  /** What the model did on a text like that which it will see: `model.statistics.collect(rows)`. */
  readonly statistics: CollectedStatistics
  /** How many layers to leave out. */
  readonly dropLayers?: number | undefined
  /** How many channels of each feed-forward to keep. */
  readonly keepChannels?: number | undefined
  /** How many key and value heads to keep in each layer, each with the query heads that read it. */
  readonly keepKeyHeads?: number | undefined
  /** The same by name: which ones to keep in each layer of the original, in every layer as many. */
  readonly keepHeads?: readonly (readonly number[])[] | undefined
  readonly signal?: AbortSignal | undefined
  readonly onTensor?: ((name: string) => void) | undefined
}

export interface PruneModelResult {
  /** 1 − mean cosine of what enters and what leaves, by layer of the original. */
  readonly influence: readonly number[]
  readonly droppedLayers: readonly number[]
  /** Of each feed-forward; undefined when the layers differ in it. */
  readonly channels?: Change | undefined
  /** Query heads; undefined when the layers differ in them. */
  readonly heads?: Change | undefined
  readonly bytesBefore: number
  readonly bytesAfter: number
}

interface Change {
  readonly before: number
  readonly after: number
}

/**
 * Takes out of a GGUF model what did least on a text: whole layers, channels of the feed-forward, heads. What is left is an ordinary
 * model of the same architecture; train it a little to heal it.
 *
 * @example
 * ```ts
 * import { load } from '@qt/trainer-native'
 *
 * const model = await load('model-f16.gguf')
 * const statistics = await model.statistics.collect(textRows(model.tokenizer.encode(text, { special: true })))
 * await pruneModel('model-f16.gguf', 'smaller-f16.gguf', { statistics, dropLayers: 2, keepChannels: 1280 })
 * ```
 */
export async function pruneModel(input: string, output: string, options: PruneModelOptions): Promise<PruneModelResult> {
  const source = await readWholeGguf(input)
  const { statistics, dropLayers = 0 } = options
  const { architecture, layers } = factsOf(source.metadata)
  if (statistics.cosines.length !== layers || statistics.tokens === 0)
    throw usageError(
      'PRUNE_STATISTICS',
      statistics.tokens === 0
        ? 'The statistics are of no text.'
        : `The statistics are of ${statistics.cosines.length} layers, the model has ${layers}.`,
      { where: { file: input }, actions: ['Collect statistics of this very model, on some text.'] },
    )
  const widths = widthsOf(source.metadata)
  requireCount('dropLayers', dropLayers, 0, layers - 1)
  const channels = cutOf('keepChannels', options.keepChannels, widths.channels, input)
  const heads = headCut(options, layers, widths.heads?.keys, input)
  await refuseInputs(source, [output])

  const gone = leastInfluential(statistics.cosines, dropLayers)
  const left = prune([...source.tensors.values()], source.metadata, gone)
  const tensors = left.tensors.map(cutter(source, input, { statistics, channels, heads, headDim: widths.heads?.dim }))
  const metadata = new Map<string, MetadataValue>([...left.metadata].filter(([key]) => !splitKeys.includes(key)))
  const set = (key: string, value: number) => metadata.set(`${architecture}.${key}`, { type: 'UINT32', value })
  if (channels) set('feed_forward_length', channels.keep)
  if (heads && widths.heads) {
    set('attention.head_count', heads.keep * widths.heads.grouped)
    set('attention.head_count_kv', heads.keep)
    // The width of a head would otherwise follow from their number.
    for (const key of ['attention.key_length', 'attention.value_length'])
      if (!metadata.has(`${architecture}.${key}`)) set(key, widths.heads.plainDim)
    if (!metadata.has(`${architecture}.rope.dimension_count`)) set('rope.dimension_count', widths.heads.dim)
  }
  await writeGguf(output, { metadata, tensors }, { signal: options.signal, onTensor: options.onTensor ?? (() => {}) })
  const grouped = widths.heads?.grouped ?? 1
  return {
    influence: Array.from(statistics.cosines, (cosine) => 1 - cosine),
    droppedLayers: gone,
    channels: change(widths.channels, channels?.keep),
    heads: change(widths.heads && widths.heads.keys * grouped, heads && heads.keep * grouped),
    bytesBefore: bytesOf(source),
    bytesAfter: bytesOf(await readWholeGguf(output)),
  }
}

const change = (before: number | undefined, after: number | undefined): Change | undefined =>
  before === undefined ? undefined : { before, after: after ?? before }

const bytesOf = ({ tensors }: Gguf): number => [...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0)

/** Undefined: everything stays. */
function cutOf(field: string, keep: number | undefined, parts: number | undefined, file: string): Cut | undefined {
  if (keep === undefined) return undefined
  if (parts === undefined)
    throw usageError('PRUNE_UNSUPPORTED', 'The layers of this model differ in width, or do not say it.', {
      where: { file, field },
      actions: ['Leave out whole layers only (dropLayers).'],
    })
  requireCount(field, keep, 1, parts)
  return keep < parts ? { parts, keep } : undefined
}

/** How many heads to keep, or which ones. */
function headCut(
  { keepKeyHeads, keepHeads }: PruneModelOptions,
  layers: number,
  parts: number | undefined,
  file: string,
): Cut | undefined {
  if (keepHeads === undefined) return cutOf('keepKeyHeads', keepKeyHeads, parts, file)
  const refused = (message: string) =>
    usageError('PRUNE_COUNT', message, {
      where: { field: 'keepHeads' },
      actions: ['Name for each layer the key and value heads to keep, in every layer as many: [[0, 2], [1, 2]].'],
    })
  if (keepKeyHeads !== undefined) throw refused('keepKeyHeads and keepHeads are both given.')
  if (keepHeads.length !== layers) throw refused(`keepHeads names heads of ${keepHeads.length} layers; this model has ${layers}.`)
  const keep = keepHeads[0]?.length ?? 0
  const cut = cutOf('keepHeads', keep, parts, file)
  const named = keepHeads.map((list) => [...list].sort((a, b) => a - b))
  for (const [layer, list] of named.entries()) {
    if (list.length !== keep) throw refused(`keepHeads keeps ${keep} heads of layer 0 and ${list.length} of layer ${layer}.`)
    for (const [k, head] of list.entries())
      if (!(Number.isSafeInteger(head) && head >= 0 && head < parts!) || head === list[k - 1])
        throw refused(`keepHeads names head ${head} of layer ${layer} twice, or there is none.`)
  }
  return cut && { ...cut, named }
}

function requireCount(field: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  throw usageError('PRUNE_COUNT', `${field} is ${value}; this model allows ${least} to ${most}.`, {
    where: { field },
    actions: [`Give a whole number from ${least} to ${most}.`],
  })
}
