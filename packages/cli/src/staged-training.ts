import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type RunEvent, type TrainingConfig, usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import type { StagedTrainer, StageSettings } from '@qt/quantum/decisions'
import { engineOptions } from './engine-flags.js'
import { contentId } from './eval/content-id.js'
import type { Io } from './io.js'
import { need } from './need.js'
import { localPath } from './resolve.js'
import { stagedAdapters } from './staged-adapters.js'
import { withModel } from './variants.js'

/** Where training stands: the adapter or the model that the last stage wrote; neither before the first. */
export interface StageState {
  readonly adapter?: string
  readonly model?: string
}

interface Group {
  readonly name: string
  readonly train: readonly string[]
  /** Some of its lines, on which its loss is measured. */
  readonly sample: string
  readonly text: string
}

export interface StagedInput {
  readonly io: Io
  readonly config: TrainingConfig
  readonly groupBy: string
  /** Let adapters give rank to each other. */
  readonly moveRanks: boolean
  readonly signal: AbortSignal
  readonly onEvent: (event: RunEvent) => void
}

/** Every so many lines of a group is held out, and so many at most tell the loss of a group. */
const [heldOutEvery, sampled] = [5, 16]

/**
 * The real trainer, in stages: each begins with the adapter (or model) of the one before, on lines that were sampled for it. A stage that an
 * interrupted run finished is not trained again; one that it left in the middle is trained anew.
 */
export async function stagedTrainer({
  config,
  groupBy,
  moveRanks,
  io,
  signal,
  onEvent,
}: StagedInput): Promise<StagedTrainer<StageState>> {
  const { train } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  const { prepareRows } = await need('@qt/data', () => import('@qt/data'))
  const { perplexityOfChats } = await need('@qt/eval', () => import('@qt/eval'))
  const { textFeatures } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
  const folder = join(config.output, 'stages')
  await mkdir(folder, { recursive: true })
  const { groups, heldOut } = await splitGroups(config, groupBy, folder)
  const features = textFeatures(groups.map(({ text }) => text))
  const engine = engineOptions(config)
  const baseId = await contentId([await localPath(config.base!, io, signal)], signal)

  const sample = join(folder, 'sample.jsonl')
  await writeFile(sample, (await Promise.all(groups.map((group) => readFile(group.sample, 'utf8')))).join('\n'))
  const adapters =
    config.adapter && (await stagedAdapters({ config, adapter: config.adapter, sample, folder, moveRanks, signal }))

  /** Of each file the mean loss of the tokens that are trained on. */
  async function losses(state: StageState, files: readonly string[]): Promise<{ loss: number; tokens: number }[]> {
    return withModel(state.model ?? config.base!, { ...engine, signal }, async (bare) => {
      const model = state.adapter === undefined ? bare : await bare.withAdapters([state.adapter])
      const found: { loss: number; tokens: number }[] = []
      for (const file of files) {
        const data = { ...config.data, path: file, validation: 0 }
        const prepared = await prepareRows({ ...config, data }, model.tokenizer, { signal })
        found.push(await perplexityOfChats(model.scoring, prepared.train, { signal }))
      }
      return found
    })
  }

  return {
    async train(from, { stage: number, steps, sampling, frozen, ranks }) {
      // Of one stage what is decided and what is plain differ by what they see, not by chance.
      const seed = config.training.seed + number
      const lines = sampledLines(groups, sampling, seed).join('\n')
      const { epochs: _, ...training } = config.training
      const { output: _output, quantum: _quantum, ...decisive } = config
      const came = Object.values(from).map((path) => relative(folder, path))
      const id = createHash('sha256')
        .update(JSON.stringify([baseId, came, steps, decisive, lines, [...frozen], [...ranks]]))
        .digest('hex')
        .slice(0, 12)
      const output = join(folder, `stage-${number}-${id}`)
      const mark = join(folder, `stage-${number}-${id}.json`)
      const done = await readFile(mark, 'utf8').catch(() => undefined)
      if (done !== undefined) return stateIn(output, JSON.parse(done))
      await rm(output, { recursive: true, force: true })
      const file = join(folder, `stage-${number}-${id}.jsonl`)
      await writeFile(file, lines)
      const stage = train(
        {
          ...config,
          base: from.model ?? config.base,
          adapter: await adapters?.begin(from, { frozen, ranks }, join(folder, `stage-${number}-${id}-start`)),
          data: { ...config.data, path: file, validation: 0 },
          training: {
            ...training,
            steps,
            seed,
            warmupSteps: number === 1 ? training.warmupSteps : 0,
          },
          output,
        },
        { signal },
      )
      for await (const event of stage) onEvent(event)
      const { adapter, model } = await stage
      const written = adapter ? { adapter: relative(output, adapter.path) } : { model: relative(output, model!.path) }
      // Last: a stage without it is trained anew.
      await writeFileAtomic(mark, JSON.stringify(written))
      return stateIn(output, written)
    },
    async statistics(state) {
      const found = await losses(
        state,
        groups.map(({ sample }) => sample),
      )
      return {
        groups: groups.map(({ name, train: { length } }, g) => ({
          name,
          tokens: (found[g]!.tokens / Math.min(sampled, length)) * length,
          loss: found[g]!.loss,
          features: features[g]!,
        })),
        modules: (await adapters?.modules(state)) ?? [],
      }
    },
    async heldOutLoss(state) {
      return (await losses(state, [heldOut]))[0]!.loss
    },
  }
}

