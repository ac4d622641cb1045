import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFloats, type MetadataValue, readGguf, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { quantize } from '../quantize.js'
import { assertSound, checkModel } from './check.js'

const tiny = new URL('../../../weights/test/fixtures/tiny-llama.gguf', import.meta.url).pathname

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-check-'))
  path = join(folder, 'model.gguf')
})
afterEach(() => rm(folder, { recursive: true }))

/** The tiny model with some of it replaced. */
async function changed(
  tensor: { name: string; values: Float32Array } | undefined,
  metadata: readonly [string, MetadataValue | undefined][],
) {
  const source = await readGguf(tiny)
  const entries = new Map(source.metadata)
  for (const [key, value] of metadata)
    if (value === undefined) entries.delete(key)
    else entries.set(key, value)
  const tensors = [...source.tensors.values()].map((info) =>
    info.name === tensor?.name
      ? { ...info, type: 'F32' as const, data: encodeFloats('F32', tensor.values) }
      : { ...info, data: () => source.stream(info.name) },
  )
  await writeGguf(path, { metadata: entries, tensors })
  return checkModel(path)
}

describe('checkModel', () => {
  it('finds nothing in a sound model, quantised or not, and gives its checksum', async () => {
    const report = await checkModel(tiny)
    expect(report).toMatchObject({ ok: true, findings: [] })
    expect(report.files[0]).toMatchObject({ path: tiny, bytes: (await readFile(tiny)).length })
    expect((await checkModel(tiny, { sha256: report.files[0]!.sha256.toUpperCase() })).ok).toBe(true)
    await quantize(tiny, path, { type: 'Q4_K_M', requantize: true, sync: false })
    expect(await checkModel(path)).toMatchObject({ ok: true, findings: [] })
  })

  it('names the first number that is not finite', async () => {
    const shape = (await readGguf(tiny)).tensors.get('blk.1.attn_norm.weight')!.shape
    const values = new Float32Array(shape[0]!).fill(1)
    values[5] = Number.NaN
    const { ok, findings } = await changed({ name: 'blk.1.attn_norm.weight', values }, [])
    expect(ok).toBe(false)
    expect(findings).toMatchObject([
      { code: 'QUANT_NOT_FINITE', field: 'blk.1.attn_norm.weight', message: expect.stringContaining('Value 5') },
    ])
  })

  it('finds shapes that do not fit', async () => {
    const { findings } = await changed(undefined, [['llama.feed_forward_length', { type: 'UINT32', value: 77 }]])
    expect(findings).toMatchObject([{ level: 'error', code: 'TENSOR_SHAPE' }])
  })

  it('finds a tokenizer that does not fit together', async () => {
    const { findings } = await changed(undefined, [
      ['tokenizer.ggml.eos_token_id', { type: 'UINT32', value: 4_000_000 }],
      ['tokenizer.ggml.token_type', { type: 'ARRAY', of: 'INT32', value: [1, 2] }],
    ])
    expect(findings.map(({ field }) => field)).toEqual(['tokenizer.ggml.token_type', 'tokenizer.ggml.eos_token_id'])
  })

  it('advises when a file does not say how text is cut before merging', async () => {
    const report = await changed(undefined, [['tokenizer.ggml.pre', undefined]])
    expect(report.ok).toBe(true)
    expect(report.findings).toMatchObject([{ level: 'advice', code: 'TOKENIZER_INCONSISTENT', field: 'tokenizer.ggml.pre' }])
  })

  it('finds files that are cut off, that are something else, or that have another checksum', async () => {
    await copyFile(tiny, path)
    expect(await checkModel(path, { sha256: '0'.repeat(64) })).toMatchObject({
      ok: false,
      findings: [{ code: 'CHECKSUM_DIFFERS' }],
    })
    await truncate(path, (await readFile(path)).length - 100)
    const cut = await checkModel(path)
    expect(cut.ok).toBe(false)
    expect(() => assertSound(cut)).toThrow('is not sound')
    await writeFile(path, 'no model')
    expect((await checkModel(path)).ok).toBe(false)
  })
})
