import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readImportance } from '@qt/quantize'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { cudaLibrary, gpuLibraries } from './emulated-gpu.js'
import { fixture, qt } from './qt.js'

// Processes on a busy machine, and an emulator in a GPU's place.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const there = gpuLibraries([cudaLibrary], 'verbs')

const tiny = fixture('tiny.gguf')
const env = { QT_CUDA_LIBRARY: cudaLibrary }
/** Of a scenario that a context of 256 bytes holds. */
const fogs = `data: { augment: 0, practice: 0 }
adapter: { rank: 2, alpha: 4 }
training: { steps: 2, batchSize: 1, precision: float32 }
evaluation: { maxTokens: 4 }
llamaCpp: false
`
let folder = ''
let text = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-gpu-'))
  text = join(folder, 'text.txt')
  await writeFile(text, 'The rain in the thin another sand. '.repeat(8))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function document(args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await qt([...args, '--json'], '', { env })
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

describe.skipIf(!there)('on a GPU or an emulated one', () => {
  test('a model answers what it answers on the processor', async () => {
    const flags = [
      'generate',
      tiny,
      '--raw',
      '--prompt',
      'The rain',
      '--temperature',
      '0',
      '--max-tokens',
      '8',
      '--precision',
      'float32',
    ]
    const { seconds: _, tokensPerSecond: __, ...gpu } = Object(await document([...flags, '--device', 'cuda']))
    expect(await document(flags)).toMatchObject(gpu)
    expect(gpu.tokens).toBe(8)
  })

  test('an importance matrix is that of the processor', async () => {
    const made = async (name: string, more: readonly string[]) => {
      const output = join(folder, name)
      await document(['imatrix', tiny, '--text', text, '--row-size', '64', '--process-output', '--output', output, ...more])
      return readImportance(output)
    }
    const [gpu, here] = [await made('gpu.gguf', ['--device', 'cuda:0']), await made('cpu.gguf', [])]
    expect([...gpu.entries.keys()]).toEqual([...here.entries.keys()])
    for (const [name, { sums, counts }] of gpu.entries) {
      const expected = here.entries.get(name)!
      expect(counts).toEqual(expected.counts)
      for (const [i, sum] of sums.entries()) expect(sum / expected.sums[i]!, name).toBeCloseTo(1, 4)
    }
  })

  test('perplexity is that of the processor', async () => {
    const flags = ['eval', 'perplexity', tiny, '--text', text]
    const [gpu, here] = [await document([...flags, '--device', 'cuda']), await document(flags)]
    expect(Object(gpu).perplexity).toBeCloseTo(Object(here).perplexity, 3)
  })

  test('what is cut, healed and measured again there is what the processor would have', async () => {
    const cut = async (name: string, more: readonly string[]) => {
      const flags = ['--drop-layers', '1', '--text', text, '--row-size', '32', '--heal', '2', '--held-out', text, ...more]
      return Object(await document(['prune', tiny, join(folder, name), ...flags]))
    }
    const [gpu, here] = [await cut('cut-gpu.gguf', ['--device', 'cuda']), await cut('cut.gguf', [])]
    expect(gpu.droppedLayers).toEqual(here.droppedLayers)
    for (const when of ['before', 'after']) expect(gpu.perplexity[when]).toBeCloseTo(here.perplexity[when], 3)
    expect(gpu.perplexity.healed / here.perplexity.healed).toBeCloseTo(1, 1)
  })

  test('what tensors lose, and a quantised model beside its original, are those of the processor', async () => {
    const made = async (name: string, more: readonly string[]) => {
      const size = ['--max-size', String(Math.floor(0.6 * (await stat(tiny)).size))]
      const asked = [
        '--sensitivity',
        text,
        '--rows',
        '1',
        '--row-size',
        '32',
        '--report',
        join(folder, 'report.json'),
        '--text',
        text,
      ]
      return Object(await document(['quantize', tiny, join(folder, name), ...size, ...asked, ...more]))
    }
    const [gpu, here] = [await made('small-gpu.gguf', ['--device', 'cuda']), await made('small.gguf', [])]
    expect(gpu.tensors).toEqual(here.tensors)
    const between = async (more: readonly string[]) =>
      Object(await document(['eval', 'divergence', tiny, join(folder, 'small.gguf'), '--text', text, '--rows', '1', ...more]))
    expect(gpu.quality.text.quality.mean / here.quality.text.quality.mean).toBeCloseTo(1, 3)
    const [there, again] = [await between(['--device', 'cuda']), await between([])]
    expect(there.text.quality.mean / again.text.quality.mean).toBeCloseTo(1, 3)
  })

  test('which layers to leave out is measured and judged there', async () => {
    const flags = [
      'optimize',
      'layers',
      tiny,
      '--drop-layers',
      '1',
      '--text',
      text,
      '--row-size',
      '16',
      '--rows',
      '4',
      '--time',
      '0.05',
    ]
    const [gpu, here] = [Object(await document([...flags, '--device', 'cuda'])), Object(await document(flags))]
    expect(gpu.layers).toEqual(here.layers)
    expect(gpu.judged[0].kl.value / here.judged[0].kl.value).toBeCloseTo(1, 3)
  })

  test('adapters are measured, trained and judged there, and the configuration says so', async () => {
    const data = join(folder, 'rows.jsonl')
    await writeFile(
      data,
      Array.from({ length: 10 }, () => JSON.stringify({ text: 'The rain in the thin another sand.' })).join('\n'),
    )
    const output = join(folder, 'adapter.json')
    const flags = [
      '--base',
      tiny,
      '--data',
      data,
      '--parameters',
      '2000',
      '--ranks',
      '1,2',
      '--steps',
      '1',
      '--sequence-length',
      '32',
    ]
    const decided = [...flags, '--time', '0.05', '--device', 'cuda', '--output', output]
    expect(Object(await document(['optimize', 'adapters', ...decided])).judged).toHaveLength(4)
    expect(JSON.parse(await readFile(output, 'utf8'))).toMatchObject({ device: 'cuda' })
  })

  test('a pipeline trains, checks and measures there; what one device made the other uses again', async () => {
    const project = async (name: string) => {
      const dir = join(folder, name)
      for (const [place, does] of [
        ['scenarios', 'I look around.'],
        ['held-out', 'I look up.'],
      ] as const) {
        await mkdir(join(dir, place), { recursive: true })
        const lines = [
          '<SYSTEM>',
          '# World',
          'Fog.',
          '</SYSTEM>',
          `<User>${does}</User>`,
          '<DM>It moves. [roll: perception]</DM>',
        ]
        await writeFile(join(dir, place, 'fog.md'), `${lines.join('\n')}\n`)
      }
      await writeFile(join(dir, 'pipeline.yaml'), fogs)
      return dir
    }
    const [gpu, here] = [await project('game-gpu'), await project('game')]
    const made = async (dir: string, more: readonly string[]) =>
      Object(await document(['pipeline', dir, '--base', tiny, ...more]))
    const [there, onProcessor] = [await made(gpu, ['--device', 'cuda']), await made(here, [])]
    expect(await readFile(join(gpu, 'output/train/config.yaml'), 'utf8')).toContain('device: cuda\n')
    for (const [i, { perplexity, all }] of there.evaluation.entries()) {
      const expected = onProcessor.evaluation[i]
      expect(perplexity / expected.perplexity).toBeCloseTo(1, 3)
      // Sums run in another order there: the very same number would come from the processor.
      expect(perplexity).not.toBe(expected.perplexity)
      expect(all.of).toBe(1)
    }
    const again = await made(here, ['--device', 'cuda'])
    expect(new Set(Object.values(again.stages))).toEqual(new Set(['reused']))
  })

  test('a judge computes there, and what a cache remembers of it is not taken for the processor’s', async () => {
    const chat = join(folder, 'chat.jsonl')
    const turns = ['user', 'assistant'].map((role) => ({ role, content: 'The rain in the sand.' }))
    await writeFile(chat, JSON.stringify({ messages: turns }))
    const cache = join(folder, 'judge.jsonl')
    const rubric = join(folder, 'rubric.yaml')
    // Short, as the model's context is.
    await writeFile(rubric, 'name: short\ncriteria: [{ name: c, question: q, scale: { 1: a, 2: b } }]\nprompt: "{{answer}}"\n')
    const flags = [
      'eval',
      'run',
      tiny,
      '--suite',
      'judge',
      '--data',
      chat,
      '--max-tokens',
      '2',
      '--judge',
      tiny,
      '--rubric',
      rubric,
      '--judge-cache',
      cache,
    ]
    const remembered = async (more: readonly string[]) => {
      expect(Object(await document([...flags, ...more])).suites[0].items[0].error).toBeUndefined()
      return (await readFile(cache, 'utf8')).trim().split('\n').length
    }
    const once = await remembered(['--judge-device', 'cuda'])
    expect(await remembered(['--judge-device', 'cuda:0'])).toBe(once)
    expect(await remembered([])).toBe(2 * once)
  })
})

test.each([
  [
    ['prune', tiny, 'out.gguf', '--drop-layers', '1', '--text', 'TEXT', '--device', 'gpu'],
    '--device must be cpu, cuda or cuda:N',
  ],
  [['quantize', tiny, 'out.gguf', '--max-size', '1MB', '--sensitivity', 'TEXT', '--device', 'gpu'], '--device must be'],
  [['quantize', tiny, 'out.gguf', '--type', 'Q8_0', '--device', 'cuda'], 'Quantising is done on the processor'],
  [['eval', 'divergence', tiny, tiny, '--text', 'TEXT', '--device', 'gpu'], '--device must be'],
  [['pipeline', 'nowhere', '--device', 'gpu'], '--device must be'],
  [['optimize', 'bits', tiny, '--max-size', '1MB', '--text', 'TEXT', '--device', 'gpu'], '--device must be'],
  [['optimize', 'heads', tiny, '--drop-heads', '1', '--text', 'TEXT', '--device', 'gpu'], '--device must be'],
  [
    ['eval', 'run', tiny, '--suite', 'judge', '--data', 'CHAT', '--judge', tiny, '--judge-device', 'gpu'],
    '--judge-device must be',
  ],
  [['eval', 'run', tiny, '--suite', 'judge', '--data', 'CHAT', '--judge', 'ollama:x', '--judge-device', 'cuda'], 'loaded here'],
] as const)('%j: a device that is none, or of no use, is refused', async (args, message) => {
  const chat = join(folder, 'refused.jsonl')
  await writeFile(chat, JSON.stringify({ messages: ['user', 'assistant'].map((role) => ({ role, content: 'x' })) }))
  const named = args.map((arg) => (arg === 'TEXT' ? text : arg === 'CHAT' ? chat : arg))
  const { code, stdout, stderr } = await qt([...named, '--json'])
  expect([code, stderr + stdout]).toEqual([2, expect.stringContaining('USAGE_BAD_VALUE')])
  expect(stderr + stdout).toContain(message)
})

test('a GPU that is not there is refused by name, and a device that is none', async () => {
  const asked = (device: string, settings: Record<string, string>) =>
    qt(['generate', tiny, '--prompt', 'x', '--device', device, '--json'], '', { env: settings })
  const missing = await asked('cuda', { QT_CUDA_LIBRARY: join(folder, 'nothing.so') })
  expect([missing.code, missing.stderr + missing.stdout]).toEqual([2, expect.stringContaining('GPU_MISSING')])
  expect(missing.stderr + missing.stdout).toContain(`QT_CUDA_LIBRARY names ${join(folder, 'nothing.so')}`)
  expect(missing.stderr + missing.stdout).toContain('--device cpu')
  const none = await asked('gpu', env)
  expect([none.code, none.stderr + none.stdout]).toEqual([2, expect.stringContaining('USAGE_BAD_VALUE')])
  expect(none.stderr + none.stdout).toContain('--device must be cpu, cuda or cuda:N, not \\"gpu\\".')
})

test('a GPU that is not there is told before a file is quantised', async () => {
  const output = join(folder, 'unasked.gguf')
  const report = ['--report', join(folder, 'unasked.json'), '--text', text]
  const settings = { QT_CUDA_LIBRARY: join(folder, 'nothing.so') }
  const asked = await qt(['quantize', tiny, output, '--type', 'Q8_0', ...report, '--device', 'cuda', '--json'], '', {
    env: settings,
  })
  expect([asked.code, asked.stderr + asked.stdout]).toEqual([2, expect.stringContaining('GPU_MISSING')])
  await expect(stat(output)).rejects.toThrow('ENOENT')
})

test('a GPU that is not there is told before a pipeline begins, and the flag goes before the file', async () => {
  const dir = join(folder, 'nowhere-to-train')
  await mkdir(dir)
  await writeFile(join(dir, 'pipeline.yaml'), 'device: cuda\n')
  const begun = (more: readonly string[]) =>
    qt(['pipeline', dir, '--base', tiny, '--json', ...more], '', { env: { QT_CUDA_LIBRARY: join(folder, 'nothing.so') } })
  const { code, stdout } = await begun([])
  expect([code, stdout]).toEqual([2, expect.stringContaining('GPU_MISSING')])
  expect(stdout).toContain('--device cpu, or device: cpu in pipeline.yaml')
  await expect(stat(join(dir, 'output'))).rejects.toThrow('ENOENT')
  expect((await begun(['--device', 'cpu'])).stdout).toContain('DATA_NOT_FOUND')
})
