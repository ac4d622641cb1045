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
export function alignedText(text: string): Aligned {
  const from = new Int32Array(text.length)
  const to = new Int32Array(text.length)
  for (let i = 0; i < text.length; ) {
    const end = i + (text.codePointAt(i)! > 0xffff ? 2 : 1)
    from.fill(i, i, end)
    to.fill(end, i, end)
    i = end
  }
  return { text, from, to }
}

/** What came from a stretch that begins at `start` of the whole. */
export function shiftAligned({ text, from, to }: Aligned, start: number): Aligned {
  return start === 0 ? { text, from, to } : { text, from: from.map((unit) => unit + start), to: to.map((unit) => unit + start) }
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

/** Something else for pieces of a text, which come one after another, followed as Hugging Face's tokenizers do: see `follow`. */
export function mapPieces(
  source: Aligned,
  pieces: (tell: (from: number, to: number, replacement: string | undefined) => void) => void,
): Aligned {
  const out = new Builder()
  const list: Change[] = []
  pieces((from, to, replacement) => {
    const before = [...source.text.slice(from, to)]
    const after = replacement === undefined ? before : [...replacement]
    const more = after.length - before.length
    for (const [i, char] of after.entries()) list.push({ char, change: i >= after.length - more ? 1 : 0 })
    // What is gone went with the character before it, of this piece or an earlier one; at the beginning it is not followed at all.
    const last = list.at(-1)
    if (more < 0 && last) list[list.length - 1] = { char: last.char, change: last.change + more }
  })
  follow(list, source, 0, source.text.length, out)
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
    if (end > start) follow(changes([...source.text.slice(start, end)], form), source, start, end, out)
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

/** Characters in the place of `source.text[start, end)`. */
function follow(list: readonly Change[], source: Aligned, start: number, end: number, out: Builder): void {
  /** The next character, and the last of those that were read so far. */
  let next = start
  let last = start - 1
  for (const { char, change } of list) {
    out.addAs(char, source, change > 0 || next >= end ? last : next)
    for (let read = change; read <= 0 && next < end; read++) {
      last = next
      next += source.text.codePointAt(next)! > 0xffff ? 2 : 1
    }
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
