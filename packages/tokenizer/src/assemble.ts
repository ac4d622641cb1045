import { QtError, usageError } from '@qt/core'
import { type AddedToken, findTokens } from './added-tokens.js'
import { alignedText } from './aligned.js'
import type { BatchSettings } from './batch-settings.js'
import { bytesOfPiece, type Detokenizer } from './detokenize.js'
import { type Encoding, encodingIn, padded } from './encoding.js'
import { Ids } from './ids.js'
import { locator } from './locate.js'
import type { Model } from './models/model.js'
import type { StretchNormalizer } from './normalize.js'
import type { Frame, FrameItem } from './post-process.js'
import { type CutStep, preTokenizer } from './pre-tokenize.js'
import type { EncodeBatchOptions, EncodeInput, TextTokenizer } from './text-tokenizer.js'
import { wellFormed } from './unicode.js'
import type { Vocabulary } from './vocabulary.js'
import { byteEncoder, type EncodeWords } from './wasm/byte-encoder.js'

/** Everything a tokenizer consists of, whatever file it came from. */
export interface Parts {
  readonly vocabulary: Vocabulary
  readonly added: readonly AddedToken[]
  readonly normalize: StretchNormalizer | undefined
  readonly steps: readonly CutStep[]
  readonly model: Model
  readonly frame: Frame
  readonly settings: BatchSettings
  readonly detokenizer: Detokenizer
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly endIds: ReadonlySet<number>
  readonly chatTemplate: string | undefined
}

type Segment = (text: string, leading: boolean, first: boolean, out: Ids) => void

type EncodeText = (text: string, out: Ids) => void

/** So many characters are encoded in JavaScript before the tables of the faster encoder are worth making. */
const worthTables = 1 << 16

/** The encoder in WebAssembly, for byte-level vocabularies whose words a known pattern cuts; undefined for all others. */
function fastEncoder({ steps, model }: Parts): EncodeWords | undefined {
  const [step, ...rest] = steps.filter(({ rewrite, scan }) => rewrite !== undefined || scan !== undefined)
  const rules = rest.length === 0 && step?.rewrite === undefined ? step?.scan?.rules : undefined
  const { byteMerges } = model
  if (rules === undefined || byteMerges === undefined) return undefined
  let seen = 0
  let encode: EncodeWords | undefined
  return (text, out) => {
    if (seen <= worthTables) {
      seen += text.length
      if (seen > worthTables) encode = byteEncoder(model, byteMerges, rules)
    }
    return encode?.(text, out) ?? 0
  }
}

/** So much of a text tells whether its beginning is left. */
const startLength = 64

/** From one stretch of text between added tokens to ids; tokens to be found after normalisation are found here. */
function segmentEncoder(
  { normalize, steps, model }: Parts,
  added: readonly AddedToken[],
  fast: EncodeWords | undefined,
): Segment {
  const cut = preTokenizer(steps)
  const words: Segment = (text, _leading, first, out) => {
    // Normalising can leave nothing, before which nothing is put.
    if (text === '') return
    const done = fast?.(text, out) ?? 0
    if (fast && done === text.length) return
    const whole = fast ? wellFormed(text.slice(done)) : text
    cut(whole, 0, whole.length, first && done === 0, (word, from, to) => {
      if (to > from) model.encode(word, from, to, out)
    })
  }
  const late = added.filter((token) => token.normalized && normalize !== undefined)
  if (normalize === undefined) return words
  const asked = steps.some(({ rewrite }) => rewrite?.asksFirst)
  const keepsStart = (text: string) => !asked || normalize.aligned(alignedText(text.slice(0, startLength)), false).from[0] === 0
  if (late.length === 0) {
    return (text, leading, first, out) => words(normalize.text(text, leading), leading, first && keepsStart(text), out)
  }
  const find = findTokens(late, (token) => normalize.text(token.content, false))
  return (text, leading, first, out) => {
    const normal = normalize.text(text, leading)
    find(normal, {
      text: (from, to) => words(normal.slice(from, to), leading && from === 0, first && from === 0 && keepsStart(text), out),
      token: (id) => out.push(id),
    })
  }
}

function encoderFor(parts: Parts, added: readonly AddedToken[], fast: EncodeWords | undefined): EncodeText {
  const segment = segmentEncoder(parts, added, fast)
  const find = findTokens(added.filter((token) => !token.normalized || parts.normalize === undefined))
  return (text, out) => {
    let leading = true
    find(text, {
      text(from, to) {
        segment(from === 0 && to === text.length ? text : text.slice(from, to), leading, from === 0, out)
        leading = false
      },
      token(id) {
        out.push(id)
        leading = true
      },
    })
  }
}

