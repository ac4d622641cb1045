import { spacedTwins, unspaced, withSpacedTwins } from '@qt/base-model'
import { Tokenizer, trainBpe } from '@qt/tokenizer'
import { expect, test } from 'vitest'

const text = 'I take the fishing net. The net is mine, "mine", and 12 nets (of 12) are gone. Fishing is fishing.'

test('a word is cut into the same pieces wherever it stands, and nothing is lost', async () => {
  const json = await trainBpe([unspaced(text)], { vocabularySize: 300 })
  const tokenizer = Tokenizer.fromJson({ ...json, model: { ...json.model, ...withSpacedTwins(json.model) } })
  const pieces = (said: string) => [...tokenizer.encode(said)].map((id) => tokenizer.decode([id]))
  for (const word of ['net', 'fishing', 'unheard', '12', '(of', '"mine"']) {
    const [first, ...rest] = pieces(word)
    expect(pieces(` ${word}`)).toEqual([` ${first}`, ...rest])
  }
  for (const said of [text, ' two  spaces\n\tand é']) expect(tokenizer.decode(tokenizer.encode(said))).toBe(said)
})

test('twins are named by their ids', async () => {
  const json = await trainBpe([unspaced(text)], { vocabularySize: 300 })
  const { vocab } = withSpacedTwins(json.model)
  const twins = spacedTwins(vocab)
  expect(twins.get(vocab.Ġnet!)).toBe(vocab.net)
  expect(twins.size).toBe(94 + json.model.merges.length)
  expect(new Set(Object.values(vocab)).size).toBe(Object.keys(vocab).length)
})
