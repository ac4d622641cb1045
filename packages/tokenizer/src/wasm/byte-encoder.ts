import { bytesOfToken } from '../bytes.js'
import type { Ids } from '../ids.js'
import type { ByteMerges, Model } from '../models/model.js'
import type { WordRules } from '../scan.js'
import { characterClasses, letter, mark } from '../unicode.js'
import { encodeBinary } from './encode.wasm.js'

/** Appends the ids of the first words of a text without special tokens and says of how many characters; the rest is left to the caller. */
export type EncodeWords = (text: string, out: Ids) => number

/** What the binary exports. */
interface Exports {
  readonly memory: WebAssembly.Memory
  readonly heap: number
  merges(settings: number, list: number, count: number): void
  wholes(settings: number, names: number, list: number, count: number): void
  encode(settings: number, from: number, to: number, last: number): number
}

const page = 65_536
/** Enough to be busy for long, small enough for the cache of one core. */
const usualRoom = 1 << 16
/** Memory never shrinks: a text with a word that needs more goes on in TypeScript. */
const mostRoom = 1 << 20
/** Of UTF-8 for one unit of UTF-16. */
const mostBytes = 3
/** Bytes of the longest word that the binary takes. */
const mostLetters = 64
/** What the binary may read past the end of a text and write past the last id. */
const slack = 16
const shortBits = 16
const longBits = 14
const shortBytes = 32
const longBytes = 128
/** More than ten for each merge of the largest vocabularies: few pairs that do not merge are looked for. */
const mergeableBits = 1 << 22
/** Fields of `Settings`, of which the last two are answers. */
const settingFields = 19
const answersAt = settingFields - 2

let compiled: WebAssembly.Module | undefined | null

/** Nothing where WebAssembly is forbidden, as a page's content security policy can: then the encoder in JavaScript does all. */
function compile(): WebAssembly.Module | undefined {
  if (compiled === undefined) {
    try {
      compiled = new WebAssembly.Module(Uint8Array.from(atob(encodeBinary), (character) => character.charCodeAt(0)))
    } catch {
      compiled = null
    }
  }
  return compiled ?? undefined
}

function exportsOf(exports: WebAssembly.Exports): Exports | undefined {
  const { memory, __heap_base: heap, merges, wholes, encode } = exports
  if (!(memory instanceof WebAssembly.Memory) || !(heap instanceof WebAssembly.Global)) return undefined
  if (typeof merges !== 'function' || typeof wholes !== 'function' || typeof encode !== 'function') return undefined
  return {
    memory,
    heap: Number(heap.value),
    merges: (settings, list, count) => void merges(settings, list, count),
    wholes: (settings, names, list, count) => void wholes(settings, names, list, count),
    encode: (settings, from, to, last) => Number(encode(settings, from, to, last)),
  }
}

/**
 * Encoding of long texts in WebAssembly, the same binary in Node and in browsers. It gives the ids of `model`,
 * which keeps the words that are too long for the binary.
 */
export function byteEncoder(model: Model, merges: ByteMerges, rules: WordRules): EncodeWords | undefined {
  try {
    return withTables(model, merges, rules)
  } catch {
    // The run-time refuses the memory, as under `ulimit -v`.
    return undefined
  }
}

