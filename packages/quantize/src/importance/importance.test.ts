import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readImportance, writeImportance } from './files.js'
import { type Importance, importanceWeights, mergeImportance, requireSameWeights, selectImportance } from './importance.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-importance-'))
})
afterEach(() => rm(folder, { recursive: true }))

const importance: Importance = {
  entries: new Map([
    ['blk.0.attn_q.weight', { sums: Float32Array.of(8, 2, 0, 6), counts: Float32Array.of(4) }],
    // Two experts; no input reached the second.
    ['blk.0.ffn_down_exps.weight', { sums: Float32Array.of(3, 6, 0, 0), counts: Float32Array.of(3, 0) }],
  ]),
  datasets: ['héros.txt'],
  chunks: 4,
  chunkSize: 512,
}

describe('importance', () => {
  it('weighs by the mean square, and evenly where no input came', () => {
    const weights = [...importance.entries.values()].map((entry) => [...importanceWeights(entry)])
    expect(weights).toEqual([
      [2, 0.5, 0, 1.5],
      [1, 2, 1, 1],
    ])
  })

  it('comes back from a GGUF as it was', async () => {
    const path = join(folder, 'imatrix.gguf')
    await writeImportance(path, importance)
    expect(await readImportance(path)).toEqual(importance)
  })

  it('keeps the weights in the older form', async () => {
    const path = join(folder, 'imatrix.dat')
    await writeImportance(path, importance)
    const read = await readImportance(path)
    expect(read).toMatchObject({ datasets: ['héros.txt'], chunks: 4 })
    for (const [name, entry] of importance.entries)
      expect(importanceWeights(read.entries.get(name)!)).toEqual(importanceWeights(entry))
  })

  it('adds up texts that were read apart', () => {
    const twice = mergeImportance([importance, { ...importance, datasets: ['code.txt'] }])
    expect(twice).toMatchObject({ chunks: 8, datasets: ['héros.txt', 'code.txt'] })
    for (const [name, entry] of importance.entries) {
      expect(twice.entries.get(name)!.counts).toEqual(entry.counts.map((count) => 2 * count))
      expect(importanceWeights(twice.entries.get(name)!)).toEqual(importanceWeights(entry))
    }
    const other = new Map([['blk.0.attn_q.weight', { sums: Float32Array.of(1), counts: Float32Array.of(1) }]])
    expect(() => mergeImportance([importance, { ...importance, entries: other }])).toThrow('different sizes')
  })

  it('writes the older form as GGUF with tokens for pieces, 512 each as llama.cpp takes them', async () => {
    const [old, back] = [join(folder, 'imatrix.dat'), join(folder, 'back.gguf')]
    await writeImportance(old, importance)
    await writeImportance(back, await readImportance(old))
    const read = await readImportance(back)
    expect(read).toMatchObject({ chunks: 4, chunkSize: 512 })
    const { sums, counts } = read.entries.get('blk.0.attn_q.weight')!
    expect([[...counts], [...sums]]).toEqual([[4 * 512], [2, 0.5, 0, 1.5].map((weight) => weight * 4 * 512)])
  })

  it('merges both forms and rows of different lengths in any order', async () => {
    const path = join(folder, 'imatrix.dat')
    await writeImportance(path, importance)
    const [a, old] = [{ ...importance, chunks: 2, chunkSize: 64 }, await readImportance(path)]
    const b = { ...a, chunks: 3, chunkSize: 128 }
    const merged = (
      [
        [a, b, old],
        [b, a, old],
        [old, b, a],
      ] as const
    ).map(mergeImportance)
    for (const { entries, chunks, chunkSize } of merged) {
      expect([chunks, chunkSize]).toEqual([9, 512])
      expect(entries).toEqual(merged[0]!.entries)
    }
    expect([...merged[0]!.entries.get('blk.0.attn_q.weight')!.counts]).toEqual([4 + 4 + 4 * 512])
  })

  it('counts the pieces of the older form as tokens beside the newer one', async () => {
    const path = join(folder, 'imatrix.dat')
    const reached = new Map([
      ['blk.0.attn_q.weight', { sums: Float32Array.of(8, 2, 0, 6), counts: Float32Array.of(2048) }],
      ['blk.0.ffn_down_exps.weight', { sums: Float32Array.of(3, 6, 2, 4), counts: Float32Array.of(2048, 2048) }],
    ])
    const newer = { ...importance, entries: reached }
    await writeImportance(path, newer)
    for (const parts of [
      [newer, await readImportance(path)],
      [await readImportance(path), newer],
    ]) {
      const { entries, chunkSize } = mergeImportance(parts)
      expect(chunkSize).toBe(512)
      for (const [name, { sums, counts }] of reached)
        expect(entries.get(name)).toEqual({ sums: sums.map((value) => 2 * value), counts: counts.map((count) => 2 * count) })
    }
  })

  it('is refused where a model lacks one of its weights or has it in another width', () => {
    const check = (name: string, columns: number) => () => {
      const entry = { sums: new Float32Array(columns), counts: Float32Array.of(1) }
      requireSameWeights({ ...importance, entries: new Map([[name, entry]]) }, importance.entries, 'imatrix.gguf')
    }
    expect(check('blk.0.attn_q.weight', 4)).not.toThrow()
    expect(check('token_embd.weight', 4)).not.toThrow()
    expect(check('blk.0.attn_q.weight', 8)).toThrow('8 columns where the model has 4')
    expect(check('blk.1.attn_q.weight', 4)).toThrow('does not have')
  })

  it('selects by parts of names', () => {
    const names = (...parameters: Parameters<typeof selectImportance>) => [...selectImportance(...parameters).entries.keys()]
    expect(names(importance, ['attn'])).toEqual(['blk.0.attn_q.weight'])
    expect(names(importance, [], ['attn_q', 'ffn'])).toEqual([])
  })

  it('refuses files that are cut off, of another kind, or with impossible numbers', async () => {
    const path = join(folder, 'imatrix.dat')
    await writeImportance(path, importance)
    const whole = await readFile(path)
    for (let length = 0; length < whole.length - 18; length += 3) {
      await writeFile(path, whole.subarray(0, length))
      await expect(readImportance(path)).rejects.toMatchObject({ code: 'IMPORTANCE_DAMAGED' })
    }
    const model = new URL('../../../weights/test/fixtures/tiny-llama.gguf', import.meta.url).pathname
    await expect(readImportance(model)).rejects.toMatchObject({ code: 'IMPORTANCE_DAMAGED', where: { file: model } })
    const sums = Float32Array.of(1, Number.NaN)
    await writeImportance(join(folder, 'nan.gguf'), {
      ...importance,
      entries: new Map([['a', { sums, counts: Float32Array.of(1) }]]),
    })
    await expect(readImportance(join(folder, 'nan.gguf'))).rejects.toThrow('negative or not finite')
  })
})