/** Puts the parts together. */
export function assemble(parts: Parts): TextTokenizer {
  const { vocabulary, added, frame, detokenizer } = parts
  const { tokens, ids } = vocabulary
  const fast = fastEncoder(parts)
  // The fast encoder mends lone surrogates by itself.
  const mendsText =
    fast !== undefined && parts.normalize === undefined && !added.some(({ content }) => content.includes('\ufffd'))
  const encodePlain = encoderFor(
    parts,
    added.filter((token) => !token.special),
    fast,
  )
  const encodeSpecial = encoderFor(parts, added, fast)
  const addedIds = new Set(added.map((token) => token.id))
  const specialIds = new Set(added.filter((token) => token.special).map((token) => token.id))

  const remembered: (Uint8Array | undefined)[] = []
  const { later } = detokenizer
  /** The bytes of each token in turn, nothing for special tokens that are not wanted, and those that come at the end. */
  function pieces(special: boolean): { next: (id: number) => Uint8Array | undefined; end: () => Uint8Array | undefined } {
    const { piece: begin, end } = detokenizer.begin()
    let begun = false
    const next = (id: number) => {
      if (!special && specialIds.has(id)) return undefined
      const token = tokens[id]
      if (token === undefined) throw unknownId(id, tokens.length)
      if (begun && later) {
        remembered[id] ??= bytesOfPiece(later(token, addedIds.has(id)))
        return remembered[id]
      }
      const piece = bytesOfPiece(begin(token, addedIds.has(id)))
      begun ||= piece.length > 0
      return piece
    }
    return { next, end: () => end && bytesOfPiece(end()) }
  }

  const locatePlain = locator(
    parts,
    added.filter((token) => !token.special),
  )
  const locateSpecial = locator(parts, added)
  const { settings } = parts

  function located(input: EncodeInput, { special = false, truncation = settings.truncation }: EncodeBatchOptions): Encoding {
    const texts = typeof input === 'string' ? [input] : input
    const template = texts.length === 1 ? frame.single : (frame.pair ?? (special ? undefined : plainPair))
    if (template === undefined) throw noPair()
    const items = special ? template : template.filter((item) => 'text' in item)
    const locate = special ? locateSpecial : locatePlain
    return encodingIn(
      items.filter((item) => 'id' in item || item.text < texts.length),
      texts.map((text) => locate(wellFormed(text))),
      truncation ?? undefined,
    )
  }
  function encodeBatch(inputs: readonly EncodeInput[], options: EncodeBatchOptions = {}): Encoding[] {
    const encodings = inputs.map((input) => located(input, options))
    const { padding = settings.padding } = options
    return padding ? padded(encodings, padding) : encodings
  }

  return {
    encodeBatch,
    encodeWithOffsets(input, options) {
      const [encoding] = encodeBatch([input], options)
      return encoding!
    },

    vocabularySize: tokens.length,
    bosId: parts.bosId,
    eosId: parts.eosId,
    endIds: parts.endIds,
    chatTemplate: parts.chatTemplate,

    encode(text, { special = false } = {}) {
      const out = new Ids(text.length >> 2)
      const encode = special ? encodeSpecial : encodePlain
      encode(mendsText ? text : wellFormed(text), out)
      return framed(out.toArray(), frame, special)
    },

    decode(list, { special = false } = {}) {
      const { next, end } = pieces(special)
      let bytes = new Uint8Array(256)
      let length = 0
      const append = (piece: Uint8Array | undefined) => {
        if (piece === undefined) return
        if (length + piece.length > bytes.length) {
          const grown = new Uint8Array(Math.max(bytes.length * 2, length + piece.length))
          grown.set(bytes)
          bytes = grown
        }
        // Pieces are a few bytes long, for which a loop beats set().
        for (let i = 0; i < piece.length; i++) bytes[length++] = piece[i]!
      }
      for (const id of list) append(next(id))
      append(end())
      return textDecoder().decode(bytes.subarray(0, length))
    },

    stream({ special = false } = {}) {
      const { next, end } = pieces(special)
      const decoder = textDecoder()
      return {
        push(id) {
          const piece = next(id)
          return piece === undefined ? '' : decoder.decode(piece, { stream: true })
        },
        end: () => decoder.decode(end()),
      }
    },

    bytes(id) {
      const token = tokens[id]
      if (token === undefined) throw unknownId(id, tokens.length)
      if (specialIds.has(id)) return undefined
      if (later) return bytesOfPiece(later(token, addedIds.has(id)))
      const { piece, end } = detokenizer.begin()
      const text = piece(token, addedIds.has(id))
      return bytesOfPiece(typeof text === 'string' && end ? text + end() : text)
    },
    token: (id) => tokens[id],
    id: (token) => ids.get(token),
  }
}

/** As the template says. BOS and EOS are added unless the text has them: many chat templates write them themselves. */
function framed(ids: Uint32Array, { before, after, single, repeats }: Frame, special: boolean): Uint32Array {
  if (repeats) return Uint32Array.from(single.flatMap((item) => ('id' in item ? (special ? [item.id] : []) : [...ids])))
  const begins = !special || before.every((id, i) => ids[i] === id)
  const ends = !special || after.every((id, i) => ids[ids.length - after.length + i] === id)
  if (begins && ends) return ids
  return Uint32Array.from([...(begins ? [] : before), ...ids, ...(ends ? [] : after)])
}

const plainPair: readonly FrameItem[] = [
  { text: 0, type: 0 },
  { text: 1, type: 1 },
]

const noPair = () =>
  usageError('TOKENIZER_NO_PAIR', 'This tokenizer does not say how two texts stand together.', {
    actions: ['Give one text.', 'Leave `special` out to get the tokens of both without those around them.'],
  })

// A byte order mark is a character like any other here.
const textDecoder = () => new TextDecoder('utf-8', { ignoreBOM: true })

const unknownId = (id: number, size: number) =>
  new QtError({
    code: 'TOKENIZER_UNKNOWN_ID',
    message: `There is no token with the id ${id}; the vocabulary has ids 0 to ${size - 1}.`,
    actions: ['Decode with the tokenizer of the model that made these ids.'],
  })
