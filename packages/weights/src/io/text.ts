const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * UTF-8 to a string without loss: a byte that is not UTF-8 becomes the lone surrogate U+DC00 + byte
 * (Python's `surrogateescape`), so that vocabularies with raw bytes survive a copy.
 */
export function decodeText(bytes: Uint8Array): string {
  const short = bytes.length <= shortest ? decodeAscii(bytes) : undefined
  if (short !== undefined) return short
  try {
    return strict.decode(bytes)
  } catch {
    return decodeEscaped(bytes)
  }
}

/** Decoders take longer to begin than words of a vocabulary are long. */
const shortest = 24

function decodeAscii(bytes: Uint8Array): string | undefined {
  let text = ''
  for (const byte of bytes) {
    if (byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function decodeEscaped(bytes: Uint8Array): string {
  const parts: string[] = []
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    parts.push(length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : strict.decode(bytes.subarray(at, at + length)))
    at += Math.max(1, length)
  }
  return parts.join('')
}

/** Bytes of the valid UTF-8 sequence at `at`, 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  const rest = [...bytes.subarray(at + 1, at + length)]
  if (first < 0xc2 || first > 0xf4 || rest.length < length - 1 || rest.some((byte) => (byte & 0xc0) !== 0x80)) return 0
  const second = rest[0]!
  // Overlong forms, surrogates and code points past U+10FFFF are not UTF-8.
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0
  return length
}

const escaped = /[\udc80-\udcff]/u

/** The inverse of `decodeText`. */
export function encodeText(text: string): Uint8Array {
  const short = text.length <= shortest ? encodeAscii(text) : undefined
  if (short !== undefined) return short
  if (!escaped.test(text)) return encoder.encode(text)
  const bytes: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00)
    else bytes.push(...encoder.encode(character))
  }
  return Uint8Array.from(bytes)
}

function encodeAscii(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) return undefined
    bytes[i] = code
  }
  return bytes
}
