import { describe, expect, it } from 'vitest'
import { fixture, optional, temporaryFolder } from '../../test/files.js'
import { decodeBlocks } from '../blocks/decode.js'
import { convert } from '../convert/convert.js'
import { readSafetensors } from '../safetensors/read.js'
import { merge } from './merge.js'

const base = fixture('tiny-llama')
const adapter = fixture('adapter')

const values = async (file: string, name: string) => decodeBlocks('F32', await (await readSafetensors(file)).read(name))

/** Largest difference between a merged folder and what PEFT made of the same model and adapter. */
async function differenceFromPeft(folder: string, theirs = 'merged.safetensors'): Promise<number> {
  const expected = await readSafetensors(fixture(theirs))
  let largest = 0
  for (const name of expected.tensors.keys()) {
    const ours = await values(`${folder}/model.safetensors`, name)
    const theirs = decodeBlocks('F32', await expected.read(name))
    ours.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - theirs[i]!))
    })
  }
  return largest
}

describe('merge', () => {
  it('makes the numbers that PEFT makes', async () => {
    const out = `${temporaryFolder()}/merged`
    const report = await merge({ base, adapters: [{ path: adapter }], out })
    expect(report).toMatchObject({ kind: 'hf', type: 'F32', changed: 14 })
    expect(report.adapterNorm).toBeGreaterThan(1)
    expect(report.quantisedBase).toBeUndefined()
    expect(await differenceFromPeft(out)).toBeLessThan(1e-6)
  })

  it('makes the same of a GGUF base, whose rows lie in another order', async () => {
    const folder = temporaryFolder()
    await merge({ base: fixture('tiny-llama.gguf'), adapters: [{ path: adapter }], out: `${folder}/merged.gguf`, type: 'F32' })
    await convert(`${folder}/merged.gguf`, `${folder}/merged`)
    expect(await differenceFromPeft(`${folder}/merged`)).toBeLessThan(1e-6)
  })

  it.each(['tiny-llama', 'tiny-llama.gguf'])('turns and stretches rows as DoRA in PEFT does: %s', async (name) => {
    const folder = temporaryFolder()
    const out = `${folder}/merged.gguf`
    await merge({ base: fixture(name), adapters: [{ path: fixture('adapter-dora') }], out, type: 'F32' })
    await convert(out, `${folder}/merged`)
    expect(await differenceFromPeft(`${folder}/merged`, 'merged-dora.safetensors')).toBeLessThan(1e-6)
  })

  it('weighs adapters and adds them up', async () => {
    const out = `${temporaryFolder()}/merged`
    await merge({
      base,
      adapters: [
        { path: adapter, weight: 0.75 },
        { path: adapter, weight: 0.25 },
      ],
      method: 'linear',
      out,
    })
    expect(await differenceFromPeft(out)).toBeLessThan(1e-6)
    await merge({
      base,
      adapters: [
        { path: adapter, weight: 1 },
        { path: adapter, weight: -1 },
      ],
      out,
    })
    const name = 'model.layers.0.mlp.up_proj.weight'
    expect(await values(`${out}/model.safetensors`, name)).toEqual(await values(`${base}/model.safetensors`, name))
  })

  it('says how the rounding of a quantised base compares with the adapter', async () => {
    const path = optional('.models/SmolLM2-135M-Instruct.Q4_1.gguf', 'merging into a quantised base')
    const lora = optional('../shared/parity/smollm2-lora/adapter_final', 'merging into a quantised base')
    if (path === undefined || lora === undefined) return
    const out = `${temporaryFolder()}/merged.gguf`
    const report = await merge({ base: path, adapters: [{ path: lora }], out })
    expect(report).toMatchObject({ kind: 'gguf', type: 'F16', changed: 210 })
    expect(report.quantisedBase?.types).toContain('Q4_1')
    expect(report.quantisedBase?.ratio).toBeGreaterThan(1)
    expect(report.warnings[0]).toContain('quantised')
  })

  it('says when rounding takes away what the adapter adds', async () => {
    const out = `${temporaryFolder()}/merged`
    const whole = await merge({ base, adapters: [{ path: adapter }], out, type: 'BF16' })
    expect(whole.warnings).toEqual([])
    expect(whole.roundingNorm).toBeGreaterThan(0)
    const little = await merge({ base, adapters: [{ path: adapter, weight: 1e-4 }], out, type: 'BF16' })
    expect(little.roundingNorm).toBeGreaterThan(little.adapterNorm)
    expect(little.warnings).toEqual([expect.stringContaining('Rounding to BF16')])
    expect((await merge({ base, adapters: [{ path: adapter, weight: 1e-4 }], out, type: 'F32' })).roundingNorm).toBe(0)
  })

  it('needs an adapter', async () => {
    await expect(merge({ base, adapters: [], out: 'nowhere' })).rejects.toMatchObject({ code: 'MERGE_EMPTY' })
  })
})
