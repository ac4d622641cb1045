import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../src/root.js'
import type { Absent, Case, CaseContext, Contender, MakeCase } from '../case.js'
import { oraclesPython } from '../oracles.js'
import { writeTokenRows } from '../token-rows.js'
import { loraOf, noModel, peerReport, type Shape, smolModel, trainingMetrics, trainOurs, trainPeer } from '../training.js'
import { lossPeer, lossRows, referenceLoss } from '../training-loss.js'
import { autocastFull } from '../training-peers.js'

const vocabulary = 49152
const shape: Shape = { batch: 4, length: 512, steps: 4 }
const what = `${shape.batch} × ${shape.length} tokens a step on SmolLM2-135M`
const conditions = `Every token trainable, ${shape.steps} steps, speed is the median over the steps after the first, memory the process's peak, planned without Node's own; model file in the page cache.`

const lora = loraOf('lora')
const bfloat16 = { precision: 'bfloat16', checkpointing: false } as const

interface Contest {
  readonly title: string
  readonly bar: number
  ours(run: Run): Promise<Contender | Absent>
  peers(run: Run): Promise<readonly (Contender | Absent)[]> | readonly (Contender | Absent)[]
}
type Run = (name: string, settings: Parameters<typeof trainOurs>[1]) => Promise<Contender | Absent>

const contest =
  (name: string, { title, bar, ours, peers }: Contest): MakeCase =>
  async ({ folder }: CaseContext): Promise<Case> => {
    const rows = join(folder, 'rows.jsonl')
    await writeTokenRows(rows, shape.batch * shape.steps, shape.length, vocabulary)
    const run: Run = (label, settings) => trainOurs({ folder, rows, name: label, shape }, settings)
    return {
      name,
      title: `${title}, ${what}`,
      conditions,
      metrics: trainingMetrics,
      bar,
      inputs: existsSync(smolModel) ? [smolModel] : [],
      ours: [await ours(run)],
      peers: await peers(run),
    }
  }

const plainLora = (run: Run) => run('qt train, LoRA, bfloat16', { adapter: lora, training: bfloat16 })

function autocastPeer(): Contender | Absent {
  const name = 'PyTorch, autocast to bfloat16, compiled, all weights'
  const python = oraclesPython()
  if (!existsSync(smolModel)) return { name, absent: noModel }
  if (python === undefined) return { name, absent: 'PyTorch is not installed' }
  return { name, command: [python, '-c', autocastFull, smolModel, ...Object.values(shape).map(String)], parse: peerReport }
}

const random7B = join(root, '.cache/bench/random-7b.Q4_K.gguf')
const long: Shape = { batch: 1, length: 512, steps: 2 }

/** A base that no laptop holds in bfloat16. */
const train7B: MakeCase = async ({ folder }) => {
  const rows = join(folder, 'rows.jsonl')
  await writeTokenRows(rows, long.batch * long.steps, long.length, 152064)
  const made = 'qt train, LoRA, bfloat16, checkpointing'
  const settings = { base: random7B, adapter: lora, training: { precision: 'bfloat16', checkpointing: true } } as const
  const ours: Contender | Absent = existsSync(random7B)
    ? await trainOurs({ folder, rows, name: made, shape: long }, settings)
    : { name: made, absent: 'the model is not made: npx tsx tools/bench/random-gguf.ts' }
  return {
    name: 'train-7b',
    title: `LoRA r16 on a random Q4_K model in the shape of Qwen2.5-Coder-7B, ${long.batch} × ${long.length} tokens a step`,
    conditions: `${long.steps} steps, time of the second; the bars are 75 s a step and 5.5 GiB. No peer trains on packed blocks of 4 bits.`,
    metrics: [{ key: 'secondsPerStep', title: 's a step', digits: 1, better: 'lower' }, ...trainingMetrics],
    inputs: [],
    ours: [ours],
    peers: [],
  }
}

