import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type FileType, fileTypeNames, needsImportance } from '@qt/quantize'
import { type Gguf, readGguf } from '@qt/weights'
import { z } from 'zod'
import { command, tail } from '../../src/command.js'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase } from '../case.js'
import { oracleMissing, oracleScript, oraclesPython } from '../oracles.js'

/** 1.0 GB of F16, made once: a llama of 16 layers of 1536 with rows that every type divides. */
const model = join(root, '.cache/bench/llama-16x1536-f16.gguf')
const imatrix = join(root, '.cache/bench/llama-16x1536.imatrix.gguf')
const threads = 2

/** Makes llama.cpp's run say its peak memory after what it says itself. */
const withPeak = [
  'import resource, runpy, sys',
  'sys.argv = sys.argv[1:]',
  'runpy.run_path(sys.argv[0], run_name="__main__")',
  'print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)',
].join('\n')

interface Variant {
  /** By an importance matrix. */
  readonly weighted?: boolean
  /** An instruction set that ours is held to. */
  readonly kernels?: 'avx2'
}

/** A 1 GB F16 model to one type, ours through the command that users type, llama.cpp through its own library. */
const quantizeTo =
  (type: FileType, variant: Variant = {}): MakeCase =>
  async ({ folder }) => {
    const { weighted = false, kernels } = variant
    const absent =
      (await make(model, 'make_gguf.py', [])) ?? (weighted ? await make(imatrix, 'make_imatrix.py', [model]) : undefined)
    const flags = weighted ? ['--imatrix', imatrix] : []
    const outputs = { ours: join(folder, 'ours.gguf'), theirs: join(folder, 'theirs.gguf') }
    const how = `${weighted ? ' by an importance matrix' : ''}${kernels ? ', AVX2 forced' : ''}`
    return {
      name: caseName(type, variant),
      title: `1.0 GB of F16 to ${type}${how}, ${threads} threads`,
      conditions:
        'The same mixture, input in the page cache, output not forced to disk; the time is that of quantising alone, without starting Node or Python; the memory is that of the whole process, pages of mapped files included.',
      metrics: [
        { key: 'seconds', title: 'seconds', digits: 2, better: 'lower' },
        { key: 'identical', title: '% of tensors identical', digits: 1, better: 'higher' },
        { key: 'peak', title: 'MB at most', digits: 0, better: 'lower' },
      ],
      inputs: absent === undefined ? [model] : [],
      ours: [ours(type, outputs, flags, absent, kernels)],
      peers: [await peer(type, outputs, flags, absent)],
    }
  }

const caseName = (type: FileType, { weighted, kernels }: Variant) =>
  `quantize-${type.toLowerCase()}${weighted ? '-imatrix' : ''}${kernels ? `-${kernels}` : ''}`

const casesOf = (types: readonly FileType[], variant: Variant = {}): Readonly<Record<string, MakeCase>> =>
  Object.fromEntries(types.map((type) => [caseName(type, variant), quantizeTo(type, variant)]))

/** Numbers of their own; importance changes nothing about them. */
const floats: readonly FileType[] = ['F32', 'F16', 'BF16']

/** Every file type, without an importance matrix where it can be made so, and with one. */
export const quantizeCases = {
  ...casesOf(fileTypeNames.filter((type) => !needsImportance(type))),
  ...casesOf(
    fileTypeNames.filter((type) => !floats.includes(type)),
    { weighted: true },
  ),
}

/** Some on an older machine. */
export const quantizeAvx2Cases = casesOf(['Q6_K', 'Q5_K_M', 'Q4_K_M', 'Q3_K_M', 'Q2_K'], { kernels: 'avx2' })

/** Makes a file once. Why there is none, or undefined. */
async function make(path: string, script: string, args: readonly string[]): Promise<string | undefined> {
  if (existsSync(path)) return undefined
  const python = oraclesPython()
  const missing = oracleMissing(script)
  if (missing !== undefined || python === undefined) return missing ?? 'the input cannot be made'
  await mkdir(dirname(path), { recursive: true })
  const made = await command(python, [oracleScript(script), ...args, `${path}.tmp`])
  if (made.code !== 0) return `${script} failed: ${tail(made, 3)}`
  await rename(`${path}.tmp`, path)
  return undefined
}

interface Outputs {
  readonly ours: string
  readonly theirs: string
}

const reportSchema = z.object({ seconds: z.number(), peakBytes: z.number() })

function ours(
  type: string,
  outputs: Outputs,
  more: readonly string[],
  absent: string | undefined,
  kernels: string | undefined,
): Contender | Absent {
  const name = 'qt quantize'
  if (absent !== undefined) return { name, absent }
  const flags = ['--type', type, '--threads', `${threads}`, '--no-sync', '--json', ...more]
  return {
    name,
    command: ['qt', 'quantize', model, outputs.ours, ...flags],
    ...(kernels ? { env: { QT_KERNELS: kernels } } : {}),
    prepare: () => rm(outputs.ours, { force: true }),
    async parse({ stdout }) {
      const { seconds, peakBytes } = reportSchema.parse(JSON.parse(stdout))
      const measures = { seconds, peak: peakBytes / 1e6 }
      // Whoever comes first in the first round has nothing to compare with yet.
      return existsSync(outputs.theirs) ? { ...measures, identical: 100 * (await shareIdentical(outputs)) } : measures
    },
  }
}

async function peer(
  type: string,
  outputs: Outputs,
  more: readonly string[],
  absent: string | undefined,
): Promise<Contender | Absent> {
  const name = 'llama.cpp'
  const script = 'llama_quantize.py'
  const python = oraclesPython()
  const missing = absent ?? oracleMissing(script)
  if (missing !== undefined || python === undefined) return { name, absent: missing ?? 'there is no Python with the peers' }
  const { code } = await command(python, ['-c', 'import llama_cpp'])
  if (code !== 0) return { name, absent: 'llama-cpp-python is not installed' }
  return {
    name,
    command: [python, '-c', withPeak, oracleScript(script), model, outputs.theirs, type, '--threads', `${threads}`, ...more],
    prepare: () => rm(outputs.theirs, { force: true }),
    parse({ stdout }) {
      const [, status, seconds, peak] = /rc=(\d+) .* ([\d.]+)s\s+peak (\d+)\s*$/.exec(stdout.trim()) ?? []
      if (status !== '0') throw new Error(`llama.cpp ended with ${status ?? 'no result'}`)
      return { seconds: Number(seconds), peak: Number(peak) / 1e6 }
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
