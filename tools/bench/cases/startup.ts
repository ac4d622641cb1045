import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase } from '../case.js'
import { startOf, stepsOf } from '../events.js'
import { oracleMissing, oracleScript, oraclesPython } from '../oracles.js'
import { writeTokenRows } from '../token-rows.js'

const model = join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf')
const length = 64

/** How long a person waits: from the command typed to its first step’s beginning and end, and to its end after that one step. */
export const startup: MakeCase = async ({ folder }) => {
  const rows = join(folder, 'rows.jsonl')
  await writeTokenRows(rows, 1, length, 49152)
  return {
    name: 'startup',
    title: `from the command typed to one step of 1 × ${length} tokens, LoRA r16 on SmolLM2-135M`,
    conditions: 'Whole process in float32, program and model files in the page cache after the first run.',
    metrics: [
      { key: 'seconds', title: 'whole command s', digits: 2, better: 'lower' },
      { key: 'begun', title: 'to the first step’s beginning s', digits: 2, better: 'lower' },
      { key: 'firstStep', title: 'to its end s', digits: 2, better: 'lower' },
    ],
    inputs: existsSync(model) ? [model] : [],
    ours: [await ours(folder, rows)],
    peers: [peer()],
  }
}

async function ours(folder: string, rows: string): Promise<Contender | Absent> {
  const name = 'qt train'
  if (!existsSync(model)) return { name, absent: 'the model is not in .models (README, "The test model")' }
  const output = join(folder, 'run')
  const config = join(folder, 'config.json')
  const settings = {
    base: model,
    data: { path: rows, format: 'tokens' },
    adapter: { kind: 'lora', rank: 16, alpha: 32 },
    training: { steps: 1, batchSize: 1, sequenceLength: length, precision: 'float32' },
    output,
  }
  await writeFile(config, JSON.stringify(settings))
  return {
    name,
    command: ['qt', 'train', '--config', config],
    prepare: () => rm(output, { recursive: true, force: true }),
    parse: async ({ seconds, started }) => {
      const [first] = await stepsOf(output)
      if (!first) throw new Error('no step in the log')
      const since = (time: string) => (Date.parse(time) - started) / 1000
      return { seconds, begun: since((await startOf(output)).time), firstStep: since(first.time) }
    },
  }
}

function peer(): Contender | Absent {
  const name = 'PyTorch + PEFT'
  const script = 'bench_train_peft.py'
  const python = oraclesPython()
  const absent = existsSync(model) ? oracleMissing(script) : 'the model is not in .models'
  if (absent !== undefined || python === undefined) return { name, absent: absent ?? 'PyTorch is not installed' }
  return {
    name,
    // The script reports the median of the steps after the first, so it takes two.
    command: [python, oracleScript(script), '--gguf', model, '--batch', '1', '--seq', `${length}`, '--steps', '2'],
    parse: ({ seconds }) => ({ seconds }),
  }
}
