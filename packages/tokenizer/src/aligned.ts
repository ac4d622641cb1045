/** A text made from another: for each of its UTF-16 units, which units of the other it came from. */
export interface Aligned {
  readonly text: string
  readonly from: Int32Array
  readonly to: Int32Array
}

class Builder {
  private text = ''
  private readonly from: number[] = []
  private readonly to: number[] = []

  /** Text of which every unit came from `[from, to)`. */
  add(text: string, from: number, to: number): void {
    this.text += text
    for (let i = 0; i < text.length; i++) {
      this.from.push(from)
      this.to.push(to)
    }
  }

  /** Text that came from where one unit of another came from; before its first, from nowhere. */
  addAs(text: string, source: Aligned, unit: number): void {
    this.add(text, source.from[unit] ?? 0, source.to[unit] ?? 0)
  }

  done(): Aligned {
    return { text: this.text, from: Int32Array.from(this.from), to: Int32Array.from(this.to) }
  }
}

/** A text as it is; both halves of a surrogate pair came from the whole of it. */
export function alignedText(text: string, shift = 0): Aligned {
  const from = new Int32Array(text.length)
  const to = new Int32Array(text.length)
  for (let i = 0; i < text.length; ) {
    const end = i + (text.codePointAt(i)! > 0xffff ? 2 : 1)
    from.fill(i + shift, i, end)
    to.fill(end + shift, i, end)
    i = end
  }
  return { text, from, to }
}

export const sliceAligned = ({ text, from, to }: Aligned, start: number, end: number): Aligned => ({
  text: text.slice(start, end),
  from: from.subarray(start, end),
  to: to.subarray(start, end),
})

/** Another text in front, which came from where the first character came from. */
export function prependAligned(source: Aligned, prefix: string): Aligned {
  const behind = (units: Int32Array): Int32Array => {
    const out = new Int32Array(prefix.length + units.length).fill(units[0] ?? 0)
    out.set(units, prefix.length)
    return out
  }
  return { text: prefix + source.text, from: behind(source.from), to: behind(source.to) }
}

/** Something else for each character; what is put there came from the character. */
export function mapAligned(source: Aligned, replace: (char: string) => string): Aligned {
  const out = new Builder()
  let at = 0
  for (const char of source.text) {
    out.addAs(replace(char), source, at)
    at += char.length
  }
  return out.done()
}

/**
 * Something else for pieces of a text, which come one after another. Character for character it came from what stood there; what is
 * longer goes on with the last.
 */
export function mapPieces(
  source: Aligned,
  pieces: (tell: (from: number, to: number, replacement: string | undefined) => void) => void,
): Aligned {
  const out = new Builder()
  pieces((from, to, replacement) => {
    let at = from
    let last = from
    for (const char of replacement ?? source.text.slice(from, to)) {
      if (at < to) last = at
      out.addAs(char, source, last)
      if (at < to) at += source.text.codePointAt(at)! > 0xffff ? 2 : 1
    }
  })
  return out.done()
}

/** Something else for each match; what is put there came from the last character of the match. */
export function replaceAligned(source: Aligned, pattern: RegExp, replacement: string): Aligned {
  const out = new Builder()
  const copy = (from: number, to: number) => {
    for (let i = from; i < to; i++) out.addAs(source.text[i]!, source, i)
  }
  let done = 0
  for (const match of source.text.matchAll(pattern)) {
    const end = match.index + match[0].length
    copy(done, match.index)
    out.addAs(replacement, source, end - 1)
    done = end
  }
  copy(done, source.text.length)
  return out.done()
}

export type NormalForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD'

const ascii = /^[\0-\x7f]*$/
const joins = /^[\p{M}\u1161-\u1175\u11a8-\u11c2]/u

/**
 * A normal form of Unicode. Composing and decomposing are followed character by character as in Hugging Face's tokenizers: a character
 * that takes in n that follow stands where the first of them stood; one that is put in stands with the one before it.
 */
export function normalFormAligned(source: Aligned, form: NormalForm): Aligned {
  if (ascii.test(source.text)) return source
  const out = new Builder()
  let start = 0
  let at = 0
  const flush = (end: number) => {
    if (end > start) normalSegment(source, start, end, form, out)
    start = end
  }
  for (const char of source.text) {
    // Characters that neither are marks nor become such begin what is normalised by itself.
    if (char <= '\x7f' || !joins.test(char.normalize('NFKD'))) flush(at)
    at += char.length
  }
  flush(at)
  return out.done()
}

interface Change {
  readonly char: string
  /** 0: in the place of one, 1: put in, -n: in the place of one, and n more are gone. */
  readonly change: number
}

function normalSegment(source: Aligned, start: number, end: number, form: NormalForm, out: Builder): void {
  const before = [...source.text.slice(start, end)]
  const positions: number[] = []
  before.reduce((at, char) => {
    positions.push(at)
    return at + char.length
  }, start)
  let place = 0
  for (const { char, change } of changes(before, form)) {
    // The last of those that were read so far, or the next.
    const unit = change > 0 ? positions[place - 1] : positions[place]
    out.addAs(char, source, unit ?? (place > 0 ? positions[place - 1]! : start - 1))
    if (change <= 0) place += 1 - change
  }
}

function changes(before: readonly string[], form: NormalForm): Change[] {
  const compatible = form === 'NFKC' || form === 'NFKD'
  const apart = compatible ? 'NFKD' : 'NFD'
  const parts = before.flatMap((char) => [...char.normalize(apart)].map((part, i) => ({ char: part, change: i > 0 ? 1 : 0 })))
  const take = (char: string): Change => {
    const at = parts.findIndex((part) => part.char === char)
    return at < 0 ? { char, change: 0 } : parts.splice(at, 1)[0]!
  }
  const sorted = [...before.join('').normalize(apart)].map(take)
  if (form === apart) return sorted
  parts.push(...sorted)
  return [...before.join('').normalize(form)].map((char) => {
    const taken = [...char.normalize('NFD')].map(take)
    return { char, change: taken.reduce((sum, { change }) => sum + change, 1 - taken.length) }
  })
}
