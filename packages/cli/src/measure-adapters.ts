import { join } from 'node:path'
import {
  ignoreLabel,
  type PackedRow,
  parseConfig,
  type RowSource,
  type TrainingConfig,
  type TrainingConfigInput,
  usageError,
} from '@qt/core'
import type { Interval, Statistics } from '@qt/eval'
import type { AdapterSite } from '@qt/quantum/decisions'
import type { EngineOptions } from './engine-flags.js'
import { need } from './need.js'
import { numbers } from './print/units.js'
import { comparable, verdictOf, withModel } from './variants.js'

type AdapterConfig = NonNullable<TrainingConfig['adapter']>

export interface AdapterMeasuring {
  readonly base: string
  readonly data: string
  readonly sequenceLength?: number | undefined
  readonly learningRate?: number | undefined
  readonly seed?: number | undefined
  readonly engine: EngineOptions
  /** For what is trained for a moment. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly onProgress: (text: string) => void
}

/** One way to place adapters: ranks by path. */
export interface PlacementWay {
  readonly name: string
  readonly ranks: ReadonlyMap<string, number>
}

/** What a placement came to after some steps of training, on rows that nothing was decided by or trained on. */
export interface JudgedPlacement {
  readonly way: string
  readonly parameters: number
  readonly loss: Interval
  /** Loss of what was taken less that of this one, row by row. */
  readonly takenLessThis?: Interval
  readonly verdict?: string
}

/** What a rank adds to is scaled alike whatever the rank: alpha is twice the rank, as of the usual adapter. */
const scale = 2
/** The share of the data that placements are judged on. */
const heldOut = 0.2

/** What was said of the training, and nothing else. */
function saidOf({ base, data, sequenceLength, learningRate, seed, engine }: AdapterMeasuring): TrainingConfigInput {
  const training = {
    ...(sequenceLength !== undefined && { sequenceLength }),
    ...(learningRate !== undefined && { learningRate }),
    ...(seed !== undefined && { seed }),
  }
  return {
    ...{ base, data: { path: data } },
    ...(Object.keys(training).length > 0 && { training }),
    ...engine,
  }
}

async function configOf(given: AdapterMeasuring): Promise<TrainingConfig> {
  const { shardsAt } = await need('@qt/data', () => import('@qt/data'))
  // Of shards it was decided when they were prepared.
  const validation = (await shardsAt(given.data)) ? undefined : heldOut
  return parseConfig({ ...saidOf(given), data: { path: given.data, validation }, output: given.folder })
}

/** The gradient of every matrix on the rows to train on, as what directions of it can gain. */
export async function measureSites(given: AdapterMeasuring, rank: number): Promise<AdapterSite[]> {
  const { adapterGradients } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  given.onProgress('measuring the gradients of all matrices')
  const measured = await adapterGradients(
    { ...(await configOf(given)), adapter: { rank, alpha: scale * rank } },
    { signal: given.signal },
  )
  return measured.map(({ path, inputs, outputs, gains }) => ({ name: path, inputs, outputs, gains }))
}

/** The adapter of a placement, as a configuration has it: matrices that are left out stay as they are. */
function adapterOf(sites: readonly AdapterSite[], ranks: ReadonlyMap<string, number>): AdapterConfig {
  const rankOf = ({ name }: AdapterSite) => ranks.get(name) ?? 1
  const frozen = sites.flatMap(({ name }) => (ranks.has(name) ? [] : [name]))
  return {
    rankPattern: Object.fromEntries(sites.map((site) => [site.name, rankOf(site)])),
    alphaPattern: Object.fromEntries(sites.map((site) => [site.name, scale * rankOf(site)])),
    ...(frozen.length > 0 ? { frozen } : {}),
  }
}

/** What `qt train --config` takes: the training as it was measured, and the adapter. */
export function configurationOf(
  given: AdapterMeasuring,
  sites: readonly AdapterSite[],
  ranks: ReadonlyMap<string, number>,
): TrainingConfigInput {
  return { ...saidOf(given), adapter: adapterOf(sites, ranks) }
}

/** The largest rank that all matrices can have alike; none where not even 1 fits. */
export function equalRanks(sites: readonly AdapterSite[], parameters: number): ReadonlyMap<string, number> {
  const rank = Math.floor(parameters / sites.reduce((sum, { inputs, outputs }) => sum + inputs + outputs, 0))
  return new Map(
    sites.flatMap(({ name, inputs, outputs }) => (rank === 0 ? [] : [[name, Math.min(rank, inputs, outputs)] as const])),
  )
}

/** Trains every placement for so many steps, and compares the first, which is taken, with the others. Equal ones are trained once. */
export async function judgePlacements(
  ways: readonly PlacementWay[],
  sites: readonly AdapterSite[],
  steps: number,
  given: AdapterMeasuring,
): Promise<JudgedPlacement[]> {
  const { train } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  const { prepareRows } = await need('@qt/data', () => import('@qt/data'))
  const { perplexityOfChats } = await need('@qt/eval', () => import('@qt/eval'))
  const config = await configOf(given)
  const { signal, engine } = given
  return withModel(given.base, { ...engine, signal }, async (model) => {
    const prepared = await prepareRows(config, model.tokenizer, { signal })
    const documents = prepared.validation ? learntDocuments(prepared.validation) : []
    if (documents.length < 2)
      throw usageError('EVAL_TEXT_TOO_SHORT', `${given.data} has too few examples to train on some and to judge on others.`, {
        actions: ['Give more examples (shards of tokens: with a part to validate on), or leave out --steps.'],
      })
    const known = new Map<string, Statistics[]>()
    /** The folder of an adapter that was trained with these ranks. */
    const trained = async (ranks: PlacementWay['ranks']): Promise<string> => {
      const output = join(given.folder, `placement-${known.size + 1}`)
      const training = { ...config.training, steps, epochs: undefined }
      const { adapter } = await train({ ...config, training, adapter: adapterOf(sites, ranks), output }, { signal })
      return adapter!.path
    }
    const lossesOf = async ({ name, ranks }: PlacementWay): Promise<Statistics[]> => {
      const key = JSON.stringify([...ranks].sort())
      const before = known.get(key)
      if (before) return before
      given.onProgress(`judging  ${name}`)
      const tuned = ranks.size === 0 ? model : await model.withAdapters([await trained(ranks)])
      const found: Statistics[] = []
      for (const { row, weight } of documents) {
        const { loss, tokens } = await perplexityOfChats(tuned.scoring, { length: 1, row: () => row }, { signal })
        found.push([weight * loss * tokens, weight * tokens])
      }
      known.set(key, found)
      return found
    }
    const judged: JudgedPlacement[] = []
    for (const way of ways) {
      const taken = await lossesOf(ways[0]!)
      const losses = await lossesOf(way)
      const { kl: loss } = await comparable(losses)
      const row = { way: way.name, parameters: parametersOf(sites, way.ranks), loss }
      if (judged.length === 0) judged.push(row)
      else {
        const takenLessThis = (await comparable(taken)).difference(losses)
        judged.push({ ...row, takenLessThis, verdict: losses === taken ? 'the same' : verdictOf(takenLessThis) })
      }
    }
    return judged
  })
}

/** The documents of rows that a training would learn something of, each as a row of its own and with what it counts. */
function learntDocuments(rows: RowSource): { row: PackedRow; weight: number }[] {
  const whole = Array.from({ length: rows.length }, (_, i) => rows.row(i))
  const each = whole.flatMap(({ ids, labels, documents, weights }) =>
    Array.from(documents.slice(1), (end, d) => {
      const from = documents[d]!
      const row = { ids: ids.subarray(from, end), labels: labels.subarray(from, end), documents: Int32Array.of(0, end - from) }
      return { row, weight: weights?.[from] ?? 1 }
    }),
  )
  // What a piece learns of the next one's first token is not judged.
  return each.filter(({ row, weight }) => weight > 0 && row.labels.subarray(0, -1).some((label) => label !== ignoreLabel))
}

const parametersOf = (sites: readonly AdapterSite[], ranks: ReadonlyMap<string, number>): number =>
  sites.reduce((sum, { name, inputs, outputs }) => sum + (ranks.get(name) ?? 0) * (inputs + outputs), 0)

export const placementsText = (judged: readonly JudgedPlacement[]): string =>
  numbers([
    ['', 'loss', 'from', 'to', 'parameters', 'taken is'],
    ...judged.map(({ way, loss, parameters, verdict }) => [
      way,
      ...[loss.value, loss.low, loss.high].map((value) => value.toFixed(4)),
      String(parameters),
      verdict ?? '',
    ]),
  ])
