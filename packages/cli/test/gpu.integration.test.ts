import { mkdtemp, rm, writeFile } from 'node:fs/promises'
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