/** Two hundred real steps: PyTorch's in float32 first, ours in bfloat16 from the same adapter over the same rows. */
const trainLoss: MakeCase = async ({ folder, peers }) => {
  const { steps, length, batch } = lossRows
  const peer = await lossPeer(folder)
  const missing = 'absent' in peer ? peer.absent : peers ? undefined : 'left out by --no-peers'
  return {
    name: 'train-loss',
    title: `loss after ${steps} steps of ${batch} × ${length} tokens, LoRA r16 on SmolLM2-135M`,
    conditions:
      'The same rows of this repository’s own texts in the same order, the same first adapter; mean of the last ten steps. The bar is 0.5 % apart.',
    metrics: [
      { key: 'loss', title: 'loss', digits: 5, better: 'lower' },
      { key: 'apart', title: '% from PyTorch', digits: 3, better: 'lower' },
    ],
    inputs: existsSync(smolModel) ? [smolModel] : [],
    ours: [await lossOurs(folder, missing)],
    peers: [peer],
  }
}

async function lossOurs(folder: string, missing: string | undefined): Promise<Contender | Absent> {
  const name = 'qt train, bfloat16'
  if (missing !== undefined)
    return { name, absent: `it starts from the rows and the adapter of PyTorch, which is not run: ${missing}` }
  const settings = {
    adapter: { init: join(folder, 'reference/adapter_init') },
    training: { precision: 'bfloat16', learningRate: lossRows.learningRate, gradClip: null, weightDecay: 0 },
  } as const
  const ours = await trainOurs({ folder, rows: join(folder, 'reference/ids.jsonl'), name, shape: lossRows }, settings)
  if ('absent' in ours) return ours
  return {
    ...ours,
    parse: async (run) => {
      const [measures, reference] = [await ours.parse(run), await referenceLoss(folder)]
      const { loss } = measures
      return loss === undefined ? measures : { ...measures, apart: (100 * Math.abs(loss - reference)) / reference }
    },
  }
}

/** `qt train` against PyTorch, and its own ways against each other; the bar is how many times faster the first has to be. */
export const trainCases: Readonly<Record<string, MakeCase>> = {
  'train-lora': contest('train-lora', {
    title: 'LoRA r16 on all linear layers in bfloat16 against PyTorch + PEFT at its best',
    bar: 1.4,
    ours: plainLora,
    peers: () => [trainPeer('bfloat16', shape, ['--best'])],
  }),
  'train-lora-usual': contest('train-lora-usual', {
    title: 'LoRA r16 on all linear layers in bfloat16 against PyTorch + PEFT as users run it',
    bar: 2,
    ours: plainLora,
    peers: () => [trainPeer('bfloat16', shape)],
  }),
  'train-float32': contest('train-float32', {
    title: 'LoRA r16 on all linear layers in float32',
    bar: 1.25,
    ours: (run) => run('qt train, LoRA, float32', { adapter: lora, training: { ...bfloat16, precision: 'float32' } }),
    peers: () => [trainPeer('float32', shape)],
  }),
  'train-dora': contest('train-dora', {
    title: 'DoRA against LoRA',
    bar: 0.8,
    ours: (run) => run('qt train, DoRA, bfloat16', { adapter: loraOf('dora'), training: bfloat16 }),
    peers: async (run) => [await plainLora(run)],
  }),
  'train-q4': contest('train-q4', {
    title: 'LoRA on the Q4_1 file as it lies against the same weights held in bfloat16',
    bar: 0.95,
    ours: plainLora,
    peers: async (run) => [
      await run('qt train, base in bfloat16', { adapter: lora, baseStorage: 'bfloat16', training: bfloat16 }),
    ],
  }),
  'train-full': contest('train-full', {
    title: 'all weights',
    bar: 1.3,
    ours: (run) => run('qt train, all weights, bfloat16', { training: bfloat16 }),
    peers: () => [trainPeer('float32', shape, ['--full']), trainPeer('float32', shape, ['--full', '--best']), autocastPeer()],
  }),
  'train-checkpointed': contest('train-checkpointed', {
    title: 'LoRA r16 with checkpointing (the bar of memory: 0.7 GiB)',
    bar: 1.4,
    ours: (run) => run('qt train, LoRA, checkpointing', { adapter: lora, training: { ...bfloat16, checkpointing: true } }),
    peers: () => [trainPeer('bfloat16', shape, ['--checkpointing'])],
  }),
  'train-loss': trainLoss,
  'train-7b': train7B,
}
