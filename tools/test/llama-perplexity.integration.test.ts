import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { llamaCppModel, llamaPerplexity } from '@qt/eval'
import { load } from '@qt/trainer-native'
import { expect, onTestFinished, test } from 'vitest'
import { command, tail } from '../src/command.js'
import { root } from '../src/root.js'

const source = join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf')
const there = existsSync(source)
if (!there) console.log('skipped: perplexity beside llama.cpp itself (.models/SmolLM2-135M-Instruct.Q4_1.gguf is not there)')

/** Without rounded activations, which make llama.cpp's own figures of a quantised file differ with the size of its batches. */
test.runIf(there)(
  'of SmolLM2 in F16 our perplexity is within 0.2 % of what llama.cpp computes on the same tokens',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qt-perplexity-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const file = join(folder, 'f16.gguf')
    const converted = await command('qt', ['convert', source, file, '--type', 'F16'])
    expect(converted.code, tail(converted)).toBe(0)
    const { ids, window }: { readonly ids: number[]; readonly window: number } = JSON.parse(
      await readFile(join(root, 'packages/eval/test/fixtures/llama-perplexity.json'), 'utf8'),
    )
    const theirs = await llamaCppModel(file, { contextLength: window, threads: 2 })
    const a = await llamaPerplexity(theirs.scoring, ids, { window }).finally(() => theirs.close())
    const ours = await load(file, { contextLength: window, threads: 2 })
    const b = await llamaPerplexity(ours.scoring, ids, { window }).finally(() => ours.close())
    console.log(`perplexity ${b.perplexity.toFixed(4)}, llama.cpp ${a.perplexity.toFixed(4)}, over ${a.tokens} tokens`)
    expect(a.tokens).toBe(b.tokens)
    expect(Math.abs(b.perplexity / a.perplexity - 1)).toBeLessThan(0.002)
  },
  600_000,
)
