import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { load } from '@qt/trainer-native'
import { expect, onTestFinished, test, vi } from 'vitest'
import { conversationItems, divergence, llamaCppModel, llamaPerplexity, qualitySuite, runSuites } from '../src/index.js'

// A real model on a busy machine.
vi.setConfig({ testTimeout: 600_000 })

const model = fileURLToPath(new URL('../../../.models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url))
const there = existsSync(model) && (await import('node-llama-cpp').then(Boolean, () => false))
if (!there) console.log('skipped: llama.cpp itself (node-llama-cpp or .models/SmolLM2-135M-Instruct.Q4_1.gguf is not there)')

const { ids, window }: { readonly ids: number[]; readonly window: number } = JSON.parse(
  await readFile(new URL('fixtures/llama-perplexity.json', import.meta.url), 'utf8'),
)

test.runIf(there)('a text has the perplexity in llama.cpp that it has in our engine, up to what llama.cpp rounds', async () => {
  // It rounds what enters each matrix of a quantised file to 8 bits, by kernels that differ with the batch: its own figures differ by up to 0.7 %.
  const theirs = await llamaCppModel(model, { contextLength: 256, threads: 2 })
  onTestFinished(() => theirs.close())
  const ours = await load(model, { contextLength: 256, threads: 2 })
  onTestFinished(() => ours.close())
  const text = ours.tokenizer.decode(ids)
  expect(theirs.tokenizer.decode(ids)).toBe(text)
  expect([...theirs.tokenizer.encode(text)]).toEqual([...ours.tokenizer.encode(text)])
  const [a, b] = [await llamaPerplexity(theirs.scoring, ids, { window }), await llamaPerplexity(ours.scoring, ids, { window })]
  console.log(`perplexity ${b.perplexity.toFixed(4)}, llama.cpp ${a.perplexity.toFixed(4)}, over ${a.tokens} tokens`)
  expect(a.tokens).toBe(b.tokens)
  expect(Math.abs(b.perplexity / a.perplexity - 1)).toBeLessThan(0.01)
  // Whole distributions, which llama.cpp gives in another way, say the same.
  const { perplexity, mean } = await divergence(theirs.scoring, ours.scoring, ids.slice(0, 32), { window: 32 })
  expect(Math.abs(perplexity.q / perplexity.p - 1)).toBeLessThan(0.02)
  expect(mean).toBeLessThan(0.01)
})

test.runIf(there)('llama.cpp answers as a model that is measured, several asking at once, the same each time', async () => {
  const theirs = await llamaCppModel(model, { contextLength: 512, threads: 2 })
  onTestFinished(() => theirs.close())
  const conversations = ['I look around.', 'I open the door.'].map((content) => ({
    messages: [
      { role: 'user' as const, content },
      { role: 'assistant' as const, content: 'Dust.' },
    ],
  }))
  const suites = async () => [await qualitySuite(conversationItems(conversations), { maxTokens: 12 })]
  const [first, second] = [await runSuites(theirs, await suites(), { parallel: 2 }), await runSuites(theirs, await suites())]
  const said = ({ suites }: typeof first) => suites[0]!.items.map(({ output }) => output)
  expect(said(first)).toEqual(said(second))
  expect(said(first)[0]).not.toBe(said(first)[1])
  expect(first.tokens).toBeGreaterThan(10)
  const stopped = await theirs.generate('One, two, three, four,', { maxTokens: 20, stop: [' six'] })
  expect(stopped).toMatchObject({ text: ' five,', why: 'stop' })
  await expect(theirs.generate('word '.repeat(600))).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG' })
})

test('a file that is no model is an error', async () => {
  await expect(llamaCppModel('./nowhere.gguf')).rejects.toThrow()
})
