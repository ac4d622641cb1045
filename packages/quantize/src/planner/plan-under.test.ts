import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rowBytes, type TensorType, uniform } from '@qt/core'
import { encodeFloats, type MetadataValue, readGguf, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { planQuantization } from '../plan.js'
import { quantize } from '../quantize.js'
import { planUnder } from './plan-under.js'

vi.setConfig({ testTimeout: 60_000 })

const bytesOf = (type: TensorType): number => rowBytes(type, 512)!

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-under-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function model(names = ['blk.0.attn_q.weight', 'blk.1.attn_q.weight']): Promise<string> {
  const path = join(folder, 'model.gguf')
  const tensors = names.map((name, i) => ({
    name,
    type: 'F16' as const,
    shape: [16, 512],
    data: encodeFloats(
      'F16',
      Float32Array.from({ length: 16 * 512 }, (_, k) => uniform(i, 'sample', 0, k) - 0.5),
    ),
  }))
  await writeGguf(path, {
    metadata: new Map<string, MetadataValue>([['general.architecture', { type: 'STRING', value: 'llama' }]]),
    tensors,
  })
  return path
}

describe('planUnder', () => {
  it('spends bytes where they save most, and keeps the limit', async () => {
    const input = await model()
    const { fileBytes: limit } = await planQuantization(input, { type: 'Q4_K_S', pure: true })
    const plan = await planUnder(input, { bytes: limit, weightOf: (name) => (name.startsWith('blk.1') ? 100 : 1) })
    expect(plan.fileBytes).toBeLessThanOrEqual(limit)
    const [less, more] = ['blk.0.attn_q.weight', 'blk.1.attn_q.weight'].map((name) => plan.types.get(name)!)
    expect(bytesOf(more!)).toBeGreaterThan(bytesOf(less!))
    const output = join(folder, 'out.gguf')
    await quantize(input, output, { types: plan.types, sync: false })
    expect((await stat(output)).size).toBe(plan.fileBytes)
    expect((await readGguf(output)).tensors.get('blk.1.attn_q.weight')?.type).toBe(more)
  })

  it('keeps everything when everything fits, and says what is possible when nothing does', async () => {
    const input = await model()
    expect([...(await planUnder(input, { bytes: 1e9 })).types.values()]).toEqual(['F16', 'F16'])
    await expect(planUnder(input, { bytes: 1000 })).rejects.toMatchObject({ code: 'QUANT_SIZE' })
  })

  it('leaves no choice where a type is asked for; the output type is that of an embedding that is the output, too', async () => {
    const input = await model(['token_embd.weight', 'blk.0.attn_q.weight'])
    const rule = [{ pattern: 'attn_q', type: 'Q5_K' }] as const
    const { types } = await planUnder(input, { bytes: 1e9, outputType: 'Q6_K', tensorTypes: rule })
    expect(Object.fromEntries(types)).toEqual({ 'token_embd.weight': 'Q6_K', 'blk.0.attn_q.weight': 'Q5_K' })
  })

  it('does not weigh an embedding by an importance of another size', async () => {
    const input = await model(['token_embd.weight', 'blk.0.attn_q.weight'])
    const { fileBytes: bytes } = await planQuantization(input, { type: 'Q5_K_S', pure: true })
    const entry = { sums: new Float32Array(7).fill(1), counts: Float32Array.of(1) }
    const importance = { entries: new Map([['token_embd.weight', entry]]), datasets: [], chunks: 1, chunkSize: 1 }
    expect((await planUnder(input, { bytes, importance })).types).toEqual((await planUnder(input, { bytes })).types)
  })

  it('asks another planner when given one', async () => {
    const { types } = await planUnder(await model(), { bytes: 1e9, planner: ({ tensors }) => tensors.map(() => 1) })
    expect([...types.values()]).toEqual(['Q8_0', 'Q8_0'])
  })
})
