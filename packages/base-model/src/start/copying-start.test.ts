import { expect, test } from 'vitest'
import { copyingStart } from './copying-start.js'
import type { Matrix } from './matrix.js'

const shape = { layers: 2, dModel: 128, heads: 4, ffn: 192, vocab: 40, ropeTheta: 500_000 }

test('the same seed gives the same weights, under the names of a llama', () => {
  const tensors = copyingStart(shape, 7)
  expect(tensors.size).toBe(2 + 2 * 9)
  expect([...tensors.keys()].slice(0, 2)).toEqual(['model.embed_tokens.weight', 'model.layers.0.self_attn.q_proj.weight'])
  const bytes = (some: typeof tensors) => Buffer.concat([...some.values()].map(({ values }) => Buffer.from(values.buffer)))
  expect(bytes(copyingStart(shape, 7)).equals(bytes(tensors))).toBe(true)
  expect(bytes(copyingStart(shape, 8)).equals(bytes(tensors))).toBe(false)
  for (const { rows, columns, values } of tensors.values()) expect(values).toHaveLength(rows * columns)
})

test('the heads of the first layer look one token back, wherever they are', () => {
  const tensors = copyingStart(shape, 1)
  for (let head = 0; head < 2; head++)
    for (const pair of [
      [5, 17],
      [30, 3],
    ] as const) {
      const scores = scoresByDistance(tensors, head, pair)
      expect(scores.indexOf(Math.max(...scores))).toBe(1)
      // e⁻² of the weight at most for any other place.
      expect(scores[1]! - Math.max(...scores.filter((_, distance) => distance !== 1))).toBeGreaterThan(2)
    }
})

test('its other heads begin with what is near', () => {
  const scores = scoresByDistance(copyingStart(shape, 1), 3, [5, 17])
  const weights = scores.map(Math.exp)
  const sum = (some: readonly number[]) => some.reduce((all, one) => all + one, 0)
  expect(sum(weights.slice(0, 24)) / sum(weights)).toBeGreaterThan(0.8)
  // Not only what is nearest: the turn that was just said.
  expect(Math.max(...weights) / sum(weights)).toBeLessThan(0.2)
})

/** What a head of the first layer makes of a pair of tokens that stand so far apart, before the softmax. */
function scoresByDistance(tensors: Map<string, Matrix>, head: number, [token, other]: readonly [number, number]): number[] {
  const [q, k] = ['q', 'k'].map((part) => tensors.get(`model.layers.0.self_attn.${part}_proj.weight`)!) as [Matrix, Matrix]
  const embedding = tensors.get('model.embed_tokens.weight')!
  const size = shape.dModel / shape.heads
  const query = project(q, normalised(embedding, token))
  const key = project(k, normalised(embedding, other))
  return Array.from({ length: 200 }, (_, distance) => {
    let sum = 0
    for (let pair = 0; pair < size / 2; pair++) {
      const angle = distance * shape.ropeTheta ** ((-2 * pair) / size)
      const [a, b] = [head * size + pair, head * size + pair + size / 2]
      const turned = [
        query[a]! * Math.cos(angle) - query[b]! * Math.sin(angle),
        query[b]! * Math.cos(angle) + query[a]! * Math.sin(angle),
      ]
      sum += turned[0]! * key[a]! + turned[1]! * key[b]!
    }
    return sum / Math.sqrt(size)
  })
}

const normalised = ({ columns, values }: Matrix, row: number): number[] => {
  const x = [...values.subarray(row * columns, (row + 1) * columns)]
  const size = Math.sqrt(x.reduce((sum, one) => sum + one * one, 0) / columns)
  return x.map((one) => one / size)
}

const project = ({ rows, columns, values }: Matrix, x: readonly number[]): number[] =>
  Array.from({ length: rows }, (_, row) => x.reduce((sum, one, column) => sum + one * values[row * columns + column]!, 0))
