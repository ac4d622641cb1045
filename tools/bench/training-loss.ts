import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../src/root.js'
import type { Absent, Contender } from './case.js'
import { oracleMissing, oracleScript, oraclesPython } from './oracles.js'
import { noModel, smolModel } from './training.js'

export const lossRows = { batch: 1, length: 128, steps: 200, learningRate: 2e-4 } as const

const expected = z.object({ loss: z.array(z.number()) })

/** The mean loss of the last ten steps that the peer left in `folder`/reference. */
export async function referenceLoss(folder: string): Promise<number> {
  const { loss } = expected.parse(JSON.parse(await readFile(join(folder, 'reference/expected.json'), 'utf8')))
  return loss.slice(-10).reduce((sum, value) => sum + value, 0) / 10
}

/** PyTorch + PEFT in float32 on the texts of docs/: leaves its rows and its first adapter in `folder`/reference. */
export async function lossPeer(folder: string): Promise<Contender | Absent> {
  const name = 'PyTorch + PEFT, float32'
  const script = 'parity_lora.py'
  const python = oraclesPython()
  const absent = existsSync(smolModel) ? oracleMissing(script) : noModel
  if (absent !== undefined || python === undefined) return { name, absent: absent ?? 'PyTorch is not installed' }
  const [text, out] = [join(folder, 'text.txt'), join(folder, 'reference')]
  await writeFile(text, await docs())
  const { batch, length, steps, learningRate } = lossRows
  const shape = { batch, seq: length, steps, lr: learningRate, rank: 16 }
  return {
    name,
    command: [
      ...([python, oracleScript(script), '--gguf', smolModel, '--text', text, '--out', out] as const),
      ...Object.entries(shape).flatMap(([key, value]) => [`--${key}`, `${value}`]),
    ],
    prepare: () => rm(out, { recursive: true, force: true }),
    parse: async () => ({ loss: await referenceLoss(folder) }),
  }
}

async function docs(): Promise<string> {
  const names = (await readdir(join(root, 'docs'), { recursive: true })).filter((name) => name.endsWith('.md')).sort()
  return (await Promise.all(names.map((name) => readFile(join(root, 'docs', name), 'utf8')))).join('\n')
}
