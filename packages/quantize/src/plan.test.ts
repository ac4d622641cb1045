import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uniform } from '@qt/core'
import { encodeFloats, type FloatType, type MetadataValue, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { planQuantization } from './plan.js'
import { quantize } from './quantize.js'
import { quantMethods } from './registry.js'
import { requiresImportance } from './requires-importance.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-plan-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function model(type: FloatType): Promise<string> {
  const path = join(folder, `${type}.gguf`)
  const values = Float32Array.from({ length: 64 * 256 }, (_, i) => uniform(1, 'sample', 0, i) - 0.5)
  const tensors = [{ name: 'a.weight', type, shape: [64, 256], data: encodeFloats(type, values) }]
  await writeGguf(path, { metadata: new Map(), tensors })
  return path
}

const types = quantMethods
  .map(({ type }) => type)
  .filter((type) => type !== 'Q8_K' && !requiresImportance('a.weight', type, 'Q8_0'))

describe('planQuantization', () => {
  it('knows the size of the file to the byte', async () => {
    const input = await model('F16')
    for (const type of types) {
      const output = join(folder, `${type}.out.gguf`)
      const plan = await planQuantization(input, { type })
      const { bytesAfter } = await quantize(input, output, { type })
      expect([plan.fileBytes, plan.bytesAfter]).toEqual([(await stat(output)).size, bytesAfter])
    }
  })

  it('takes the most precise type that fits', async () => {
    const input = await model('F16')
    const under = (bytes: number) => planQuantization(input, { maxBytes: bytes })
    expect((await under(Number.MAX_SAFE_INTEGER)).type).toBe('F16')
    for (const type of ['F16', 'Q8_0', 'Q6_K', 'Q5_K_M', 'Q4_K_M', 'Q3_K_L', 'Q2_K']) {
      const { fileBytes } = await planQuantization(input, { type })
      expect(await under(fileBytes)).toMatchObject({ type, fileBytes })
      if (type !== 'Q2_K') expect((await under(fileBytes - 1)).fileBytes).toBeLessThan(fileBytes)
    }
  })

  it('chooses by the layers of the whole model when some are left out, as llama.cpp does', async () => {
    const path = join(folder, 'layers.gguf')
    const data = encodeFloats('F16', new Float32Array(512))
    const names = Array.from({ length: 10 }, (_, layer) => `blk.${layer}.ffn_down.weight`)
    const metadata = new Map<string, MetadataValue>([
      ['general.architecture', { type: 'STRING', value: 'llama' }],
      ['llama.block_count', { type: 'UINT32', value: names.length }],
    ])
    await writeGguf(path, { metadata, tensors: names.map((name) => ({ name, type: 'F16', shape: [2, 256], data })) })
    const { tensors } = await planQuantization(path, { type: 'Q4_K_M', pruneLayers: [0, 4, 5, 9] })
    // What llama.cpp made of such a model.
    expect(tensors.map(({ to }) => to)).toEqual(['Q6_K', 'Q4_K', 'Q4_K', 'Q6_K', 'Q4_K', 'Q4_K'])
  })

  it('keeps bfloat16 where the source has it', async () => {
    expect((await planQuantization(await model('BF16'), { maxBytes: 1e9 })).type).toBe('BF16')
    expect((await planQuantization(await model('F32'), { maxBytes: 1e9 })).type).toBe('F16')
  })

  it('says the smallest reachable size when no type fits', async () => {
    const input = await model('F16')
    const least = (await planQuantization(input, { type: 'Q2_K' })).fileBytes
    const refused = planQuantization(input, { maxBytes: least - 1 })
    await expect(refused).rejects.toMatchObject({ code: 'QUANT_SIZE', kind: 'usage' })
    await expect(refused).rejects.toThrow(`the smallest reachable size is ${least}, as Q2_K`)
  })

  it('holds a type that was asked for to the size, too', async () => {
    const input = await model('F16')
    await expect(planQuantization(input, { type: 'Q8_0', maxBytes: 1000 })).rejects.toMatchObject({ code: 'QUANT_SIZE' })
  })

  it('needs a type or a size', async () => {
    await expect(planQuantization(await model('F16'), {})).rejects.toMatchObject({ code: 'QUANT_TYPE_UNKNOWN' })
  })
})
