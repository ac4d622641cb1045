import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantize } from '@qt/quantize'
import { type LoadOptions, load, train } from '@qt/trainer-native'
import { convert, convertAdapter, merge } from '@qt/weights'
import type { Llama } from 'node-llama-cpp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readArchitecture, writeArchitecture } from '../../packages/trainer-native/test/architectures.js'
import { root } from '../src/root.js'
import { judge, llamaCpp, meanDivergence } from './llama-cpp.js'

/*
 * The independent judge of what we compute and write: real llama.cpp reads the same file and is asked the same questions. It rounds
 * activations (to 8 bits before quantised weights), so distributions are compared and not logits.
 */

const tiny = join(root, 'packages/weights/test/fixtures/tiny-llama')
const tinyText = 'the cat and the hat sat on the mat. Hello, 1234567 world! '.repeat(6)
const smol = join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf')
const smolText = [
  'The old inn stands where three roads meet. Travellers leave their boots by the door and their stories by the fire, and the keeper,',
  'a woman of few words, remembers all of them. Tonight a stranger asks for the room above the stable; he pays with a coin that nobody',
  'has seen for a hundred years.\n\n1. Ask about the coin.\n2. Follow him upstairs.\n3. Wake the guard.\n\n"You should not have come back,"',
  'she says, and puts the key on the table. Outside, the rain turns to snow: 42 wolves were counted in the valley last winter, 17 more',
  'than the year before. function roll(sides) { return 1 + Math.floor(Math.random() * sides) } In the morning the stranger is gone, and',
  'so is the horse; only the coin is left, cold as the day it was struck. The keeper melts it into a bell, and hangs the bell above the',
  'door, and whoever hears it ring before midnight dreams of a road that none of the three is.',
].join(' ')

let folder = ''
let llama: Llama
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-llama-cpp-'))
  llama = await llamaCpp()
})
afterAll(async () => {
  await llama.dispose()
  await rm(folder, { recursive: true, force: true })
})

/** Compares one of our models with a file that llama.cpp reads. */
async function compare(ours: string, theirs: string, text: string, options: LoadOptions = {}, lora?: string): Promise<number> {
  const judged = await judge(llama, theirs, text, lora)
  expect(judged.ids.length).toBeGreaterThanOrEqual(200)
  expect(judged.said.length).toBeGreaterThan(0)
  const model = await load(ours, { ...options, contextLength: 512 })
  try {
    expect([...model.encode(text)]).toEqual(judged.ids)
    const divergence = meanDivergence(await model.scoring.distributions!(judged.ids), judged)
    console.log(`${judged.ids.length} positions: mean KL divergence ${divergence.toExponential(2)}`)
    return divergence
  } finally {
    await model.close()
  }
}

describe('real llama.cpp gives our distributions', () => {
  test('on a converted F16 file', async () => {
    const file = join(folder, 'f16.gguf')
    await convert(tiny, file, { type: 'F16' })
    expect(await compare(file, file, tinyText)).toBeLessThan(1e-4)
    expect(await compare(tiny, file, tinyText)).toBeLessThan(1e-4)
  })

  test.each(['F16', 'BF16', 'Q8_0', 'Q5_1', 'Q5_0', 'Q4_1', 'Q4_0'] as const)('on a file quantised to %s', async (type) => {
    const [wide, file] = [join(folder, `${type}-wide.gguf`), join(folder, `${type}.gguf`)]
    await convert(tiny, wide, { type: 'F32' })
    await quantize(wide, file, { type })
    expect(await compare(file, file, tinyText)).toBeLessThan(0.01)
  })

  test('on an adapter that we lay over the base: merged, and as a GGUF adapter', async () => {
    const rows = join(folder, 'rows.jsonl')
    const row = (i: number) => JSON.stringify({ input_ids: Array.from({ length: 48 }, (_, j) => 3 + ((i * 7 + j * 5) % 256)) })
    await writeFile(rows, Array.from({ length: 16 }, (_, i) => row(i)).join('\n'))
    const { adapter } = await train({
      base: tiny,
      data: { path: rows, format: 'tokens' },
      adapter: { rank: 4 },
      training: { steps: 20, batchSize: 4, learningRate: 2e-2, precision: 'float32' },
      output: join(folder, 'run'),
    })
    const [merged, file] = [join(folder, 'merged'), join(folder, 'merged.gguf')]
    await merge({ base: tiny, adapters: [{ path: adapter!.path }], out: merged })
    await convert(merged, file, { type: 'F16' })
    expect(await compare(tiny, file, tinyText, { adapters: [adapter!.path] })).toBeLessThan(0.01)
    const [base, lora] = [join(folder, 'base.gguf'), join(folder, 'adapter.gguf')]
    await convert(tiny, base, { type: 'F32' })
    await convertAdapter(adapter!.path, lora, { base })
    expect(await compare(tiny, base, tinyText, { adapters: [adapter!.path] }, lora)).toBeLessThan(1e-3)
    // Ranks by pattern and rank-stabilised scales.
    const mixed = join(root, 'packages/weights/test/fixtures/adapter')
    await convertAdapter(mixed, lora, { base: tiny })
    expect(await compare(tiny, base, tinyText, { adapters: [mixed] }, lora)).toBeLessThan(1e-3)
    // The adapter matters: without it the distributions differ.
    expect(await compare(tiny, file, tinyText)).toBeGreaterThan(0.05)
  })

  const skipped = !existsSync(smol)
  if (skipped) console.log('skipped: SmolLM2-135M against llama.cpp (no model in .models)')
  test.skipIf(skipped)('on SmolLM2-135M in Q4_1', async () => {
    expect(await compare(smol, smol, smolText)).toBeLessThan(0.01)
  })
})

/** Settings in which llama.cpp computes what transformers does; it knows no window of llama (Mistral) and leaves out Phi-3's. */
const everywhere: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  llama3: {},
  mistral: { sliding_window: 4096 },
  smollm3: {},
  qwen2: {},
  'qwen2-yarn': {},
  qwen3: {},
  gemma2: {},
  gemma3: {},
  phi3: { sliding_window: null },
  'phi3-longrope': {},
}

describe('real llama.cpp gives our distributions of every architecture that converts', () => {
  test.each(Object.entries(everywhere))('%s', async (name, settings) => {
    const { config, ...results } = await readArchitecture(name)
    // llama.cpp asks a model whose name has phi3 in it for tokens of that model's own.
    const source = join(folder, name.replace('phi3', 'fused'))
    const file = `${source}.gguf`
    // The vocabulary is that of tiny-llama.
    const { vocab_size } = JSON.parse(await readFile(join(tiny, 'config.json'), 'utf8'))
    await writeArchitecture(source, { ...results, config: { ...config, vocab_size, max_position_embeddings: 512, ...settings } })
    for (const companion of ['tokenizer.json', 'tokenizer_config.json'])
      await copyFile(join(tiny, companion), join(source, companion))
    await convert(source, file, { type: 'F32' })
    expect(await compare(source, file, tinyText)).toBeLessThan(1e-4)
    expect(await compare(file, file, tinyText)).toBeLessThan(1e-4)
  })
})
