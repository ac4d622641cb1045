import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer } from '@qt/tokenizer'
import { expect, test } from 'vitest'
import { datasetStatistics } from './dataset-statistics.js'

test('keeps a bounded number of categories, and counts characters', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-statistics-'))
  try {
    const file = join(folder, 'all.jsonl')
    const records = Array.from({ length: 10_500 }, (_, i) => ({ text: '🦙é', id: `id-${i}` }))
    await writeFile(file, [...records, ...records.slice(0, 2)].map((one) => JSON.stringify(one)).join('\n'))
    const { categories, letters } = await datasetStatistics(file, { by: 'id' })
    expect(Object.keys(categories).length).toBe(10_001)
    expect(categories).toMatchObject({ others: 500, 'id-0': 2, 'id-9999': 1 })
    expect(letters).toMatchObject({ least: 2, most: 2 })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('counts layouts, turns, lengths, languages and categories', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-statistics-'))
  try {
    const german = 'Das Wetter wird morgen in den Bergen sehr schön sein und die Sonne scheint den ganzen Tag.'
    const english = 'The weather in the mountains will be very nice tomorrow and the sun is going to shine for all of you.'
    const chat = (text: string, index: number) => ({
      messages: [
        { role: 'system', content: 'You are a helper.' },
        { role: 'user', content: text },
        { role: 'assistant', content: 'x'.repeat(index) },
      ],
      ...(index % 2 === 0 ? { category: 'even' } : {}),
    })
    const records = [
      ...Array.from({ length: 100 }, (_, i) => chat(i < 30 ? german : english, i)),
      { instruction: 'Add 1 and 1', output: '2', category: 'sums' },
      { input_ids: [1, 2, 3] },
      { nothing: true },
    ]
    const file = join(folder, 'all.jsonl')
    await writeFile(file, records.map((one) => JSON.stringify(one)).join('\n'))
    const tokenizer = Tokenizer.fromJson({
      model: { type: 'WordLevel', vocab: { '[UNK]': 0 }, unk_token: '[UNK]' },
      pre_tokenizer: { type: 'WhitespaceSplit' },
    })
    const found = await datasetStatistics(file, { tokenizer })
    expect(found).toMatchObject({
      files: 1,
      records: 103,
      layouts: { openai: 100, alpaca: 1, tokens: 1, unknown: 1 },
      languages: { en: 70, de: 30, unknown: 3 },
      categories: { even: 50, none: 52, sums: 1 },
      turns: { least: 0, median: 3, most: 3 },
    })
    const system = 'You are a helper.'.length
    expect(found.letters).toMatchObject({ least: 0, most: system + 1 + english.length + 1 + 99 })
    // Four words of the system prompt, those of the question, and one of the answer.
    expect(found.tokens).toMatchObject({ least: 0, most: 4 + english.split(' ').length + 1 })
    expect((await datasetStatistics(file, { by: 'output' })).categories).toEqual({ none: 102, '2': 1 })
    expect(await datasetStatistics(file)).not.toHaveProperty('tokens')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
