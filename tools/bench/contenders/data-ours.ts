import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { parseConfig } from '@qt/core'
import { NearDuplicates, parseScenario, prepareShards, readRecordBatches, scenarioFiles, validateDataset } from '@qt/data'
import { Tokenizer, trainBpe } from '@qt/tokenizer'

const [what = '', first = '', second = '', third = ''] = process.argv.slice(2)
const now = (): number => performance.now() / 1000
const memory = (): number => process.resourceUsage().maxRSS / 1000

/** Seconds that something takes. */
function timed(run: () => void): number {
  const start = now()
  run()
  return now() - start
}

/** Sets of three words one after another, as they stand: what a search by hashes is measured against. */
function shingles(text: string): Set<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? []
  if (words.length < 3) return new Set(words.length === 0 ? [] : [words.join(' ')])
  return new Set(words.slice(2).map((word, i) => `${words[i]} ${words[i + 1]} ${word}`))
}

function similarity(a: string, b: string): number {
  const [one, other] = [shingles(a), shingles(b)]
  let both = 0
  for (const shingle of one) if (other.has(shingle)) both++
  return both / (one.size + other.size - both)
}

const contenders: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
  async encode() {
    const tokenizer = await Tokenizer.load(first)
    const text = await readFile(second, 'utf8')
    tokenizer.encode(text.slice(0, 100_000))
    const start = now()
    const ids = tokenizer.encode(text)
    const took = now() - start
    let checksum = 0
    for (let i = 0; i < ids.length; i++) checksum = (checksum + ids[i]! * ((i % 1009) + 1)) % 1_000_000_007
    return { speed: Buffer.byteLength(text) / took / 1e6, tokens: ids.length, checksum }
  },
  async worst() {
    const tokenizer = await Tokenizer.load(first)
    const size = Number(second)
    const random = (length: number): string => {
      const bytes = new Uint8Array(length)
      let state = 1
      for (let i = 0; i < length; i++) {
        state = Math.imul(state, 1664525) + 1013904223
        bytes[i] = state >>> 24
      }
      return new TextDecoder().decode(bytes)
    }
    const makers = { letters: (n: number) => 'a'.repeat(n), blanks: (n: number) => ' '.repeat(n), bytes: random }
    const out: Record<string, number> = {}
    const start = now()
    for (const [name, make] of Object.entries(makers)) {
      const [part, whole] = [make(Math.ceil(size / 10)), make(size)]
      tokenizer.encode(part)
      const small = timed(() => tokenizer.encode(part))
      out[name] = timed(() => tokenizer.encode(whole)) / (10 * small)
    }
    return { ...out, seconds: now() - start }
  },
  async 'train-bpe'() {
    const start = now()
    const json = await trainBpe(createReadStream(first, { encoding: 'utf8', highWaterMark: 1 << 20 }), {
      vocabularySize: Number(second),
      minFrequency: 2,
    })
    return { seconds: now() - start, memory: memory(), tokens: Object.keys(json.model.vocab).length }
  },
  async shards() {
    const tokenizer = await Tokenizer.load(first)
    const start = now()
    const config = parseConfig({
      base: first,
      data: { path: second, format: 'text', validation: 0 },
      training: { sequenceLength: 1024, packing: true, shuffle: false },
    })
    const { parts } = await prepareShards(config, tokenizer, { out: third })
    const took = now() - start
    return { speed: (await stat(second)).size / took / 1e6, tokens: parts.train.tokens, seconds: took, memory: memory() }
  },
  async 'near-duplicates'() {
    const threshold = 0.8
    const finder = new NearDuplicates({ similarity: threshold })
    const planted: { index: number; of: number }[] = []
    const found = new Map<number, number>()
    let index = 0
    let took = 0
    for await (const batch of readRecordBatches(first)) {
      const start = now()
      for (const { value } of batch) {
        const match = finder.add(String(value.text))
        if (match) found.set(index, match.of)
        if (typeof value.of === 'number') planted.push({ index, of: value.of })
        index++
      }
      took += now() - start
    }
    const peak = memory()
    // What is exact is reckoned apart from the search, from the texts themselves.
    const wanted = new Map(planted.flatMap(({ index, of }) => [[index, of] as const]))
    const texts = new Map<number, string>()
    const sources = new Set([...wanted.values(), ...found.values()])
    let [reached, alike, right] = [0, 0, 0]
    let at = 0
    for await (const batch of readRecordBatches(first))
      for (const { value } of batch) {
        const text = String(value.text)
        const of = wanted.get(at)
        if (sources.has(at)) texts.set(at, text)
        const source = of === undefined ? undefined : texts.get(of)
        if (source !== undefined && similarity(source, text) >= threshold) {
          alike++
          if (found.has(at)) reached++
        }
        const match = found.get(at)
        if (match !== undefined && similarity(texts.get(match) ?? '', text) >= threshold) right++
        at++
      }
    return {
      speed: index / took / 1000,
      recall: alike === 0 ? 1 : reached / alike,
      precision: found.size === 0 ? 1 : right / found.size,
      seconds: took,
      memory: peak,
    }
  },
  async validate() {
    const start = now()
    const { examples } = await validateDataset(first)
    const took = now() - start
    return { seconds: took, speed: examples / took / 1000, memory: memory() }
  },
  async 'parse-scenarios'() {
    const texts = await Promise.all((await scenarioFiles(first)).map((file) => readFile(file, 'utf8')))
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    for (const text of texts) parseScenario(text)
    const rounds = Number(second)
    const took = timed(() => {
      for (let round = 0; round < rounds; round++) for (const text of texts) parseScenario(text)
    })
    return { speed: (rounds * bytes) / took / 1e6 }
  },
}

const run = contenders[what]
if (run === undefined) throw new Error(`there is no contender ${what}`)
console.log(JSON.stringify(await run()))