function withTables(model: Model, { pairs, byteIds, whole }: ByteMerges, rules: WordRules): EncodeWords | undefined {
  const module = compile()
  if (module === undefined) return undefined
  const exports = exportsOf(new WebAssembly.Instance(module).exports)
  if (exports === undefined) return undefined
  const { memory } = exports
  let bytes = new Uint8Array(memory.buffer)
  let top = exports.heap
  const allocate = (size: number): number => {
    const at = aligned(top)
    const missing = at + size - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / page))
    bytes = new Uint8Array(memory.buffer)
    top = at + size
    return at
  }
  const put = (list: Uint8Array | Int32Array): number => {
    const at = allocate(list.byteLength)
    bytes.set(new Uint8Array(list.buffer, list.byteOffset, list.byteLength), at)
    return at
  }

  const count = pairs.length / 3
  const slots = slotsFor(count)
  const settings = allocate(settingFields * 4)
  const classes = put(characterClasses())
  const ids = put(byteIds)
  const table = allocate(slots * 16)
  const shorts = allocate((2 * shortBytes) << shortBits)
  const longs = allocate((2 * longBytes) << longBits)
  const mergeable = allocate(mergeableBits / 8)
  const names = whole && byteNames(whole)
  const places = names ? slotsFor(names.count) : 0
  const wholes = allocate(places * 16)
  const nameBytes = names ? put(names.bytes) : 0
  // The text lies last, so that it can grow; the list of merges is there only until it has been read.
  const textAt = aligned(top)
  const room = { ids: 0, bytes: 0 }
  const field = (index: number, value: number) => new DataView(memory.buffer).setUint32(settings + 4 * index, value, true)
  const digits = rules.kind === 'gpt2' ? 0 : rules.digits
  const word = rules.kind === 'llama3' && rules.marks ? letter | mark : letter
  const contractions = rules.kind === 'llama3' && rules.contractions ? 1 : 0
  const fields = [classes, ids, table, slots - 1, shorts, 64 - shortBits, longs, 64 - longBits, 0, 0, digits, word, contractions]
  const tables = [names ? wholes : 0, Math.max(0, places - 1), mergeable, mergeableBits - 1]
  for (const [index, value] of [...fields, ...tables].entries()) field(index, value)
  const list = put(pairs)
  exports.merges(settings, list, count)
  if (names) {
    top = textAt
    exports.wholes(settings, nameBytes, put(names.ends), names.count)
  }
  /** Keeps the bytes of the text; false, and nothing has changed, where there is no more memory. */
  function makeRoom(bytes: number): boolean {
    const ids = aligned(textAt + bytes + slack)
    top = textAt
    try {
      allocate(ids + (bytes + slack) * 4 - textAt)
    } catch {
      return false
    }
    room.ids = ids
    room.bytes = bytes
    field(8, textAt)
    field(9, ids)
    return true
  }
  if (!makeRoom(usualRoom)) return undefined
  const utf8 = new TextEncoder()
  const text8 = new TextDecoder('utf-8', { ignoreBOM: true })

  return (text, out) => {
    /** Units of the text that were written, and bytes of them that are not encoded yet. */
    let written = 0
    let held = 0
    if (room.bytes > usualRoom) makeRoom(usualRoom)
    while (written < text.length) {
      // A word that fills the room: each time twice as much, so that the whole stays linear.
      if (held * 2 > room.bytes && (room.bytes * 2 > mostRoom || !makeRoom(room.bytes * 2)))
        return written - text8.decode(bytes.subarray(textAt, textAt + held)).length
      const units = Math.floor((room.bytes - held) / mostBytes)
      const target = bytes.subarray(textAt + held, textAt + room.bytes)
      // What does not end with a whole character is written up to the last whole one.
      const end = Math.min(text.length, written + units)
      const whole = end < text.length && isHigh(text.charCodeAt(end - 1)) ? end - 1 : end
      const { written: more } = utf8.encodeInto(text.slice(written, whole), target)
      written = whole
      const to = held + more
      const last = written === text.length
      let from = 0
      for (;;) {
        const stopped = exports.encode(settings, from, to, last ? 1 : 0)
        const answers = new Uint32Array(memory.buffer, settings + answersAt * 4, 2)
        out.appendAll(new Uint32Array(memory.buffer, room.ids, answers[0]))
        from = stopped
        const leftEnd = answers[1]!
        if (leftEnd === 0) break
        const left = text8.decode(bytes.subarray(textAt + from, textAt + leftEnd))
        model.encode(left, 0, left.length, out)
        from = leftEnd
      }
      held = to - from
      if (from > 0 && held > 0) bytes.copyWithin(textAt, textAt + from, textAt + to)
    }
    return text.length
  }
}

/** A power of two of which at most half is used. */
const slotsFor = (count: number): number => 2 ** Math.max(6, Math.ceil(Math.log2(count * 2)))

const aligned = (place: number): number => Math.ceil(place / 64) * 64

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

/** The bytes of tokens one after another, and of each its id and where it ends; longer ones are no words of the binary. */
function byteNames(ids: ReadonlyMap<string, number>): { bytes: Uint8Array; ends: Int32Array; count: number } {
  let bytes = new Uint8Array(ids.size * 8)
  const ends = new Int32Array(2 * ids.size)
  let [count, end] = [0, 0]
  for (const [name, id] of ids) {
    const own = name.length <= mostLetters ? bytesOfToken(name) : undefined
    if (own === undefined || own.length === 0) continue
    if (end + own.length + slack > bytes.length) {
      const larger = new Uint8Array(2 * (end + own.length + slack))
      larger.set(bytes)
      bytes = larger
    }
    bytes.set(own, end)
    end += own.length
    ends[2 * count] = id
    ends[2 * count++ + 1] = end
  }
  return { bytes: bytes.subarray(0, end + slack), ends: ends.subarray(0, 2 * count), count }
}
