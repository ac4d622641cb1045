import { usageError } from '@qt/core'
import type { Padding, Truncation } from './batch-settings.js'
import type { FrameItem } from './post-process.js'

/** A text as a model takes it; every list has an entry for each token. */
export interface Encoding {
  readonly ids: Uint32Array
  /** 0 for the first text and 1 for the second, or what the template says. */
  readonly types: Uint8Array
  /** 0 for padding. */
  readonly attention: Uint8Array
  /** 1 for tokens that are not of the text: those around it, and padding. */
  readonly special: Uint8Array
  /** What a token stands for is `text.slice(offsets[2 * i], offsets[2 * i + 1])`; 0 and 0 for what is not of the text. */
  readonly offsets: Uint32Array
  /** Which text a token is of, or -1. */
  readonly texts: Int8Array
  /** What was cut off, in parts of the same length; for two texts nothing. */
  readonly overflowing: readonly Encoding[]
}

/** A token and the units of its text that it stands for. */
export interface Located {
  readonly id: number
  readonly from: number
  readonly to: number
  /** What an added token was found in, with the white space that it takes along. */
  readonly said?: string
}

const none: Located = { id: 0, from: 0, to: 0 }

interface Row extends Located {
  readonly type: number
  readonly text: number
  readonly attention: number
}

const encodingOf = (rows: readonly Row[], overflowing: readonly Encoding[]): Encoding => ({
  ids: Uint32Array.from(rows, ({ id }) => id),
  types: Uint8Array.from(rows, ({ type }) => type),
  attention: Uint8Array.from(rows, ({ attention }) => attention),
  special: Uint8Array.from(rows, ({ text }) => (text < 0 ? 1 : 0)),
  offsets: Uint32Array.from(rows.flatMap(({ from, to }) => [from, to])),
  texts: Int8Array.from(rows, ({ text }) => text),
  overflowing,
})

const fill = (items: readonly FrameItem[], texts: readonly (readonly Located[])[]): Row[] =>
  items.flatMap((item): Row[] => {
    if ('id' in item) return [{ ...none, id: item.id, type: item.type, text: -1, attention: 1 }]
    return (texts[item.text] ?? []).map((token) => ({ ...token, type: item.type, text: item.text, attention: 1 }))
  })

/** One or two texts in their template, cut to length. */
export function encodingIn(
  items: readonly FrameItem[],
  texts: readonly (readonly Located[])[],
  truncation: Truncation | undefined,
): Encoding {
  const own = items.filter((item) => 'id' in item).length
  const parts = truncation === undefined ? texts.map((text) => [text]) : truncated(texts, truncation, own)
  const overflowing = parts.length === 1 ? parts[0]!.slice(1).map((part) => encodingOf(fill(items, [part]), [])) : []
  return encodingOf(
    fill(
      items,
      parts.map(([kept = []]) => kept),
    ),
    overflowing,
  )
}

/** The parts of each text, of which the first is kept. */
function truncated(
  texts: readonly (readonly Located[])[],
  { maxLength, strategy = 'longest_first', stride = 0, direction = 'right' }: Truncation,
  own: number,
): (readonly Located[])[][] {
  const room = Math.max(0, maxLength - own)
  const lengths = texts.map(({ length }) => length)
  const [first = 0, second] = lengths
  const over = first + (second ?? 0) - room
  const cut = (which: number, length: number) => partsOf(texts[which]!, length, stride, direction)
  if (over <= 0) return texts.map((text) => [text])
  if (strategy === 'longest_first') {
    if (second === undefined) return [cut(0, room)]
    const [a, b] = longestFirst(first, second, room)
    return [cut(0, a), cut(1, b)]
  }
  const which = strategy === 'only_first' ? 0 : 1
  const length = lengths[which]
  if (length === undefined || length <= over)
    throw usageError('TRUNCATION', `There are ${over} tokens too many for ${maxLength}, more than the text to be cut has.`, {
      where: { field: 'truncation' },
      actions: ['Give a larger maxLength.', 'Use the strategy longest_first.'],
    })
  return texts.map((text, i) => (i === which ? cut(i, length - over) : [text]))
}

/** How much of two texts is kept: of the shorter all, as long as half of the room is enough for it. */
function longestFirst(first: number, second: number, room: number): readonly [number, number] {
  const short = Math.min(first, second)
  let kept: readonly [number, number]
  if (short > room) kept = [short, short]
  else kept = [short, Math.max(short, room - short)]
  if (kept[0] + kept[1] > room) kept = [Math.floor(room / 2), Math.floor(room / 2) + (room % 2)]
  return first > second ? [kept[1], kept[0]] : kept
}

/** Parts of at most `length` tokens, each beginning with the last `stride` of the one before; from the end when cut on the left. */
function partsOf(
  tokens: readonly Located[],
  length: number,
  stride: number,
  direction: 'right' | 'left',
): (readonly Located[])[] {
  const { length: count } = tokens
  if (length >= count) return [tokens]
  if (length === 0) return [[], tokens]
  if (stride >= length)
    throw usageError(
      'TRUNCATION_STRIDE',
      `The stride ${stride} has to be less than the ${length} tokens that are kept of a text.`,
      {
        where: { field: 'truncation.stride' },
        actions: ['Give a smaller stride or a larger maxLength.'],
      },
    )
  const parts: (readonly Located[])[] = []
  for (let at = 0; at < count; at += length - stride) {
    const [from, to] = direction === 'right' ? [at, Math.min(at + length, count)] : [Math.max(0, count - at - length), count - at]
    parts.push(tokens.slice(from, to))
    if (direction === 'right' ? to === count : from === 0) break
  }
  return parts
}

/** Filled up to one length. */
export function padded(encodings: readonly Encoding[], padding: Padding): Encoding[] {
  const { length, multipleOf = 1 } = padding
  const longest = length ?? encodings.reduce((most, { ids }) => Math.max(most, ids.length), 0)
  const target = multipleOf > 1 ? Math.ceil(longest / multipleOf) * multipleOf : longest
  return encodings.map((encoding) => padTo(encoding, target, padding))
}

function padTo(encoding: Encoding, target: number, padding: Padding): Encoding {
  const missing = target - encoding.ids.length
  const overflowing = encoding.overflowing.map((part) => padTo(part, target, padding))
  if (missing <= 0) return { ...encoding, overflowing }
  const { direction = 'right', id = 0, type = 0 } = padding
  const start = direction === 'left' ? missing : 0
  function into<T extends Uint8Array | Uint32Array | Int8Array>(out: T, source: ArrayLike<number>, each = 1): T {
    out.set(source, start * each)
    return out
  }
  return {
    ids: into(new Uint32Array(target).fill(id), encoding.ids),
    types: into(new Uint8Array(target).fill(type), encoding.types),
    attention: into(new Uint8Array(target), encoding.attention),
    special: into(new Uint8Array(target).fill(1), encoding.special),
    offsets: into(new Uint32Array(target * 2), encoding.offsets, 2),
    texts: into(new Int8Array(target).fill(-1), encoding.texts),
    overflowing,
  }
}
