/**
 * GPT-2 writes every byte as a printable character: bytes that are printable stand for themselves,
 * the rest become U+0100, U+0101 … in order.
 * https://github.com/openai/gpt-2/blob/master/src/encoder.py
 */
function alphabet(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    return String.fromCharCode(printable ? byte : next++)
  })
}

/** The character that stands for each byte in a byte-level vocabulary. */
export const byteCharacters: readonly string[] = alphabet()

const utf8 = new TextEncoder()

/** A text as the letters that stand for its bytes. */
export const byteLetters = (text: string): string => Array.from(utf8.encode(text), (byte) => byteCharacters[byte]).join('')

const byteOf = new Int16Array(0x144).fill(-1)
for (const [byte, char] of byteCharacters.entries()) byteOf[char.charCodeAt(0)] = byte

/** The bytes a byte-level token stands for, or undefined when a character of it stands for none. */
export function bytesOfToken(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const unit = token.charCodeAt(i)
    const byte = unit < byteOf.length ? byteOf[unit]! : -1
    if (byte < 0) return undefined
    bytes[i] = byte
  }
  return bytes
}

/** The name of a byte in a vocabulary with byte fallback: `<0x0A>`. */
export const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

/** The byte that `<0x0A>` names, or -1. */
export function byteOfToken(token: string): number {
  return token.length === 6 && /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? Number.parseInt(token.slice(3, 5), 16) : -1
}

/** Writes the UTF-8 bytes of `text[from, to)` from `out[0]` on and returns their number; lone surrogates become U+FFFD. */
export function writeUtf8(text: string, from: number, to: number, out: Uint8Array | Int32Array): number {
  let n = 0
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) {
      out[n++] = unit
      continue
    }
    if (unit < 0x800) {
      out[n++] = 0xc0 | (unit >> 6)
      out[n++] = 0x80 | (unit & 63)
      continue
    }
    let point = unit
    if (unit >= 0xd800 && unit <= 0xdfff) {
      const low = i + 1 < to ? text.charCodeAt(i + 1) : 0
      if (unit <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
        point = ((unit - 0xd800) << 10) + (low - 0xdc00) + 0x10000
        out[n++] = 0xf0 | (point >> 18)
        out[n++] = 0x80 | ((point >> 12) & 63)
        out[n++] = 0x80 | ((point >> 6) & 63)
        out[n++] = 0x80 | (point & 63)
        i++
        continue
      }
      point = 0xfffd
    }
    out[n++] = 0xe0 | (point >> 12)
    out[n++] = 0x80 | ((point >> 6) & 63)
    out[n++] = 0x80 | (point & 63)
  }
  return n
}

/** The characters that something stands for. */
export interface Place {
  readonly from: number
  to: number
}

/** For each byte of UTF-8 the character it is part of. */
export function bytePlaces(text: string, from: number, to: number): Place[] {
  const places: Place[] = []
  for (let i = from; i < to; ) {
    const point = text.codePointAt(i)!
    const width = point > 0xffff ? 2 : 1
    const bytes = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    for (let byte = 0; byte < bytes; byte++) places.push({ from: i, to: i + width })
    i += width
  }
  return places
}
