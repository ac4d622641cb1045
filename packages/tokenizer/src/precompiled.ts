import { type Aligned, mapPieces } from './aligned.js'
import { invalid } from './errors.js'
import type { Normalizer } from './normalize.js'

/** A grapheme of fewer bytes is looked up whole; of longer ones each character. */
const wholeBytes = 6
/** Below, every character is a grapheme of its own, carriage returns apart. */
const firstMark = 0x300

/** The stretches in which graphemes may be longer than a character, with the characters they may take in at both ends. */
const joined = /(?:[^\r\u0300-\u{10ffff}]?[\r\u0300-\u{10ffff}]+)+[^\r\u0300-\u{10ffff}]?/gu

/**
 * The character map that SentencePiece compiles into its models: a double-array trie (https://github.com/s-yata/darts-clone) from bytes of
 * UTF-8 to places in a list of texts that end with zero. It is applied as Hugging Face's tokenizers do, to graphemes: the shortest entry
 * that one begins with replaces the whole of it, so that a mark can be lost, and texts tokenise as in training.
 */
export function precompiledNormalizer(charsmap: string, field: string): Normalizer {
  const map = characterMap(charsmap, field)
  const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })
  const utf8 = new TextEncoder()
  const simple = Array.from({ length: firstMark }, (_, unit) => map(utf8.encode(String.fromCharCode(unit))))
  const remembered = new Map<string, string | undefined>()
  const mapped = (piece: string): string | undefined => {
    if (remembered.has(piece)) return remembered.get(piece)
    const found = map(utf8.encode(piece))
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
    for (const { index, 0: stretch } of text.matchAll(joined)) {
      plain(done, index)
      for (const { index: start, segment } of segmenter.segment(stretch)) {
        const whole = utf8.encode(segment).length < wholeBytes ? mapped(segment) : undefined
        let at = index + start
        if (whole !== undefined) tell(at, at + segment.length, whole)
        else
          for (const char of segment) {
            tell(at, at + char.length, mapped(char))
            at += char.length
          }
      }
      done = index + stretch.length
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

/** The shortest entry that some bytes begin with. */
function characterMap(charsmap: string, field: string): (bytes: Uint8Array) => string | undefined {
  const { units, texts } = readMap(charsmap, field)
  const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return (bytes) => {
    let node = offset(units[0] ?? 0)
    for (const byte of bytes) {
      if (byte === 0) return undefined
      node ^= byte
      const unit = units[node] ?? 0
      if ((unit & 0x800000ff) !== byte) return undefined
      node ^= offset(unit)
      if ((unit & 0x100) === 0) continue
      const place = (units[node] ?? 0) & 0x7fffffff
      const end = texts.indexOf(0, place)
      return decoder.decode(texts.subarray(place, end < 0 ? texts.length : end))
    }
    return undefined
  }
}

function readMap(charsmap: string, field: string): { units: Uint32Array; texts: Uint8Array } {
  const bytes = bytesOfBase64(charsmap)
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
