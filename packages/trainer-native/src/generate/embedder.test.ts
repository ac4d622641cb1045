import { fileURLToPath } from 'node:url'
import { decodeBlocks, readSafetensors } from '@qt/weights'
import { expect, test } from 'vitest'
import { load } from './load.js'

const folder = fileURLToPath(new URL('../../../weights/test/fixtures/tiny-llama', import.meta.url))

test('an embedding is the mean of the states that the output layer sees', async () => {
  const model = await load(folder, { contextLength: 64, threads: 1, precision: 'float32' })
  try {
    const text = 'the cat sat on the mat'
    const [mean] = await model.embedder.embed([text])
    const { dModel, vocabularySize } = model.spec
    expect(mean).toHaveLength(model.embedder.dimensions)
    const ids = model.tokenizer.encode(text)
    const rows = await model.scoring.distributions(ids)

    // Log-probabilities are logits less a number of the row: differences between tokens are linear in the states.
    const head = decodeBlocks('F32', await (await readSafetensors(`${folder}/model.safetensors`)).read('lm_head.weight'))
    const logit = (token: number) => mean!.reduce((sum, value, i) => sum + value * head[token * dModel + i]!, 0)
    const average = (token: number) => ids.reduce((sum, _, row) => sum + rows[row * vocabularySize + token]!, 0) / ids.length
    for (const [a, b] of [
      [3, 7],
      [20, 100],
      [50, 4],
    ] as const)
      expect(logit(a) - logit(b)).toBeCloseTo(average(a) - average(b), 4)

    expect((await model.embedder.embed(['x', text]))[1]).toEqual(mean)
  } finally {
    await model.close()
  }
})

test('a text without tokens is refused', async () => {
  const model = await load(folder, { contextLength: 64, threads: 1 })
  try {
    await expect(model.embedder.embed([''])).rejects.toMatchObject({ code: 'PROMPT_EMPTY' })
  } finally {
    await model.close()
  }
})
