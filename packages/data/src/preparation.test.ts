import { type ChatMessage, ignoreLabel } from '@qt/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { byteTokenizer } from '../test/byte-tokenizer.js'
import { fitTurns } from './fit-turns.js'
import { maskChat } from './mask-chat.js'
import { packRows } from './pack-rows.js'
import { rowSet } from './row-set.js'
import { TokenStore } from './token-store.js'

const tokenizer = byteTokenizer()
/** Letters, blanks, signs of several bytes, and what looks like a template's own words. */
const words = fc
  .array(fc.constantFrom('a', 'Zug', ' ', '\n', 'ü', '⚔️', '[roll: 1d20]', 'user', 'assistant', '<|im', '-100'), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => `x${parts.join('')}y`)
/** A system message or none, then exchanges; at the end an answer. */
const conversation = fc
  .tuple(fc.option(words, { nil: undefined }), fc.array(fc.tuple(words, words), { minLength: 1, maxLength: 5 }))
  .map(([system, pairs]): ChatMessage[] => [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    ...pairs.flatMap(([user, answer]): ChatMessage[] => [
      { role: 'user', content: user },
      { role: 'assistant', content: answer },
    ]),
  ])
/** The text of the tokens that carry loss, by stretch. */
function learned(messages: readonly ChatMessage[], options: Parameters<typeof maskChat>[2] = {}): string[] {
  const { ids, labels } = maskChat({ messages: [...messages] }, tokenizer, options)
  const stretches: number[][] = []
  for (const [i, label] of labels.entries()) {
    if (label === ignoreLabel) continue
    expect(label).toBe(ids[i])
    if (labels[i - 1] === ignoreLabel || i === 0) stretches.push([])
    stretches.at(-1)!.push(label)
  }
  return stretches.map((stretch) => tokenizer.decode(stretch, { special: true }))
}
const answers = (messages: readonly ChatMessage[]) =>
  messages.filter(({ role }) => role === 'assistant').map(({ content }) => `${content}<|im_end|>`)

test('the mask covers what the assistant says, its end, and nothing else', () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      expect(learned(messages)).toEqual(answers(messages))
    }),
    { numRuns: 300 },
  )
})

test('the mask of the last turn covers the last answer and nothing else', () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      expect(learned(messages, { learn: 'last-turn' })).toEqual(answers(messages).slice(-1))
    }),
  )
})

test('the mask by a pattern covers what it finds in answers and nothing else', () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      const found = messages.filter(({ role }) => role === 'assistant').flatMap(({ content }) => content.match(/\[.*?\]/gu) ?? [])
      expect(learned(messages, { learn: { pattern: '\\[.*?\\]' } }).join('')).toBe(found.join(''))
    }),
  )
})

test('the mask by roles covers what they say, and never the name of who speaks', () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      const said = messages.filter(({ role }) => role !== 'system').map(({ content }) => `${content}<|im_end|>`)
      expect(learned(messages, { learn: { roles: ['user', 'assistant'] } })).toEqual(said)
      expect(learned(messages, { learn: { roles: ['system'] } }).length).toBe(messages[0]!.role === 'system' ? 1 : 0)
    }),
  )
})

test('what a message excludes stays excluded, whatever is asked for', () => {
  fc.assert(
    fc.property(conversation, fc.constantFrom('assistant', 'last-turn', 'pattern'), (messages, learn) => {
      const excluded = messages.map((message) => ({ ...message, weight: 0 as const }))
      expect(learned(excluded, { learn: learn === 'pattern' ? { pattern: '.' } : (learn as 'assistant' | 'last-turn') })).toEqual(
        [],
      )
    }),
  )
})

