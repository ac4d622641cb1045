import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { llamaPerplexity } from '../src/index.js'
import { tableModel } from './table-model.js'

// A real model on a busy machine.
vi.setConfig({ testTimeout: 600_000 })

const fixture: {
  readonly model: string
  readonly window: number
  readonly ids: number[]
  readonly perplexity: number
  readonly error: number
  readonly tokens: number
} = JSON.parse(await readFile(new URL('fixtures/llama-perplexity.json', import.meta.url), 'utf8'))

const model = fileURLToPath(new URL(`../../../.models/${fixture.model}`, import.meta.url))
const there = existsSync(model)
if (!there) console.log(`skipped: perplexity beside llama.cpp's (.models/${fixture.model} is not there)`)

test.runIf(there)(`the same text has llama.cpp's perplexity within 0.2 %`, async () => {
  const { load } = await import('@qt/trainer-native')
  const { scoring, close } = await load(model, { contextLength: 512 })
  const { perplexity, error, tokens } = await llamaPerplexity(scoring, fixture.ids, { window: fixture.window })
  await close()
  console.log(
    `perplexity ${perplexity.toFixed(4)} ± ${error.toFixed(4)}, llama.cpp ${fixture.perplexity.toFixed(4)} ± ${fixture.error.toFixed(4)}`,
  )
  expect(tokens).toBe(fixture.tokens)
  expect(Math.abs(perplexity / fixture.perplexity - 1)).toBeLessThan(0.002)
  expect(Math.abs(error / fixture.error - 1)).toBeLessThan(0.01)
})

/** The next token is 0 or 1, with these chances. */
const coin = tableModel(2, () => [Math.log(0.25), Math.log(0.75)])

test('only the second half of whole chunks is scored, the first token of each is the one that begins texts', async () => {
  coin.calls.length = 0
  const { tokens, chunks, loss } = await llamaPerplexity(coin, [1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1], { window: 4, bosId: 9 })
  // Of four tokens the last one: position 3 of each.
  expect([tokens, chunks]).toEqual([2, 2])
  expect(loss).toBeCloseTo(-(Math.log(0.75) + Math.log(0.25)) / 2, 6)
  expect(coin.calls.map(([first]) => first)).toEqual([9, 9])
})

test('a text shorter than a chunk is refused', async () => {
  await expect(llamaPerplexity(coin, [1, 1, 1])).rejects.toMatchObject({ code: 'EVAL_TEXT_TOO_SHORT' })
  await expect(llamaPerplexity(coin, [1, 1, 1], { window: 2 })).rejects.toMatchObject({ code: 'EVAL_WINDOW_INVALID' })
})
