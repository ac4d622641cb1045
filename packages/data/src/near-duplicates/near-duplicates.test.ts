import { philox } from '@qt/core'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { MemoryPieces } from '../memory-pieces.js'
import { candidateProbability, chooseBands } from './bands.js'
import { matchesOnDisk } from './matches-on-disk.js'
import { MinHasher, similarity } from './min-hash.js'
import { NearDuplicates } from './near-duplicates.js'
import { jaccard, Shingler } from './shingles.js'

// Other work may share the machine.
vi.setConfig({ testTimeout: 120_000 })

const random = (index: number, below: number): number => philox([index, 0, 0, 0], [7, 0])[0] % below

/** Texts of 40 words; every third is an earlier one with up to 8 words changed. */
function corpus(count: number): string[] {
  const texts: string[][] = []
  for (let i = 0; i < count; i++) {
    if (i % 3 === 2) {
      const words = [...texts[random(i * 100, i)]!]
      for (let change = random(i * 100 + 1, 9); change > 0; change--)
        words[random(i * 100 + 10 + change, words.length)] = `w${random(i * 100 + 30 + change, 3000)}`
      texts.push(words)
    } else texts.push(Array.from({ length: 40 }, (_, j) => `w${random(i * 100 + 50 + j, 3000)}`))
  }
  return texts.map((words) => words.join(' '))
}

test('the share of equal places estimates the similarity, as far as its permutations can', () => {
  const hasher = new MinHasher(512)
  const [a, b] = [new Int32Array(512), new Int32Array(512)]
  for (const shared of [10, 50, 80, 95, 100]) {
    const [left, right] = [0, 1].map((side) =>
      Uint32Array.from({ length: 100 }, (_, i) => (i < shared ? i + 1 : i + 1 + 1000 * (side + 1))),
    ) as [Uint32Array, Uint32Array]
    hasher.sign(left, a)
    hasher.sign(right, b)
    const exact = shared / (200 - shared)
    expect(jaccard(left, right)).toBeCloseTo(exact, 12)
    // Four standard errors.
    expect(Math.abs(similarity(a, b) - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 512) + 1e-9)
  }
})

test('bands are as strict as they can be without missing more than asked', () => {
  for (const threshold of [0.5, 0.7, 0.8, 0.9]) {
    const bands = chooseBands(128, threshold)
    expect(1 - candidateProbability(threshold, bands)).toBeLessThanOrEqual(0.05)
    const stricter = { rows: bands.rows + 1, bands: Math.floor(128 / (bands.rows + 1)) }
    expect(1 - candidateProbability(threshold, stricter)).toBeGreaterThan(0.05)
  }
})

test('what is found is near, exactly, and hardly anything that is near is missed', () => {
  const texts = corpus(3000)
  const shingler = new Shingler()
  const sets = texts.map((text) => shingler.hashes(text).slice())
  const finder = new NearDuplicates({ similarity: 0.7 })
  const kept: number[] = []
  let [found, missed] = [0, 0]
  for (const [index, text] of texts.entries()) {
    const match = finder.add(text)
    const near = kept.filter((other) => jaccard(sets[other]!, sets[index]!) >= 0.7)
    if (match) {
      found++
      expect(near).toContain(match.of)
      expect(match.similarity).toBe(jaccard(sets[match.of]!, sets[index]!))
    } else {
      if (near.length > 0) missed++
      kept.push(index)
    }
  }
  expect(found).toBeGreaterThan(300)
  expect(missed / (found + missed)).toBeLessThan(0.05)
})

test('bands gone through one by one on disk find the very same', async () => {
  const texts = [...corpus(1500), '', '!?', ...Array.from({ length: 400 }, (_, i) => `the same words again and again ${i % 7}`)]
  const shuffled = texts.map((_, i) => texts[(i * 701) % texts.length]!)
  for (const similarity of [0.5, 0.8, 1]) {
    const finder = new NearDuplicates({ similarity })
    const expected = shuffled.map((text) => finder.add(text))
    const matches = await matchesOnDisk(
      (async function* () {
        yield* shuffled
      })(),
      new MemoryPieces(),
      { similarity },
    )
    expect(shuffled.map((_, i) => matches.of(i))).toEqual(expected)
    expect(expected.filter((match) => match !== undefined).length).toBeGreaterThan(390)
  }
})

