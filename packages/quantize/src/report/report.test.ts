import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uniform } from '@qt/core'
import { encodeFloats, type MetadataValue, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { quantize } from '../quantize.js'
import { qualityHtml } from './html.js'
import { tensorErrors } from './tensor-errors.js'

const metadata = new Map<string, MetadataValue>([['general.architecture', { type: 'STRING', value: 'llama' }]])
const name = 'blk.0.attn_q.weight'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-report-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function write(file: string, shape: readonly number[], value: (i: number) => number): Promise<string> {
  const path = join(folder, file)
  const count = shape.reduce((product, size) => product * size, 1)
  const data = encodeFloats(
    'F32',
    Float32Array.from({ length: count }, (_, i) => value(i)),
  )
  await writeGguf(path, { metadata, tensors: [{ name, type: 'F32', shape: [...shape], data }] })
  return path
}
const random = (i: number) => uniform(1, 'sample', 0, i) - 0.5

describe('tensorErrors', () => {
  it('are parts of the squared size, weighed by column where importance is known', async () => {
    const a = await write('a.gguf', [2, 2], (i) => [1, 2, 3, 4][i]!)
    const b = await write('b.gguf', [2, 2], (i) => [1, 1, 3, 4.5][i]!)
    const entry = { sums: Float32Array.of(0, 8), counts: Float32Array.of(2) }
    const importance = { entries: new Map([[name, entry]]), datasets: [], chunks: 1, chunkSize: 2 }
    const [error] = await tensorErrors(a, b, { importance })
    expect(error).toMatchObject({ name, from: 'F32', to: 'F32' })
    expect(error!.error).toBeCloseTo(1.25 / 30, 12)
    expect(error!.weighted).toBeCloseTo(1.25 / 20, 12)
  })

  it('grow as bits get fewer', async () => {
    const input = await write('f32.gguf', [8, 512], random)
    const found = []
    for (const type of ['Q8_0', 'Q5_K_S', 'Q3_K_S']) {
      await quantize(input, join(folder, type), { type, pure: true, sync: false })
      found.push((await tensorErrors(input, join(folder, type)))[0]!.error)
    }
    expect(found).toEqual(found.toSorted((a, b) => a - b))
    expect(found[0]).toBeLessThan(1e-4)
    expect(found[2]).toBeGreaterThan(5e-3)
  })

  it('are counted in every tensor, norms and what kept its type included', async () => {
    const [a, b] = [await write('a.gguf', [4], (i) => i), await write('b.gguf', [4], (i) => (i === 3 ? 2 : i))]
    expect((await tensorErrors(a, b))[0]!.error).toBeCloseTo(1 / 14, 12)
    expect((await tensorErrors(a, a))[0]!.error).toBe(0)
  })

  it('of what is no number are not made up', async () => {
    const [a, b] = [await write('a.gguf', [4], random), await write('b.gguf', [4], () => Number.NaN)]
    await expect(tensorErrors(a, b)).rejects.toMatchObject({ code: 'QUANT_NOT_FINITE', where: { field: name } })
  })

  it('of different models are refused', async () => {
    const [a, b] = [await write('a.gguf', [2, 4], random), await write('b.gguf', [4, 2], random)]
    const nothing = join(folder, 'nothing.gguf')
    await writeGguf(nothing, { metadata, tensors: [] })
    await expect(tensorErrors(a, nothing)).rejects.toMatchObject({ code: 'QUANT_SHAPE' })
    await expect(tensorErrors(a, b)).rejects.toMatchObject({ code: 'QUANT_SHAPE', where: { field: name } })
  })
})

describe('qualityHtml', () => {
  it('is one page that needs nothing else, and shows what names say as text', () => {
    const html = qualityHtml({
      original: { name: '<img src=x>', bytes: 4e6 },
      quantised: { name: 'a & b', bytes: 1e6, type: 'Q4_K_M' },
      text: {
        datasets: ['poems.txt'],
        quality: {
          mean: 0.01,
          median: 0.002,
          percentile99: 0.1,
          max: 1,
          topAgreement: 0.95,
          positions: 100,
          perplexity: { p: 10, q: 10.5 },
        },
      },
      tensors: [{ name, from: 'F16', to: 'Q4_K', bytes: 1e6, error: 0.004 }],
      plan: {
        cost: 0.5,
        frontier: [
          { bytes: 5e5, cost: 2 },
          { bytes: 4e6, cost: 0 },
        ],
      },
    })
    expect(html).not.toMatch(/<img|https?:|<script|<link/)
    expect(html).toContain('a &amp; b')
    expect(html).toContain('95.00 %')
    expect(html).toContain('10.50 (+5.00 %)')
    expect(html).toContain('25.00 % of &lt;img')
    expect(html).toContain('<svg')
  })
})
