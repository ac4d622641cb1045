import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fixture, temporaryFolder } from '../../test/files.js'
import { decodeBlocks } from '../blocks/decode.js'
import { metadataNumber, metadataString } from '../gguf/metadata.js'
import { readGguf } from '../gguf/read.js'
import { openModel } from '../model/open-model.js'
import { convertAdapter } from './convert-adapter.js'
import { readAdapter } from './read.js'

const base = fixture('tiny-llama.gguf')
const { spec } = await openModel(base)

/** Σ over the rank of b·a for one output and input. */
const product = (a: Float32Array, b: Float32Array, rank: number, row: number, column: number): number => {
  const columns = a.length / rank
  let sum = 0
  for (let r = 0; r < rank; r++) sum += b[row * rank + r]! * a[r * columns + column]!
  return sum
}

describe('convertAdapter', () => {
  it('says with one alpha and the factors what every module adds, whatever its rank, alpha and scale', async () => {
    const output = `${temporaryFolder()}/adapter.gguf`
    const { modules, alpha } = await convertAdapter(fixture('adapter'), output, { base })
    expect(modules).toBe(14)
    const gguf = await readGguf(output)
    expect(['general.type', 'general.architecture', 'adapter.type'].map((key) => metadataString(gguf.metadata, key))).toEqual([
      'adapter',
      'llama',
      'lora',
    ])
    expect(metadataNumber(gguf.metadata, 'adapter.lora.alpha')).toBeCloseTo(alpha, 5)
    const adapter = await readAdapter(fixture('adapter'), spec)
    expect(gguf.tensors.size).toBe(2 * adapter.modules.size)
    for (const [name, module] of adapter.modules) {
      const [a, b] = [`${name}.lora_a`, `${name}.lora_b`]
      const rank = gguf.tensors.get(b)!.shape[1]!
      expect([rank, gguf.tensors.get(a)!.shape[0]]).toEqual([module.rank, module.rank])
      const [left, right] = [decodeBlocks('F32', await gguf.read(a)), decodeBlocks('F32', await gguf.read(b))]
      for (const [row, column] of [0, 1, 5, 13].map((i) => [i, (7 * i) % (module.a.length / rank)] as const)) {
        const expected = module.scale * product(module.a, module.b, rank, row, column)
        expect((alpha / rank) * product(left, right, rank, row, column)).toBeCloseTo(expected, 5)
      }
    }
  })

  it('gives the same file for a folder as base, and half the factors as F16', async () => {
    const folder = temporaryFolder()
    await convertAdapter(fixture('adapter'), `${folder}/gguf.gguf`, { base })
    await convertAdapter(fixture('adapter'), `${folder}/hf.gguf`, { base: fixture('tiny-llama') })
    await convertAdapter(fixture('adapter'), `${folder}/f16.gguf`, { base, type: 'F16' })
    expect((await readFile(`${folder}/hf.gguf`)).equals(await readFile(`${folder}/gguf.gguf`))).toBe(true)
    expect([...(await readGguf(`${folder}/f16.gguf`)).tensors.values()].every(({ type }) => type === 'F16')).toBe(true)
  })

  it('refuses DoRA and says what to do, writing nothing', async () => {
    const folder = temporaryFolder()
    await cp(fixture('adapter-dora'), folder, { recursive: true })
    await expect(convertAdapter(folder, `${folder}/a.gguf`, { base })).rejects.toMatchObject({
      code: 'ADAPTER_UNSUPPORTED',
      actions: [{ label: expect.stringContaining('qt merge') }],
    })
    expect(await readdir(folder)).not.toContain('a.gguf')
  })

  it('adds nothing with an alpha of 0', async () => {
    const folder = temporaryFolder()
    await cp(fixture('adapter'), folder, { recursive: true })
    const config = JSON.parse(await readFile(`${folder}/adapter_config.json`, 'utf8'))
    await writeFile(`${folder}/adapter_config.json`, JSON.stringify({ ...config, lora_alpha: 0, alpha_pattern: {} }))
    const { alpha } = await convertAdapter(folder, `${folder}/a.gguf`, { base })
    // llama.cpp takes an alpha of 0 for none given, which is a scale of 1.
    expect(alpha).toBe(1)
    const gguf = await readGguf(`${folder}/a.gguf`)
    for (const name of gguf.tensors.keys())
      if (name.endsWith('lora_b')) expect(decodeBlocks('F32', await gguf.read(name)).every((value) => value === 0)).toBe(true)
  })
})