test('last turns: the system message and the newest exchanges, as many as fit', () => {
  fc.assert(
    fc.property(conversation, fc.integer({ min: 10, max: 400 }), (messages, longest) => {
      const size = (list: readonly ChatMessage[]) => maskChat({ messages: [...list] }, tokenizer).ids.length
      const kept = fitTurns({ messages }, (shorter) => size(shorter.messages) <= longest).messages
      const system = messages.filter(({ role }) => role === 'system')
      expect(kept).toEqual([...system, ...messages.slice(messages.length - (kept.length - system.length))])
      expect(kept[system.length]!.role).toBe('user')
      if (kept.length < messages.length)
        expect(size([...system, ...messages.slice(messages.length - (kept.length - system.length) - 2)])).toBeGreaterThan(longest)
      if (size(kept) > longest) expect(kept.length).toBe(system.length + 2)
    }),
  )
})

test('packing loses no token, doubles none, and passes no row', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 64 }), { maxLength: 200 })
  fc.assert(
    fc.property(lengths, (pieces) => {
      const rows = packRows(pieces, 64)
      expect(rows.flat().sort((a, b) => a - b)).toEqual(pieces.map((_, i) => i))
      for (const row of rows) expect(row.reduce((sum, piece) => sum + pieces[piece]!, 0)).toBeLessThanOrEqual(64)
      // First-fit leaves at most one row half empty; best-fit is no worse.
      const full = rows.filter((row) => row.reduce((sum, piece) => sum + pieces[piece]!, 0) > 32).length
      expect(full).toBeGreaterThanOrEqual(rows.length - 1)
    }),
  )
})

test('what is split with an overlap predicts every token once, and none from another document', () => {
  const options = fc
    .integer({ min: 2, max: 20 })
    .chain((longest) => fc.tuple(fc.constant(longest), fc.integer({ min: 0, max: longest - 1 })))
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 6 }),
      options,
      (sizes, [longest, overlap]) => {
        const store = new TokenStore()
        let next = 0
        for (const size of sizes) {
          const ids = Int32Array.from({ length: size }, () => next++)
          store.add(ids, ids, { longest, overlap })
        }
        const predicted: number[] = []
        const seen = new Set<number>()
        for (let piece = 0; piece < store.lengths().length; piece++) {
          const { ids, labels } = store.row([piece])
          expect(ids.length).toBeLessThanOrEqual(longest)
          for (const [i, label] of labels.entries()) {
            seen.add(ids[i]!)
            if (label === ignoreLabel) continue
            expect(label).toBe(ids[i]! + 1)
            predicted.push(label)
          }
        }
        const starts = new Set(sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0)))
        expect(predicted.sort((a, b) => a - b)).toEqual(Array.from({ length: next }, (_, i) => i).filter((i) => !starts.has(i)))
        // The last token of a document that was cut is predicted and need not be read.
        for (let i = 0; i < next; i++) if (!starts.has(i + 1) && i + 1 < next) expect(seen.has(i)).toBe(true)
      },
    ),
  )
})

test('a weight holds for its own piece, whether others had one before or after it', () => {
  const store = new TokenStore()
  for (let piece = 0; piece < 5000; piece++) {
    const ids = [piece, piece]
    store.add(ids, ids, { longest: 8, ...(piece % 3 === 2 ? { weight: 1 / piece } : {}) })
  }
  expect(store.row([0, 1])).not.toHaveProperty('weights')
  for (const piece of [2, 1025, 4997])
    expect(store.row([piece - 1, piece, piece + 1]).weights).toEqual(Float32Array.of(1, 1, 1 / piece, 1 / piece, 1, 1))
})

test('rows are asked for by whole numbers', () => {
  const store = new TokenStore()
  for (let piece = 0; piece < 3; piece++) store.add([1, 2], [1, 2], { longest: 8 })
  const { rows } = rowSet(store, { packing: false, sequenceLength: 8 })
  expect(rows.row(2).ids).toEqual(Int32Array.of(1, 2))
  for (const index of [0.5, -1, 3, Number.NaN]) expect(() => rows.row(index)).toThrow(RangeError)
})
