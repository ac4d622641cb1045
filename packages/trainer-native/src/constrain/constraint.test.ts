import { fileURLToPath } from 'node:url'
import { type Constraint, uniform } from '@qt/core'
import { Tokenizer } from '@qt/tokenizer'
import { describe, expect, test } from 'vitest'
import { guide } from './constraint.js'

const folder = fileURLToPath(new URL('../../../weights/test/fixtures/tiny-llama', import.meta.url))
const tokenizer = await Tokenizer.load(`${folder}/tokenizer.json`)
const vocabulary = tokenizer.vocabularySize

/** Which tokens may follow after a text that is given byte by byte; undefined when the text itself does not fit. */
function after(constraint: Constraint, text: string): { allows(id: number): boolean; end: boolean } | undefined {
  const held = guide(constraint, tokenizer)
  const bytes = byteTokens()
  for (const byte of new TextEncoder().encode(text)) {
    const logits = new Float32Array(vocabulary)
    held.restrict(logits)
    const id = bytes.get(byte)!
    if (logits[id] !== 0) return undefined
    held.accept(id)
  }
  const logits = new Float32Array(vocabulary)
  if (!held.finished) held.restrict(logits)
  return {
    allows: (id) => !held.finished && logits[id] === 0,
    end: held.finished || [...tokenizer.endIds].some((id) => logits[id] === 0),
  }
}
function byteTokens(): Map<number, number> {
  const found = new Map<number, number>()
  for (let id = 0; id < vocabulary; id++) {
    const bytes = tokenizer.bytes!(id)
    if (bytes?.length === 1) found.set(bytes[0]!, id)
  }
  return found
}
const fits = (constraint: Constraint, text: string): boolean => after(constraint, text)?.end ?? false

/** An answer of random tokens under a constraint, ended as soon as it may be after 40 tokens. */
function randomAnswer(constraint: Constraint, seed: number): string | undefined {
  const held = guide(constraint, tokenizer)
  const ids: number[] = []
  for (let i = 0; i < 400; i++) {
    if (held.finished) return tokenizer.decode(ids)
    const logits = Float32Array.from({ length: vocabulary }, (_, id) => uniform(seed, 'sample', i, id))
    held.restrict(logits)
    const end = [...tokenizer.endIds].find((id) => Number.isFinite(logits[id]))
    if (end !== undefined && i > 40) return tokenizer.decode(ids)
    if (end !== undefined) logits[end] = Number.NEGATIVE_INFINITY
    const id = logits.reduce((best, value, at) => (value > logits[best]! ? at : best), 0)
    if (!Number.isFinite(logits[id])) return tokenizer.decode(ids)
    held.accept(id)
    ids.push(id)
  }
  return undefined
}

test('a token is allowed exactly when its bytes fit one by one', () => {
  const constraints: Constraint[] = [
    { grammar: 'root ::= "the " ("cat" | "hat" | "mats"?) [.!]+' },
    { schema: { type: 'object', properties: { name: { type: 'string' }, age: { type: 'integer' } }, required: ['name'] } },
    { calls: [{ name: 'roll' }, { name: 'health', arguments: [{ name: 'who' }, { name: 'by', optional: true }] }] },
  ]
  const texts = ['', 'the', '{"name', '{"name": "the c', '{"name": "x", "age": 1', 'He waits. [', '[health: Mira', 'the cat']
  for (const constraint of constraints)
    for (const text of texts) {
      const state = after(constraint, text)
      if (!state) continue
      for (let id = 0; id < vocabulary; id++) {
        if (tokenizer.endIds.has(id)) continue
        const bytes = tokenizer.bytes!(id)
        const piece = bytes && Buffer.from(bytes)
        if (!piece?.length || piece.toString('utf8').includes('\ufffd')) continue
        expect([text, id, state.allows(id)]).toEqual([text, id, after(constraint, text + piece.toString('utf8')) !== undefined])
      }
    }
}, 60_000)

