import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase } from '../case.js'
import { stepsOf } from '../events.js'
import { oracleMissing, oracleScript, oraclesPython } from '../oracles.js'
import { median } from '../statistics.js'
import { writeTokenRows } from '../token-rows.js'

const model = join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf')
const [batch, length, steps, vocabulary] = [4, 512, 6, 49152]

/** LoRA on a real model, ours through the command that users type, PyTorch + PEFT plain and at its best. */
export const trainLora: MakeCase = async ({ folder }) => {
  const rows = join(folder, 'rows.jsonl')
  await writeTokenRows(rows, batch * steps, length, vocabulary)
  return {
    name: 'train-lora',
    title: `LoRA r16 on all linear layers of SmolLM2-135M, ${batch} × ${length} tokens a step`,
    conditions: `Every token trainable, ${steps} steps, speed is the median over the steps after the first, memory the process's peak; model file in the page cache.`,
    metrics: [
      { key: 'tokensPerSecond', title: 'tokens/s', digits: 1, better: 'higher' },
      { key: 'memoryGiB', title: 'peak GiB', digits: 2, better: 'lower' },
    ],
    inputs: existsSync(model) ? [model] : [],
    ours: [await ours(folder, rows, 'float32'), await ours(folder, rows, 'bfloat16')],
    peers: [peer('float32', []), peer('bfloat16', []), peer('bfloat16', ['--best'])],
  }
}

async function ours(folder: string, rows: string, precision: 'float32' | 'bfloat16'): Promise<Contender | Absent> {
  const name = `qt train, ${precision}`
  if (!existsSync(model)) return { name, absent: 'the model is not in .models (README, "The test model")' }
  const output = join(folder, `run-${precision}`)
  const config = join(folder, `${precision}.json`)
  const settings = {
    base: model,
    data: { path: rows, format: 'tokens' },
    adapter: { kind: 'lora', rank: 16, alpha: 32, targets: 'all-linear' },
    training: { steps, batchSize: batch, sequenceLength: length, precision, schedule: 'constant', saveEvery: 1000 },
    output,
  }
  await writeFile(config, JSON.stringify(settings))
  return {
    name,
    command: ['qt', 'train', '--config', config],
    prepare: () => rm(output, { recursive: true, force: true }),
    parse: async () => {
      const taken = await stepsOf(output)
      if (taken.length !== steps) throw new Error(`${taken.length} of ${steps} steps in the log`)
      return {
        tokensPerSecond: median(taken.slice(1).map(({ tokensPerSecond }) => tokensPerSecond)),
        memoryGiB: Math.max(...taken.map(({ memory }) => memory)) / 2 ** 30,
      }
    },
  }
}

const reportSchema = z.object({ tokens_per_s: z.number(), peak_rss_mib: z.number() })

function peer(dtype: string, flags: readonly string[]): Contender | Absent {
  const name = `PyTorch + PEFT, ${dtype}${flags.includes('--best') ? ', at its best' : ''}`
  const script = 'bench_train_peft.py'
  const python = oraclesPython()
  const absent = existsSync(model) ? oracleMissing(script) : 'the model is not in .models'
  if (absent !== undefined || python === undefined) return { name, absent: absent ?? 'PyTorch is not installed' }
  const shape = ['--batch', `${batch}`, '--seq', `${length}`, '--steps', `${steps}`]
  return {
    name,
    command: [python, oracleScript(script), '--gguf', model, '--dtype', dtype, ...shape, ...flags],
    parse: ({ stdout }) => {
      const report = reportSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
      return { tokensPerSecond: report.tokens_per_s, memoryGiB: report.peak_rss_mib / 1024 }
    },
  }
}
