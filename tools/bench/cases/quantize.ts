import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type FileType, fileTypeNames, needsImportance } from '@qt/quantize'
import { type Gguf, readGguf } from '@qt/weights'
import { z } from 'zod'
import { type CommandResult, command, tail } from '../../src/command.js'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase } from '../case.js'
import { oracleMissing, oracleScript, oraclesPython } from '../oracles.js'

const cache = join(root, '.cache/bench')
const threads = 2

/** What makes a file: an oracle's script with its arguments before the path, or a model that ours makes F16 of. */
type Source = { readonly script: string; readonly args?: readonly string[] } | { readonly model: string }

interface Input {
  readonly title: string
  readonly path: string
  readonly from: Source
}

const inputs = {
  /** A llama of 16 layers of 1536, rows that every type divides. */
  large: {
    title: '1.0 GB of F16',
    path: join(cache, 'llama-16x1536-f16.gguf'),
    from: { script: 'make_gguf.py' },
  },
  /** Rows of 576, which blocks of 256 do not divide: most matrices get the types that stand in. */
  smol: {
    title: 'SmolLM2-135M in F16',
    path: join(cache, 'SmolLM2-135M-f16.gguf'),
    from: { model: join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf') },
  },
} as const satisfies Record<string, Input>

const imatrixOf = (path: string): string => path.replace(/-f16\.gguf$/, '.imatrix.gguf')

/** Makes llama.cpp's run say its peak memory after what it says itself. */
const withPeak = [
  'import resource, runpy, sys',
  'sys.argv = sys.argv[1:]',
  'runpy.run_path(sys.argv[0], run_name="__main__")',
  'print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)',
].join('\n')

interface Variant {
  readonly input?: keyof typeof inputs
  /** By an importance matrix. */
  readonly weighted?: boolean
  /** An instruction set that ours is held to. */
  readonly kernels?: 'avx2'
}

/** How many times faster than llama.cpp ours has to be, on the large model. */
function barOf(type: FileType, { input = 'large', kernels }: Variant): number | undefined {
  if (input !== 'large') return undefined
  if (kernels === 'avx2') return 2.5
  if (/^(Q\d_K|IQ4)/.test(type)) return 4
  if (type.startsWith('IQ')) return 3
  return ['Q8_0', 'Q4_0', 'F16'].includes(type) ? 2 : undefined
}

/** Why llama.cpp makes no such file; its encoders of the blocks are held against ours in packages/quantize. */
function noPeer(type: FileType, input: keyof typeof inputs): string | undefined {
  if (type === 'NVFP4') return 'it reads such files and makes none'
  return type === 'Q1_0' && input === 'smol' ? 'it has no type that stands in for Q1_0 where rows do not divide' : undefined
}

/** An F16 model to one type, ours through the command that users type, llama.cpp through its own library. */
const quantizeTo =
  (type: FileType, variant: Variant = {}): MakeCase =>
  async ({ folder }) => {
    const { input = 'large', weighted = false, kernels } = variant
    const { title, path: model }: Input = inputs[input]
    const imatrix = imatrixOf(model)
    const absent =
      (await make(model, inputs[input].from)) ??
      (weighted ? await make(imatrix, { script: 'make_imatrix.py', args: [model] }) : undefined)
    const job: Job = {
      type,
      model,
      outputs: { ours: join(folder, 'ours.gguf'), theirs: join(folder, 'theirs.gguf') },
      flags: weighted ? ['--imatrix', imatrix] : [],
      absent,
      unmatched: noPeer(type, input),
      kernels,
    }
    const how = `${weighted ? ' by an importance matrix' : ''}${kernels ? ', AVX2 forced' : ''}`
    const bar = barOf(type, variant)
    return {
      name: caseName(type, variant),
      title: `${title} to ${type}${how}, ${threads} threads`,
      conditions:
        'The same mixture, input in the page cache, memory for the output taken from the host of the machine, output not forced to disk; the time is that of quantising alone, without starting Node or Python; the memory is that of the whole process, pages of mapped files included.',
      metrics: [
        { key: 'seconds', title: 'seconds', digits: 2, better: 'lower' },
        { key: 'identical', title: '% of tensors identical', digits: 1, better: 'higher' },
        { key: 'peak', title: 'MB at most', digits: 0, better: 'lower' },
      ],
      ...(bar === undefined ? {} : { bar }),
      inputs: absent === undefined ? [model] : [],
      ours: [ours(job)],
      peers: [await peer(job)],
    }
  }

const caseName = (type: FileType, { input = 'large', weighted, kernels }: Variant) =>
  [
    'quantize',
    type.toLowerCase(),
    ...(input === 'large' ? [] : [input]),
    ...(weighted ? ['imatrix'] : []),
    ...(kernels ? [kernels] : []),
  ].join('-')

const casesOf = (types: readonly FileType[], variant: Variant = {}): Readonly<Record<string, MakeCase>> =>
  Object.fromEntries(types.map((type) => [caseName(type, variant), quantizeTo(type, variant)]))

/** Numbers of their own; importance changes nothing about them. */
const floats: readonly FileType[] = ['F32', 'F16', 'BF16']

/** Every file type, without an importance matrix where it can be made so, and with one. */
const everyType = (input: keyof typeof inputs) => ({
  ...casesOf(
    fileTypeNames.filter((type) => !needsImportance(type)),
    { input },
  ),
  ...casesOf(
    fileTypeNames.filter((type) => !floats.includes(type)),
    { input, weighted: true },
  ),
})

export const quantizeCases = everyType('large')
export const quantizeSmolCases = everyType('smol')

/** Some on an older machine. */
export const quantizeAvx2Cases = casesOf(['Q6_K', 'Q5_K_M', 'Q4_K_M', 'Q3_K_M', 'Q2_K'], { kernels: 'avx2' })

/** Makes a file once. Why there is none, or undefined. */
async function make(path: string, from: Source): Promise<string | undefined> {
  if (existsSync(path)) return undefined
  const made = `${path}.tmp`
  let tried: CommandResult
  if ('model' in from) {
    if (!existsSync(from.model)) return 'the model is not in .models (README, "The test model")'
    await mkdir(dirname(path), { recursive: true })
    tried = await command('qt', ['quantize', from.model, made, '--type', 'F16', '--allow-requantize'])
  } else {
    const python = oraclesPython()
    const missing = oracleMissing(from.script)
    if (missing !== undefined || python === undefined) return missing ?? 'the input cannot be made'
    await mkdir(dirname(path), { recursive: true })
    tried = await command(python, [oracleScript(from.script), ...(from.args ?? []), made])
  }
  if (tried.code !== 0) return `${path} could not be made: ${tail(tried, 3)}`
  await rename(made, path)
  return undefined
}

interface Outputs {
  readonly ours: string
  readonly theirs: string
}

interface Job {
  readonly type: FileType
  readonly model: string
  readonly outputs: Outputs
  readonly flags: readonly string[]
  /** Why it cannot be done here. */
  readonly absent: string | undefined
  /** Why llama.cpp cannot do it. */
  readonly unmatched: string | undefined
  readonly kernels: string | undefined
}

const reportSchema = z.object({ seconds: z.number(), peakBytes: z.number() })

function ours({ type, model, outputs, flags: more, absent, kernels }: Job): Contender | Absent {
  const name = 'qt quantize'
  if (absent !== undefined) return { name, absent }
  const flags = ['--type', type, '--threads', `${threads}`, '--no-sync', '--json', ...more]
  return {
    name,
    command: ['qt', 'quantize', model, outputs.ours, ...flags],
    ...(kernels ? { env: { QT_KERNELS: kernels } } : {}),
    prepare: () => makeRoom(outputs.ours, model),
    async parse({ stdout }) {
      const { seconds, peakBytes } = reportSchema.parse(JSON.parse(stdout))
      const measures = { seconds, peak: peakBytes / 1e6 }
      const theirs = await readable(outputs.theirs)
      return theirs ? { ...measures, identical: 100 * (await shareIdentical(await readGguf(outputs.ours), theirs)) } : measures
    },
  }
}

async function peer({ type, model, outputs, flags: more, absent, unmatched }: Job): Promise<Contender | Absent> {
  const name = 'llama.cpp'
  const script = 'llama_quantize.py'
  const python = oraclesPython()
  const missing = unmatched ?? absent ?? oracleMissing(script)
  if (missing !== undefined || python === undefined) return { name, absent: missing ?? 'there is no Python with the peers' }
  const { code } = await command(python, ['-c', 'import llama_cpp'])
  if (code !== 0) return { name, absent: 'llama-cpp-python is not installed' }
  return {
    name,
    command: [python, '-c', withPeak, oracleScript(script), model, outputs.theirs, type, '--threads', `${threads}`, ...more],
    prepare: () => makeRoom(outputs.theirs, model),
    parse({ stdout }) {
      const [, status, seconds, peak] = /rc=(\d+) .* ([\d.]+)s\s+peak (\d+)\s*$/.exec(stdout.trim()) ?? []
      if (status !== '0') throw new Error(`llama.cpp ended with ${status ?? 'no result'}`)
      return { seconds: Number(seconds), peak: Number(peak) / 1e6 }
    },
  }
}

/**
 * Takes away an earlier output, and lets both sides find as much memory as the input takes: virtual machines give free memory back to
 * their host, and getting it again costs several times what copying into it does.
 */
async function makeRoom(output: string, model: string): Promise<void> {
  await rm(output, { force: true })
  const { size } = await stat(model)
  const zeros = Buffer.alloc(1 << 20)
  const file = await open(output, 'w')
  try {
    for (let done = 0; done < size; done += zeros.length) await file.write(zeros)
  } finally {
    await file.close()
    await rm(output)
  }
}

/** Not there when llama.cpp is absent, and not whole when it failed while it wrote: then there is nothing to compare with. */
async function readable(path: string): Promise<Gguf | undefined> {
  try {
    return await readGguf(path)
  } catch {
    return undefined
  }
}

async function shareIdentical(left: Gguf, right: Gguf): Promise<number> {
  let same = 0
  for (const name of left.tensors.keys()) if (await sameTensor(left, right, name)) same++
  return same / Math.max(left.tensors.size, right.tensors.size)
}

async function sameTensor(left: Gguf, right: Gguf, name: string): Promise<boolean> {
  const [a, b] = [left.tensors.get(name), right.tensors.get(name)]
  if (!a || !b || a.type !== b.type || a.bytes !== b.bytes) return false
  return Buffer.compare(await left.read(name), await right.read(name)) === 0
}