describe('grammars', () => {
  test('alternatives, groups, repetitions, classes, comments and other rules', () => {
    const grammar = `# a shopping list
root ::= item (", " item){0,2}  # at most three
item ::= [0-9]+ " " name
name ::= "egg" "s"? | [^a-z0-9, ] .*`
    for (const text of ['1 egg', '12 eggs, 3 egg', '1 egg, 2 eggs, 3 eggs', '4 Äpfel 🍎'])
      expect([text, fits({ grammar }, text)]).toEqual([text, true])
    for (const text of ['', 'egg', '1 egg,', '1 egg, 2 egg, 3 egg, 4 egg', '1 apple'])
      expect([text, fits({ grammar }, text)]).toEqual([text, false])
  })

  test('escapes, ranges of any length in UTF-8, and recursion', () => {
    expect(fits({ grammar: 'root ::= "\\n\\x41\\u00e4\\"" [à-ü€-😀]+' }, '\nAä"éü中😀')).toBe(true)
    expect(fits({ grammar: 'root ::= "\\n\\x41\\u00e4\\"" [à-ü€-😀]+' }, '\nAä"é😁')).toBe(false)
    const nested = { grammar: 'root ::= "(" root? ")"' }
    expect(fits(nested, '((()))')).toBe(true)
    expect(fits(nested, '((())')).toBe(false)
    expect(fits(nested, '())')).toBe(false)
  })

  test.each([
    ['root ::= "a', 'is not closed'],
    ['root ::= other', 'no rule named "other"'],
    ['start ::= "a"', 'no rule named "root"'],
    ['root ::= root "a" | "b"', 'begins with itself'],
    ['root ::= empty root\nempty ::= ""', 'begins with itself'],
    ['root ::= "a"\nroot ::= "b"', 'defined twice'],
    ['root ::= "a"{3,1}', 'out of range'],
    ['root ::= "a"{x}', 'not understood'],
    ['root ::= [z-a]', 'backwards'],
    ['root ::= ("a"', 'parenthesis'],
    ['root ::= "a" )', 'cannot begin with'],
  ])('%s is refused', (grammar, message) => {
    expect(() => guide({ grammar }, tokenizer)).toThrow(
      expect.objectContaining({ code: 'GRAMMAR_INVALID', message: expect.stringContaining(message) }),
    )
  })
})

describe('JSON schemas', () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 1 },
      kind: { enum: ['fighter', 'mage', null] },
      level: { type: 'integer', minimum: 0 },
      weight: { type: ['number', 'null'] },
      items: { type: 'array', items: { $ref: '#/$defs/item' }, maxItems: 2 },
    },
    required: ['name', 'items'],
    additionalProperties: false,
    $defs: {
      item: { anyOf: [{ type: 'string' }, { type: 'object', properties: { of: { $ref: '#/$defs/item' } }, required: ['of'] }] },
    },
  }

  test('what fits and what does not', () => {
    const good = [
      '{"name": "Mira", "items": []}',
      '{"name":"M","kind":"mage","level":0,"weight":-1.5e+3,"items":["a",{"of":{"of":"b\\u00e4\\n"}}]}',
      '{\n  "name": "M",\n  "items": ["ä"]\n}',
    ]
    const bad = [
      '{"items": []}',
      '{"name": "", "items": []}',
      '{"name": "M", "items": ["a","b","c"]}',
      '{"name": "M", "level": -1, "items": []}',
      '{"name": "M", "level": 01, "items": []}',
      '{"items": [], "name": "M"}',
      '{"name": "M", "items": [], "more": 1}',
      '{"name": "M", "kind": "thief", "items": []}',
      '{"name": "M", "items": [],}',
    ]
    for (const text of good) {
      expect([text, fits({ schema }, text)]).toEqual([text, true])
      JSON.parse(text)
    }
    for (const text of bad) expect([text, fits({ schema }, text)]).toEqual([text, false])
  })

  test('whatever random tokens make of it parses and has the required properties', () => {
    let ended = 0
    for (let seed = 0; seed < 20; seed++) {
      const answer = randomAnswer(
        { schema: { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'boolean' } }, required: ['a', 'b'] } },
        seed,
      )
      if (answer === undefined) continue
      ended++
      const parsed: unknown = JSON.parse(answer)
      expect(parsed).toEqual({ a: expect.any(Number), b: expect.any(Boolean) })
    }
    expect(ended).toBe(20)
  })

  test.each([
    [{ type: 'string', pattern: '^a' }, 'SCHEMA_UNSUPPORTED', '"pattern"'],
    [{ type: 'object', properties: { a: { type: 'integer', maximum: 3 } } }, 'SCHEMA_UNSUPPORTED', '/properties/a'],
    [{ type: 'strin' }, 'SCHEMA_INVALID', 'unknown type'],
    [{ $ref: '#/nowhere' }, 'SCHEMA_INVALID', 'not there'],
    [{ type: 'object', properties: {}, required: ['a'] }, 'SCHEMA_INVALID', 'no property'],
  ])('%j is refused', (unfit, code, message) => {
    expect(() => guide({ schema: unfit }, tokenizer)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })
})

test('brackets are calls of known tools, with as many arguments as they take', () => {
  const calls = [
    { name: 'roll', arguments: [{ name: 'skill', values: ['perception', 'stealth'] }] },
    { name: 'health', arguments: [{ name: 'who' }, { name: 'by', optional: true }] },
    { name: 'rest' },
  ]
  const good = [
    'No call at all.',
    'She listens. [roll: stealth] Then?',
    '[health: Mira, -4][health: Tom]',
    '[rest] [rest: an hour, inside]',
  ]
  const bad = ['[roll: luck]', '[roll]', '[fly: up]', '[health: a, b, c]', '[rest', 'a ] b', '[[rest]]']
  for (const text of good) expect([text, fits({ calls }, text)]).toEqual([text, true])
  for (const text of bad) expect([text, fits({ calls }, text)]).toEqual([text, false])
})
