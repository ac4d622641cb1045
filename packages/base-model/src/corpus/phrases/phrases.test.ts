import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { conversations } from '../chats.js'

const examples = new URL('../../../../../examples/dungeon-master/', import.meta.url)
const words = (text: string): string[] => text.toLowerCase().match(/[a-z']+/g) ?? []
const runs = (text: string, length: number): string[] => {
  const all = words(text)
  return all.slice(0, Math.max(0, all.length - length + 1)).map((_, at) => all.slice(at, at + length).join(' '))
}

test('the base has not read the exam: no user of the corpus speaks as one of the held-out scenarios does', async () => {
  const folder = fileURLToPath(new URL('held-out', examples))
  const exam = new Set<string>()
  for (const file of await readdir(folder))
    for (const line of (await readFile(`${folder}/${file}`, 'utf8')).split('\n'))
      if (!/^\s*[-#<]/.test(line)) for (const run of runs(line, 5)) exam.add(run)
  expect(exam.size).toBeGreaterThan(500)
  const said = (['tales', 'rules'] as const)
    .flatMap((kind) => conversations(kind, { count: 400, seed: 5 }))
    .flat()
    .filter(({ role }) => role === 'user')
  const shared = said.filter(({ content }) => runs(content, 5).some((run) => exam.has(run)))
  // Five words in a row happen by chance where they are everybody's: "I take a step back and".
  expect(
    shared.length / said.length,
    shared
      .slice(0, 5)
      .map(({ content }) => content)
      .join('\n'),
  ).toBeLessThan(0.002)
}, 60_000)
