import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uniform } from '@qt/core'
import { encodeFloats, type MetadataValue, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { tensorErrors } from '../report/tensor-errors.js'
import { divergenceWeights } from './divergence-weights.js'

vi.setConfig({ testTimeout: 60_000 })

const names = ['token_embd.weight', 'blk.0.attn_q.weight', 'blk.0.ffn_down.weight', 'blk.1.ffn_down.weight']
// What the errors of each tensor do to the model.
const truth = new Map(names.map((name, i) => [name, 3 ** i]))

let folder: string
let input: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-weights-test-'))
  input = join(folder, 'model.gguf')
  await writeGguf(input, {
    metadata: new Map<string, MetadataValue>([['general.architecture', { type: 'STRING', value: 'llama' }]]),
    tensors: [...names, 'output_norm.weight'].map((name, i) => ({
      name,
      type: 'F16' as const,
      shape: name.endsWith('norm.weight') ? [256] : [32, 256],
      data: encodeFloats(
        'F16',
        Float32Array.from({ length: name.endsWith('norm.weight') ? 256 : 32 * 256 }, (_, k) => uniform(i, 'sample', 0, k) - 0.5),
      ),
    })),
  })
})
afterEach(() => rm(folder, { recursive: true }))

const divergence = async (file: string): Promise<number> =>
  (await tensorErrors(input, file)).reduce((sum, { name, error }) => sum + (truth.get(name) ?? 0) * error, 0)

describe('divergenceWeights', () => {
  it('finds what the error of each tensor does to the model, and leaves no file', async () => {
    const seen: string[] = []
    const weights = await divergenceWeights(input, { divergence, folder, onGroup: (...one) => seen.push(one.join(' ')) })
    expect([...weights.keys()]).toEqual(names)
    for (const [name, weight] of truth) expect(weights.get(name)! / weight).toBeCloseTo(1, 2)
    expect(seen).toEqual(names.map((name, i) => `${name} ${i + 1} 4`))
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })

  it('gives tensors of a group the mean of what they do', async () => {
    const weights = await divergenceWeights(input, { divergence, groupOf: (name) => name.replace(/^blk\.\d+\./, '') })
    const [first, second] = names.slice(2).map((name) => weights.get(name)!)
    expect(first).toBe(second)
    expect(first! / 18).toBeCloseTo(1, 1)
  })

  it('says which tensor made the model useless', async () => {
    await expect(divergenceWeights(input, { divergence: async () => Number.NaN, folder })).rejects.toMatchObject({
      code: 'MODEL_NOT_FINITE',
      where: { field: 'token_embd.weight' },
    })
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })
})
