import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { command } from '../../src/command.js'
import { root } from '../../src/root.js'
import type { Absent, Contender, Finished, MakeCase } from '../case.js'
import { lmEvalChoices } from '../likelihood/peer.js'
import { choiceRecords } from '../likelihood/records.js'
import { oraclesPython } from '../oracles.js'

const model = join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf')
const [threads, questions] = [2, 32]
const measures = z.object({ questionsPerSecond: z.number(), acc: z.number(), accNorm: z.number() })
const parse = ({ stdout }: Finished) => measures.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))

/** Multiple choice by likelihood: the same questions, weights and number of threads, ours against lm-evaluation-harness. */
export const likelihood: MakeCase = async ({ folder }) => {
  const records = join(folder, 'records.json')
  await writeFile(records, JSON.stringify(choiceRecords(questions)))
  const there = existsSync(model)
  const missing: Absent['absent'] = 'the model is not in .models (README, "The test model")'
  const ours: Contender | Absent = there
    ? {
        name: '@qt/eval on @qt/trainer-native',
        command: [
          process.execPath,
          '--import',
          'tsx',
          join(root, 'tools/bench/likelihood/ours.ts'),
          model,
          records,
          `${threads}`,
        ],
        parse,
      }
    : { name: '@qt/eval on @qt/trainer-native', absent: missing }
  return {
    name: 'likelihood',
    title: `${questions} questions with four choices each, SmolLM2-135M in Q4_1, ${threads} threads`,
    conditions:
      'Ours with eight questions at a time. The time of scoring alone, after one question that is not counted: loading is not in it. acc and acc_norm are those of the same requests.',
    metrics: [
      { key: 'questionsPerSecond', title: 'questions/s', digits: 2, better: 'higher' },
      { key: 'acc', title: 'acc', digits: 4, better: 'higher' },
      { key: 'accNorm', title: 'acc_norm', digits: 4, better: 'higher' },
    ],
    inputs: there ? [model] : [],
    ours: [ours],
    peers: await Promise.all([1, 8].map((batch) => peer(records, batch, there ? undefined : missing))),
  }
}

async function peer(records: string, batch: number, missing: string | undefined): Promise<Contender | Absent> {
  const name = `lm-evaluation-harness, batches of ${batch}`
  const python = oraclesPython()
  if (missing !== undefined) return { name, absent: missing }
  const there =
    python !== undefined && (await command(python, ['-c', 'import importlib.metadata as m; m.version("lm_eval")'])).code === 0
  if (!there) return { name, absent: 'lm-eval is not installed; QT_ORACLES names the Python that has it' }
  return { name, command: [python, '-c', lmEvalChoices, model, records, `${threads}`, `${batch}`], parse }
}
