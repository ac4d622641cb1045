import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type TensorType, uniform } from '@qt/core'
import { encodeFloats, type FloatType, type MetadataValue, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { binding } from './binding.js'
import type { hardware } from './hardware.js'
import { quantize } from './quantize.js'
import { quantMethods } from './registry.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const native = binding()
if (native instanceof Error) console.log('skipped: the addon is not built (npm run build:native)')
const kernels = native instanceof Error ? [] : native.availableKernels()

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-engines-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Rows that some types do not divide, several ranges of work a tensor, every float type, a vector. */
const shapes: Record<string, readonly [FloatType, readonly number[]]> = {
  'a.weight': ['F16', [517, 576]],
  'b.weight': ['BF16', [3, 96]],
  'c_norm.weight': ['F32', [576]],
  'd.weight': ['F32', [2, 3, 160]],
  'e.weight': ['F32', [5, 48]],
}

/** For the types whose search is slow; embeddings need no importance. */
const searchedShapes: typeof shapes = { 'token_embd.weight': ['F16', [21, 512]], 'c_norm.weight': ['F32', [576]] }
const isSearched = (type: TensorType) => type.startsWith('IQ') && type !== 'IQ4_NL'

async function makeModel(damage: Record<string, Record<number, number>> = {}, of = shapes): Promise<string> {
  const path = join(folder, 'model.gguf')
  const metadata = new Map<string, MetadataValue>([['general.architecture', { type: 'STRING', value: 'llama' }]])
  const tensors = Object.entries(of).map(([name, [type, shape]], tensor) => {
    const values = Float32Array.from(
      { length: shape.reduce((product, size) => product * size, 1) },
      (_, i) => uniform(tensor, 'sample', 0, i) - 0.5,
    )
    for (const [position, value] of Object.entries(damage[name] ?? {})) values[Number(position)] = value
    return { name, type, shape, data: encodeFloats(type, values) }
  })
  await writeGguf(path, { metadata, tensors })
  return path
}

describe.skipIf(native instanceof Error)('the native engine', () => {
  it.each(quantMethods.map(({ type }) => type).filter((type) => type !== 'Q8_K'))(
    'writes the file that the reference writes, as %s',
    async (type) => {
      const input = await makeModel({}, isSearched(type) ? searchedShapes : shapes)
      const what = isSearched(type) ? { types: new Map([['token_embd.weight', type]]) } : { type }
      const expected = join(folder, 'reference.gguf')
      expect((await quantize(input, expected, { ...what, engine: 'reference' })).engine).toBe('reference')
      const bytes = await readFile(expected)
      for (const name of kernels)
        for (const threads of [1, 2, 3]) {
          vi.stubEnv('QT_KERNELS', name)
          const output = join(folder, 'native.gguf')
          const result = await quantize(input, output, { ...what, threads, engine: 'native', sync: false })
          expect(result.fileBytes).toBe(bytes.length)
          expect((await readFile(output)).equals(bytes)).toBe(true)
        }
      vi.unstubAllEnvs()
    },
  )

  it.each(['native', 'reference'] as const)('names the first value that it refuses: %s', async (engine) => {
    const input = await makeModel({ 'a.weight': { 290001: Number.NaN, 290500: Number.POSITIVE_INFINITY } })
    const run = quantize(input, join(folder, 'out.gguf'), { type: 'Q4_0', engine, threads: 3 })
    await expect(run).rejects.toMatchObject({ code: 'QUANT_NOT_FINITE', where: { file: input, field: 'a.weight[290001]' } })
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })

  it('reports every tensor once, and stops when told to', async () => {
    const input = await makeModel()
    const seen: string[] = []
    const output = join(folder, 'out.gguf')
    await quantize(input, output, { type: 'Q8_0', onTensor: ({ name }) => seen.push(name) })
    expect(seen.toSorted()).toEqual(Object.keys(shapes))

    const controller = new AbortController()
    controller.abort()
    await expect(quantize(input, output, { type: 'Q4_0', signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })

  it('ends with the error of a listener that throws, and leaves nothing behind', async () => {
    const run = quantize(await makeModel(), join(folder, 'out.gguf'), {
      type: 'Q8_0',
      onTensor() {
        throw new Error('the listener')
      },
    })
    await expect(run).rejects.toThrow('the listener')
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })

  it('says what it cannot write, and refuses to work with no threads', async () => {
    const input = await makeModel()
    const inFile = quantize(input, join(input, 'out.gguf'), { type: 'Q8_0' })
    await expect(inFile).rejects.toMatchObject({ code: 'WRITE_FAILED' })
    const none = quantize(input, join(folder, 'out.gguf'), { type: 'Q8_0', threads: 0 })
    await expect(none).rejects.toMatchObject({ code: 'QUANT_THREADS' })
  })
})

describe('without the addon', () => {
  it('the reference does the work and says once that it is slow and why', async () => {
    // The same sources somewhere else, where no addon was built.
    const elsewhere = fileURLToPath(new URL(`../.cache/${crypto.randomUUID()}/src`, import.meta.url))
    try {
      await cp(fileURLToPath(new URL('.', import.meta.url)), elsewhere, { recursive: true })
      const copy: { quantize: typeof quantize; hardware: typeof hardware } = await import(
        /* @vite-ignore */ `${elsewhere}/index.ts`
      )
      const warnings: string[] = []
      const output = join(folder, 'out.gguf')
      const type: TensorType = 'Q8_0'
      const options = { type, onWarning: (message: string) => warnings.push(message) }
      expect((await copy.quantize(await makeModel(), output, options)).engine).toBe('reference')
      expect(warnings).toEqual([expect.stringMatching(/slower, because the native part .* is not installed/)])
      await expect(copy.quantize(join(folder, 'model.gguf'), output, { type, engine: 'native' })).rejects.toMatchObject({
        code: 'QUANT_NATIVE_MISSING',
      })
      expect(() => copy.hardware()).toThrow(/is not installed/)
    } finally {
      await rm(join(elsewhere, '..'), { recursive: true, force: true })
    }
  })
})
