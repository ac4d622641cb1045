import { type Aligned, mapPieces } from './aligned.js'
import { invalid } from './errors.js'
import type { Normalizer } from './normalize.js'

/** A grapheme of fewer bytes is looked up whole; of longer ones each character. */
const wholeBytes = 6
/** Below, every character is a grapheme of its own, carriage returns apart. */
const firstMark = 0x300
/** Units that are cut into graphemes together: the run-time's segmenter takes time for the whole of its text for each of them. */
const usualWindow = 256

/** The end of the stretch that begins at `from` in which graphemes may be longer than a character, those taken in at both ends too. */
function joinedEnd(text: string, from: number): number {
  let end = from + 1
  while (end < text.length) {
    if (joins(text, end)) end++
    // One that joins nothing by itself may be followed by one that joins it.
    else if (end + 1 < text.length && joins(text, end + 1)) end += 2
    else return end + 1
  }
  return end
}

function joins(text: string, i: number): boolean {
  const unit = text.charCodeAt(i)
  return unit >= firstMark || unit === 0x0d
}

const isHighSurrogate = (text: string, i: number): boolean => (text.charCodeAt(i) & 0xfc00) === 0xd800

/** Tells of each grapheme of `text[from, to)`, which begins and ends between two of them. */
function graphemes(
  segmenter: Intl.Segmenter,
  text: string,
  from: number,
  to: number,
  tell: (at: number, grapheme: string) => void,
) {
  let size = usualWindow
  for (let start = from; start < to; ) {
    const split = isHighSurrogate(text, start + size - 1) ? 1 : 0
    const end = Math.min(to, start + size + split)
    const list = [...segmenter.segment(text.slice(start, end))]
    // The last one may go on behind the window.
    const whole = end < to ? list.slice(0, -1) : list
    for (const { index, segment } of whole) tell(start + index, segment)
    size = whole.length > 0 ? usualWindow : size * 2
    if (end === to) return
    start += list.at(-1)!.index
  }
}

/**
 * The character map that SentencePiece compiles into its models: a double-array trie (https://github.com/s-yata/darts-clone) from bytes of
 * UTF-8 to places in a list of texts that end with zero. It is applied as Hugging Face's tokenizers do, to graphemes: the shortest entry
 * that one begins with replaces the whole of it, so that a mark can be lost, and texts tokenise as in training.
 */
export function precompiledNormalizer(charsmap: string, field: string): Normalizer {
  const map = shortestMatch(readMap(bytesOfBase64(charsmap), field))
  const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })
  const utf8 = new TextEncoder()
  const simple = Array.from({ length: firstMark }, (_, unit) => map(utf8.encode(String.fromCharCode(unit))))
  const remembered = new Map<string, string | undefined>()
  /** What stands for a grapheme that is short enough, or for a character. */
  const mapped = (piece: string): string | undefined => {
    if (piece.length >= wholeBytes) return undefined
    if (remembered.has(piece)) return remembered.get(piece)
    const bytes = utf8.encode(piece)
    const found = bytes.length < wholeBytes ? map(bytes) : undefined
    if (remembered.size >= 1 << 16) remembered.clear()
    remembered.set(piece, found)
    return found
  }

  /** Tells of each piece of the text in turn, and what stands for it; undefined: it stays. */
  function pieces(text: string, tell: (from: number, to: number, replacement: string | undefined) => void): void {
    const plain = (from: number, to: number) => {
      for (let i = from; i < to; i++) tell(i, i + 1, simple[text.charCodeAt(i)])
    }
    let done = 0
    for (let i = 0; i < text.length; i++) {
      if (!joins(text, i)) continue
      const from = Math.max(done, i - 1)
      const to = joinedEnd(text, i)
      plain(done, from)
      graphemes(segmenter, text, from, to, (start, grapheme) => {
        const whole = mapped(grapheme)
        if (whole !== undefined) return tell(start, start + grapheme.length, whole)
        let at = start
        for (const char of grapheme) {
          tell(at, at + char.length, char.length === grapheme.length ? undefined : mapped(char))
          at += char.length
        }
      })
      done = to
      i = to - 1
    }
    plain(done, text.length)
  }

  return {
    text(text) {
      let out = ''
      let kept = 0
      pieces(text, (from, to, replacement) => {
        if (replacement === undefined) return
        out += text.slice(kept, from) + replacement
        kept = to
      })
      return kept === 0 ? text : out + text.slice(kept)
    },
    aligned: (source: Aligned) => mapPieces(source, (tell) => pieces(source.text, tell)),
  }
}

/** The double-array trie and the texts it leads to. */
interface CharacterMap {
  readonly units: Uint32Array
  readonly texts: Uint8Array
}

/** Tells of each entry that `bytes` from `from` on begins with, from the shortest on, until told to stop. */
function entriesAt(
  { units, texts }: CharacterMap,
  bytes: Uint8Array,
  from: number,
  tell: (length: number, text: Uint8Array) => boolean,
): void {
  const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6)
  let node = offset(units[0] ?? 0)
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === 0) return
    node ^= byte
    const unit = units[node] ?? 0
    if ((unit & 0x800000ff) !== byte) return
    node ^= offset(unit)
    if ((unit & 0x100) === 0) continue
    const place = (units[node] ?? 0) & 0x7fffffff
    const end = texts.indexOf(0, place)
    if (tell(i + 1 - from, texts.subarray(place, end < 0 ? texts.length : end))) return
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The shortest entry that some bytes begin with. */
function shortestMatch(map: CharacterMap): (bytes: Uint8Array) => string | undefined {
  return (bytes) => {
    let found: string | undefined
    entriesAt(map, bytes, 0, (_, text) => {
      found = decoder.decode(text)
      return true
    })
    return found
  }
}

/**
 * The character map applied as SentencePiece and llama.cpp do, from left to right: the longest entry that the text goes on with is replaced.
 * `bytes` is the map itself; without any the text stays.
 */
export function longestReplacements(bytes: Uint8Array<ArrayBuffer> | undefined, field: string): Normalizer {
  if (bytes === undefined || bytes.length === 0) return { text: (text) => text, aligned: (source) => source }
  const map = readMap(bytes, field)
  const utf8 = new TextEncoder()
  function pieces(text: string, tell: (from: number, to: number, replacement: string | undefined) => void): void {
    const whole = utf8.encode(text)
    let unit = 0
    for (let i = 0; i < whole.length; ) {
      let length = 0
      let replacement: Uint8Array | undefined
      entriesAt(map, whole, i, (matched, found) => {
        length = matched
        replacement = found
        return false
      })
      if (length === 0) length = utf8Length(whole[i]!)
      const units = decoder.decode(whole.subarray(i, i + length)).length
      tell(unit, unit + units, replacement && decoder.decode(replacement))
      i += length
      unit += units
    }
  }
  return {
    text(text) {
      let out = ''
      pieces(text, (from, to, replacement) => {
        out += replacement ?? text.slice(from, to)
      })
      return out
    },
    aligned: (source) => mapPieces(source, (tell) => pieces(source.text, tell)),
  }
}

const utf8Length = (lead: number): number => (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4)

function readMap(bytes: Uint8Array<ArrayBuffer> | undefined, field: string): CharacterMap {
  const view = bytes && new DataView(bytes.buffer)
  const size = view && view.byteLength >= 4 ? view.getUint32(0, true) : undefined
  if (bytes === undefined || view === undefined || size === undefined || size % 4 !== 0 || 4 + size > bytes.length)
    throw invalid(field, 'The precompiled character map is cut off or no character map.')
  return {
    units: Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true)),
    texts: bytes.subarray(4 + size),
  }
}

function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
