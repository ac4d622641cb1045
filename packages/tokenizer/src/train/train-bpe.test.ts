import { QtError } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { expected } from '../../test/fixtures.js'
import { Tokenizer } from '../tokenizer.js'
import { type TrainBpeProgress, trainBpe } from './train-bpe.js'

const { texts, vocab, merges } = expected.training
const options = { vocabularySize: 700, minFrequency: 2, specialTokens: ['<|endoftext|>', '<|im_start|>'] }

describe('trainBpe', () => {
  it('makes the vocabulary and merges of Hugging Face', async () => {
    const { model } = await trainBpe(texts, options)
    expect(model.merges).toEqual(merges)
    expect({ ...model.vocab }).toEqual(vocab)
  })

  it('reads texts that come one by one', async () => {
    async function* slowly() {
      for (const text of texts) yield text
    }
    expect(await trainBpe(slowly(), options)).toEqual(await trainBpe(texts, options))
  })

  it('gives a tokenizer.json that encodes every text', async () => {
    const json = await trainBpe(texts, options)
    const tokenizer = Tokenizer.fromJson(JSON.parse(JSON.stringify(json)))
    expect(tokenizer.vocabularySize).toBe(Object.keys(json.model.vocab).length)
    for (const text of [...texts, '🦀 never seen \u0000']) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    expect([...tokenizer.encode('<|im_start|>', { special: true })]).toEqual([1])
  })

  it('stops at the frequency asked for', async () => {
    const { model } = await trainBpe(['aab aab cd'], { vocabularySize: 1000, minFrequency: 2 })
    expect(model.merges).toEqual([
      ['a', 'a'],
      ['aa', 'b'],
    ])
  })

  it('keeps a token that has the name of a property of objects', async () => {
    const json = await trainBpe(['text'], { vocabularySize: 400, specialTokens: ['__proto__'] })
    expect(Tokenizer.fromJson(JSON.parse(JSON.stringify(json))).id('__proto__')).toBe(0)
  })

  it('reports progress and stops when told to', async () => {
    const controller = new AbortController()
    const seen: TrainBpeProgress[] = []
    const endless = function* () {
      for (let i = 0; ; i++) yield `text number ${i} `.repeat(50)
    }
    const run = trainBpe(endless(), {
      ...options,
      signal: controller.signal,
      onProgress(progress) {
        seen.push(progress)
        controller.abort()
      },
    })
    await expect(run).rejects.toSatisfy((error) => QtError.isInstance(error) && error.kind === 'interrupted')
    expect(seen[0]?.phase).toBe('count')
  })

  it.each([
    { vocabularySize: 100 },
    { vocabularySize: 300.5 },
    { vocabularySize: 300, specialTokens: [''] },
    { vocabularySize: 300, minFrequency: -1 },
  ])('says what is wrong with %o', async (bad) => {
    await expect(trainBpe(texts, bad)).rejects.toSatisfy((error) => QtError.isInstance(error) && error.kind === 'usage')
  })
})
