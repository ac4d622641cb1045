import type { Statistics } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { collectImportance, textRows } from './collect.js'

describe('textRows', () => {
  const text = Uint32Array.from({ length: 70 }, (_, i) => 100 + i)

  it('cuts a text as llama-imatrix does, and leaves out what is left', () => {
    expect([...textRows(text, { size: 32 })].map((row) => [row[0], row.length])).toEqual([
      [100, 32],
      [132, 32],
    ])
  })

  it('puts the token that begins texts before every row where the text has it', () => {
    const first = (bosId: number) => [...textRows(text, { size: 32, bosId })].map((row) => row[0])
    expect(first(100)).toEqual([100, 100])
    expect(first(7)).toEqual([100, 132])
    expect(text[32]).toBe(132)
  })

  it('keeps a text that is shorter than a row, and makes no rows of nothing', () => {
    expect([...textRows(text)]).toEqual([text])
    expect([...textRows(new Uint32Array())]).toEqual([])
    expect(() => [...textRows(text, { size: 8 })]).toThrow('8 tokens')
  })
})

describe('collectImportance', () => {
  /** Sums up the ids themselves. */
  const statistics: Statistics = {
    async collect(rows) {
      let [count, tokens, sum] = [0, 0, 0]
      for await (const ids of rows) {
        count++
        tokens += ids.length
        for (let i = 0; i < ids.length; i++) sum += ids[i]! ** 2
      }
      const entry = { sums: Float32Array.of(sum), counts: Float32Array.of(tokens) }
      return { inputs: new Map([['blk.0.ffn_down.weight', entry]]), cosines: Float64Array.of(1), rows: count, tokens }
    },
  }

  it('says from what and from how much it was made', async () => {
    const importance = await collectImportance({ statistics }, [[1, 2], [3]], { datasets: ['poems.txt'] })
    expect(importance).toMatchObject({ datasets: ['poems.txt'], chunks: 2, chunkSize: 2 })
    expect(importance.entries.get('blk.0.ffn_down.weight')).toEqual({ sums: Float32Array.of(14), counts: Float32Array.of(3) })
  })

  it('refuses to weigh by nothing, or by what is no number', async () => {
    await expect(collectImportance({ statistics }, [])).rejects.toMatchObject({ code: 'IMPORTANCE_NO_TEXT' })
    await expect(collectImportance({ statistics }, [[Number.NaN]])).rejects.toMatchObject({ code: 'IMPORTANCE_NOT_FINITE' })
  })
})