test('on disk it can be stopped while it looks through the bands', async () => {
  const stop = new AbortController()
  const texts = corpus(30).flatMap((text) => Array.from({ length: 200 }, (_, i) => `${text} ${i} ${i * i}`))
  const matches = matchesOnDisk(
    (async function* () {
      yield* texts
      // Not before all of them are read.
      setTimeout(() => stop.abort(), 1)
    })(),
    new MemoryPieces(),
    { similarity: 0.99, permutations: 512, bands: { bands: 128, rows: 1 } },
    stop.signal,
  )
  await expect(matches).rejects.toMatchObject({ name: 'AbortError' })
})

test('many bands take no more memory at once than few', async () => {
  const texts = corpus(9)
  const found = async (permutations: number) => {
    const bands = { bands: permutations, rows: 1 }
    const matches = await matchesOnDisk(
      (async function* () {
        yield* texts
      })(),
      new MemoryPieces(),
      { similarity: 0.5, permutations, bands },
    )
    return texts.map((_, i) => matches.of(i))
  }
  expect(await found(40_000)).toEqual(await found(256))
})

test('short texts whose hashes are the same by chance are not the same', async () => {
  const pairs = [
    ['tkzagy gaesm pcdgge', 'trjgp kehicsbh mdcanh'],
    ['hkfxue lkkhcm levagzh', 'mhinb bpinxqm mnaalnty'],
    ['lmxob gwatjg cyroggqz', 'kaclbu wydiycsv mkbqgzj'],
  ] as const
  const shingler = new Shingler()
  for (const [a, b] of pairs) {
    expect(jaccard(shingler.hashes(a).slice(), shingler.hashes(b))).toBe(1)
    const finder = new NearDuplicates()
    expect([a, b, a, b].map((text) => finder.add(text)?.of)).toEqual([undefined, undefined, 0, 1])
    const matches = await matchesOnDisk(
      (async function* () {
        yield* [a, b, a, b]
      })(),
      new MemoryPieces(),
      {},
    )
    expect([0, 1, 2, 3].map((i) => matches.of(i)?.of)).toEqual([undefined, undefined, 0, 1])
  }
})

test('case, punctuation and spaces do not count, order does', () => {
  const finder = new NearDuplicates()
  expect(finder.add('The cat sat, on the MAT.')).toBeUndefined()
  expect(finder.add('  the Cat sat on the mat!')).toEqual({ of: 0, similarity: 1 })
  expect(finder.add('mat the on sat cat the')).toBeUndefined()
  expect(finder.add('')).toBeUndefined()
  expect(finder.add('')).toBeUndefined()
  expect(finder.add('今天天气很好我们去公园吧')).toBeUndefined()
  expect(finder.add('今天天气很好，我们去公园吧。')).toEqual({ of: 5, similarity: 1 })
})

test('shingles are a sorted set, whatever the text', () => {
  const shingler = new Shingler({ unit: 'letters', size: 4 })
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const hashes = shingler.hashes(text)
      for (let i = 1; i < hashes.length; i++) expect(hashes[i]! > hashes[i - 1]!).toBe(true)
      expect(jaccard(hashes, hashes)).toBe(hashes.length === 0 ? 0 : 1)
    }),
  )
})

test('settings that make no sense are errors', () => {
  const wrong = [
    { similarity: 0 },
    { permutations: 0 },
    { permutations: 1.5 },
    { bands: { bands: 20, rows: 20 } },
    { shingles: { size: 0 } },
  ]
  for (const options of wrong) expect(() => new NearDuplicates(options)).toThrow(expect.objectContaining({ code: 'DATA_OPTION' }))
})
