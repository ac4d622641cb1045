import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Gguf, readGguf } from '@qt/weights'
import { z } from 'zod'
import { command, tail } from '../../src/command.js'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase } from '../case.js'
import { oracleMissing, oracleScript, oraclesPython } from '../oracles.js'

/** 1.0 GB of F16, made once: a llama of 16 layers of 1536 with rows that every type divides. */
const model = join(root, '.cache/bench/llama-16x1536-f16.gguf')
const threads = 2

/** A 1 GB F16 model to one type, ours through the command that users type, llama.cpp through its own library. */
export const quantizeTo =
  (type: string): MakeCase =>
  async ({ folder }) => {
    const absent = await makeModel()
    const outputs = { ours: join(folder, 'ours.gguf'), theirs: join(folder, 'theirs.gguf') }
    return {
      name: `quantize-${type.toLowerCase()}`,
      title: `1.0 GB of F16 to ${type}, ${threads} threads`,
      conditions:
        'Every matrix of one type (llama.cpp: --pure), input in the page cache, output not forced to disk; the time is that of quantising alone, without starting Node or Python.',
      metrics: [
        { key: 'seconds', title: 'seconds', digits: 2, better: 'lower' },
        { key: 'identical', title: '% of tensors identical', digits: 1, better: 'higher' },
      ],
      inputs: absent === undefined ? [model] : [],
      ours: [ours(type, outputs, absent)],
      peers: [await peer(type, outputs, absent)],
    }
  }

/** Why there is no model, or undefined. */
async function makeModel(): Promise<string | undefined> {
  if (existsSync(model)) return undefined
  const python = oraclesPython()
  const missing = oracleMissing('make_gguf.py')
  if (missing !== undefined || python === undefined) return missing ?? 'the model cannot be made'
  await mkdir(dirname(model), { recursive: true })
  const made = await command(python, [oracleScript('make_gguf.py'), `${model}.tmp`])
  if (made.code !== 0) return `the model cannot be made: ${tail(made, 3)}`
  await rename(`${model}.tmp`, model)
  return undefined
}

interface Outputs {
  readonly ours: string
  readonly theirs: string
}

const reportSchema = z.object({ seconds: z.number() })

function ours(type: string, outputs: Outputs, absent: string | undefined): Contender | Absent {
  const name = 'qt quantize'
  if (absent !== undefined) return { name, absent }
  const flags = ['--type', type, '--threads', `${threads}`, '--json']
  return {
    name,
    command: ['qt', 'quantize', model, outputs.ours, ...flags],
    prepare: () => rm(outputs.ours, { force: true }),
    async parse({ stdout }) {
      const { seconds } = reportSchema.parse(JSON.parse(stdout))
      // Whoever comes first in the first round has nothing to compare with yet.
      return existsSync(outputs.theirs) ? { seconds, identical: 100 * (await shareIdentical(outputs)) } : { seconds }
    },
  }
}

async function peer(type: string, outputs: Outputs, absent: string | undefined): Promise<Contender | Absent> {
  const name = 'llama.cpp'
  const script = 'llama_quantize.py'
  const python = oraclesPython()
  const missing = absent ?? oracleMissing(script)
  if (missing !== undefined || python === undefined) return { name, absent: missing ?? 'there is no Python with the peers' }
  const { code } = await command(python, ['-c', 'import llama_cpp'])
  if (code !== 0) return { name, absent: 'llama-cpp-python is not installed' }
  return {
    name,
    command: [python, oracleScript(script), model, outputs.theirs, type, '--threads', `${threads}`, '--pure'],
    prepare: () => rm(outputs.theirs, { force: true }),
    parse({ stdout }) {
      const [, status, seconds] = /rc=(\d+) .* ([\d.]+)s\s*$/.exec(stdout.trim().split('\n').at(-1) ?? '') ?? []
      if (status !== '0') throw new Error(`llama.cpp ended with ${status ?? 'no result'}`)
      return { seconds: Number(seconds) }
    },
  }
}

async function shareIdentical({ ours, theirs }: Outputs): Promise<number> {
  const [left, right] = await Promise.all([readGguf(ours), readGguf(theirs)])
  let same = 0
  for (const name of left.tensors.keys()) if (await sameTensor(left, right, name)) same++
  return same / Math.max(left.tensors.size, right.tensors.size)
}

async function sameTensor(left: Gguf, right: Gguf, name: string): Promise<boolean> {
  const [a, b] = [left.tensors.get(name), right.tensors.get(name)]
  if (!a || !b || a.type !== b.type || a.bytes !== b.bytes) return false
  return Buffer.compare(await left.read(name), await right.read(name)) === 0
}
