import { expect, test } from 'vitest'
import { baseModel, client, failure, post, server } from './support.js'

test('embeddings are means of hidden states of length 1, alike as numbers and as base64', async () => {
  const model = await baseModel()
  const running = await server()
  const texts = ['a dark cave', 'a quiet inn']
  const [mean] = await model.embedder.embed(texts)
  const length = Math.sqrt(mean!.reduce((sum, value) => sum + value * value, 0))
  const { data, usage } = await client(running).embeddings.create({ model: 'base', input: texts })
  expect(data.map(({ index }) => index)).toEqual([0, 1])
  expect(data[0]!.embedding).toHaveLength(model.spec.dModel)
  data[0]!.embedding.forEach((value, i) => void expect(value).toBeCloseTo(mean![i]! / length, 6))
  expect(usage.prompt_tokens).toBe(texts.reduce((sum, text) => sum + model.tokenizer.encode(text).length, 0))
  const plain = await client(running).embeddings.create({ model: 'base', input: texts, encoding_format: 'float' })
  expect(plain.data[1]!.embedding).toEqual(data[1]!.embedding)
})

test('a model that shows no states says so', async () => {
  const { embedder: _, ...silent } = await baseModel()
  const running = await server()
  const { serve } = await import('../src/index.js')
  const other = await serve({ name: 'silent', model: silent }, { port: 0 })
  try {
    const response = await post(`${other.url}/v1/embeddings`, { model: 'silent', input: 'x' })
    expect([response.status, (await failure(response)).code]).toEqual([501, 'embeddings_unsupported'])
    for (const body of [{ input: [] }, { input: 'x', dimensions: 3 }, { input: '' }])
      expect((await post(`${running.url}/v1/embeddings`, { model: 'base', ...body })).status).toBe(400)
  } finally {
    await other.close({ graceSeconds: 0 })
  }
})
