import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { specForLength, type TrainingConfigInput } from '@qt/core'
import { convert, openModel, readAdapter } from '@qt/weights'
import { describe, expect, test } from 'vitest'
import { binding } from '../src/binding.js'
import { adapterSet } from '../src/generate/adapter-set.js'
import { train } from '../src/index.js'
import { tensorSources } from '../src/train/base.js'
import { hashed, readArchitecture, vocabulary, writeArchitecture } from './architectures.js'
import { fixture, readJson, temporaryFolder } from './support.js'

/* Adapters of every kind on every family of models: ours as PEFT loads them, and PEFT's as ours does, by their logits. */

const python = [process.env.QT_ORACLES, join(import.meta.dirname, '../../../../.oracles/bin/python')].find(
  (path) => path !== undefined && existsSync(path),
)
if (python === undefined) console.log('skipped: PEFT itself on our adapters (no Python with PEFT; QT_ORACLES names one)')

interface Case {
  readonly base: string
  readonly adapters: readonly string[]
  readonly ids: number[]
}
interface Logits {
  readonly logits: number[]
  readonly plain: number[]
}

const folder = await temporaryFolder()
const bases = ['llama', 'llama3', 'qwen2', 'qwen3', 'gemma2', 'gemma3', 'phi3', 'phi3-longrope'] as const
const length = 24

type AdapterInput = NonNullable<TrainingConfigInput['adapter']>
const common: Readonly<Record<string, AdapterInput>> = {
  lora: { rank: 4, alpha: 6 },
  rslora: {
    rank: 4,
    alpha: 6,
    rankStabilised: true,
    rankPattern: { q_proj: 5, 'layers.1.mlp.down_proj': 2 },
    alphaPattern: { up_proj: 3 },
  },
  'lora+': { kind: 'lora+', rank: 3, targets: ['q_proj', 'up_proj'] },
  dora: { kind: 'dora', rank: 4, alpha: 6, rankStabilised: true },
  pissa: { kind: 'pissa', rank: 2, alpha: 3, targets: ['q_proj', 'v_proj', 'down_proj'] },
  'pissa and rslora': { kind: 'pissa', rank: 2, alpha: 3, rankStabilised: true },
  saved: { rank: 2, targets: ['v_proj'], modulesToSave: ['embed_tokens', 'lm_head'] },
  frozen: { rank: 2, frozen: ['k_proj', 'gate_proj'] },
}

const run = (task: string) => promisify(execFile)(python!, [fixture('check_peft.py'), task, folder], { maxBuffer: 1 << 26 })

const rows = Array.from({ length: 8 }, (_, i) => [...hashed(`row ${i}`, length)].map((bits) => (bits % (vocabulary - 3)) + 3))

async function trained(base: string, kind: string, adapter: AdapterInput): Promise<string> {
  const output = join(folder, 'ours', `${base} ${kind}`)
  const result = await train({
    base: join(folder, 'bases', base),
    data: { path: join(folder, 'rows.jsonl'), format: 'tokens' },
    adapter,
    training: { steps: 3, batchSize: 2, sequenceLength: 64, precision: 'float32', learningRate: 2e-2, schedule: 'constant' },
    output,
  })
  return result.adapter!.path
}

async function ourLogits({ base, adapters, ids }: Case): Promise<Float32Array> {
  const { Model, Session } = binding()
  const model = await openModel(join(folder, 'bases', base))
  const spec = specForLength(model.spec, length)
  const session = new Session(new Model(spec, tensorSources(model), 'packed'), { contextLength: 64, bf16: false, dots: false }, 2)
  try {
    const read = await Promise.all(adapters.map((path) => readAdapter(path, model.spec)))
    const set = await session.addAdapters(adapterSet(read, adapters))
    return (await session.append(session.addCache('float32'), set, Int32Array.from(ids), 1, true))!
  } finally {
    session.close()
  }
}

/** Largest difference of logits, relative to the largest; and how much the adapters change them. */
async function compare(one: Case, { logits, plain }: Logits) {
  const ours = await ourLogits(one)
  const size = Math.max(...logits.map(Math.abs))
  const most = (others: ArrayLike<number>) => Math.max(...logits.map((value, i) => Math.abs(value - others[i]!))) / size
  return { difference: most(ours), change: most(plain) }
}

describe.skipIf(python === undefined)('PEFT itself', async () => {
  if (python === undefined) return
  for (const name of bases) {
    await writeArchitecture(join(folder, name), await readArchitecture(name))
    // As we write folders: transformers has to load them.
    await convert(join(folder, name), join(folder, 'bases', name), { type: 'F32' })
  }
  await writeFile(join(folder, 'rows.jsonl'), rows.map((row) => JSON.stringify({ input_ids: row })).join('\n'))

  test('loads what we train, of every kind, and computes what we compute', { timeout: 600_000 }, async () => {
    const cases: Case[] = []
    for (const base of bases) {
      const paths: string[] = []
      for (const [kind, adapter] of Object.entries(common)) {
        const path = await trained(base, kind, adapter)
        paths.push(path)
        cases.push({ base, adapters: [path], ids: rows[0]! })
      }
      cases.push({ base, adapters: [paths[0]!, paths[1]!, paths[4]!], ids: rows[0]! })
      // What was written goes on, with the ranks that it had.
      const again = await trained(base, 'again', { init: paths[0]! })
      cases.push({ base, adapters: [again], ids: rows[0]! })
      const { modules } = await readAdapter(again, (await openModel(join(folder, 'bases', base))).spec)
      expect(new Set([...modules.values()].map(({ rank }) => rank))).toEqual(new Set([4]))
    }
    await writeFile(join(folder, 'cases.json'), JSON.stringify(cases))
    await run('logits')
    const theirs = await readJson<Logits[]>(join(folder, 'logits.json'))
    expect(theirs).toHaveLength(cases.length)
    for (const [i, one] of cases.entries()) {
      const { difference, change } = await compare(one, theirs[i]!)
      expect(change, one.adapters.join()).toBeGreaterThan(1e-3)
      expect(difference, one.adapters.join()).toBeLessThan(1e-5)
    }
  })

  test('writes adapters of every kind that we read, and that compute the same', { timeout: 600_000 }, async () => {
    await run('make')
    const made = await readJson<(Case & Logits)[]>(join(folder, 'made.json'))
    expect(made.length).toBeGreaterThanOrEqual(8 * bases.length)
    for (const one of made) {
      const { difference, change } = await compare(one, one)
      expect(change, one.adapters.join()).toBeGreaterThan(1e-3)
      expect(difference, one.adapters.join()).toBeLessThan(1e-5)
    }
  })
})