const stateIn = (output: string, { adapter, model }: StageState): StageState => ({
  ...(adapter === undefined ? {} : { adapter: join(output, adapter) }),
  ...(model === undefined ? {} : { model: join(output, model) }),
})

/** Examples by the value of a field; every fifth of each group is held out. */
async function splitGroups(
  { data, base }: TrainingConfig,
  groupBy: string,
  folder: string,
): Promise<{ groups: Group[]; heldOut: string }> {
  const { path } = data
  const refused = (message: string, action: string) =>
    usageError('DECISION_INVALID', `The decision cannot be made: ${message}.`, { actions: [action] })
  if (base === undefined) throw refused('there is no base model', 'Give "base" in the configuration.')
  if (typeof path !== 'string') throw refused('the data is not one file', 'Give one JSONL file of examples as data.')
  const { readRecords } = await need('@qt/data', () => import('@qt/data'))
  const lines = new Map<string, string[]>()
  for await (const { value } of readRecords(path)) {
    const { [groupBy]: name, ...rest } = value
    const key = typeof name === 'string' ? name : 'other'
    const group = lines.get(key)
    if (group) group.push(JSON.stringify(rest))
    else lines.set(key, [JSON.stringify(rest)])
  }
  if (lines.size < 2)
    throw refused(
      `the examples of ${path} are of one group by "${groupBy}"`,
      'Name a field that says what kind an example is: --group-by.',
    )
  const groups: Group[] = []
  const held: string[] = []
  for (const [name, all] of [...lines].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (all.length < 2) throw refused(`the group "${name}" has a single example`, 'Give every group two examples or more.')
    const isHeld = (i: number) => i % heldOutEvery === Math.min(heldOutEvery, all.length) - 1
    held.push(...all.filter((_, i) => isHeld(i)))
    const rest = all.filter((_, i) => !isHeld(i))
    const sample = join(folder, `group-${groups.length + 1}.jsonl`)
    await writeFile(sample, rest.slice(0, sampled).join('\n'))
    groups.push({ name, train: rest, sample, text: rest.join('\n') })
  }
  const heldOut = join(folder, 'held-out.jsonl')
  await writeFile(heldOut, held.join('\n'))
  return { groups, heldOut }
}

/** Each line as often as its group is to be seen; of a fraction those lines that a seed picks. */
function sampledLines(groups: readonly Group[], sampling: StageSettings['sampling'], seed: number): string[] {
  const key = (line: string) => createHash('sha256').update(`${seed} ${line}`).digest('hex')
  return groups.flatMap(({ name, train }) => {
    const weight = sampling.get(name) ?? 1
    const picked = train.map((line) => ({ line, key: key(line) })).sort((a, b) => (a.key < b.key ? -1 : 1))
    const count = Math.max(1, Math.round(weight * train.length))
    return Array.from({ length: count }, (_, i) => picked[i % picked.length]!.line)
  })
}
