import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readTexts } from './read-texts.js'

test('gives what is written and what is said, and refuses token ids', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-texts-'))
  try {
    const records = [
      { text: 'a' },
      { instruction: 'b', input: 'c', output: 'd' },
      {
        messages: [
          { role: 'user', content: 'e' },
          { role: 'assistant', content: 'f' },
        ],
      },
    ]
    await writeFile(join(folder, 'a.jsonl'), records.map((record) => JSON.stringify(record)).join('\n'))
    await writeFile(join(folder, 'b.md'), '# g')
    const texts: string[] = []
    for await (const text of readTexts(folder)) texts.push(text)
    expect(texts).toEqual(['a', 'b\n\nc', 'd', 'e', 'f', '# g'])
    const ids = join(folder, 'ids.jsonl')
    await writeFile(ids, '{"input_ids":[1]}')
    await expect(readTexts(ids).next()).rejects.toMatchObject({ code: 'DATA_RECORD_INVALID', where: { file: ids, line: 1 } })
  } finally {
    await rm(folder, { recursive: true })
  }
})
