import { metadataNumbers } from '@qt/weights'
import { markToSpace, stepDetokenizer } from './detokenize.js'
import { type Common, type KindParts, key, types } from './ggml-common.js'
import { longestBytes } from './models/longest-bytes.js'
import { plamo } from './models/plamo.js'
import { unigram, unknownPenalty } from './models/unigram.js'
import { ggmlUnigramNormalizer } from './normalize.js'
import { longestReplacements } from './precompiled.js'

/** SentencePiece's unigram models (T5, UMT5). */
export function unigramParts({ metadata, vocabulary, id, flag, typeOf, scores }: Common): KindParts {
  const charsmap = metadataNumbers(metadata, key('precompiled_charsmap'))
  const prefix = flag('add_space_prefix', false)
  const [bosId, eosId] = [id('bos_token_id'), id('eos_token_id', 1)]
  const own = Array.from(scores(), (score, token) => (typeOf(token) === types.userDefined ? 0 : score))
  const least = own.reduce(
    (sofar, score, token) => (typeOf(token) === types.normal ? Math.min(sofar, score) : sofar),
    Number.MAX_VALUE,
  )
  const used: readonly number[] = [types.normal, types.userDefined, types.unused]
  return {
    normalize: ggmlUnigramNormalizer(longestReplacements(charsmap && Uint8Array.from(charsmap), key('precompiled_charsmap')), {
      prefix,
      merge: flag('remove_extra_whitespaces', false),
    }),
    steps: [],
    model: unigram({
      vocabulary,
      scores: own,
      unknown: id('unknown_token_id', 2),
      byteFallback: false,
      uses: (token) => used.includes(typeOf(token)),
      unknownScore: Math.fround(least - unknownPenalty),
    }),
    detokenizer: stepDetokenizer({ steps: [markToSpace], byteFallback: true, ...(prefix ? { strip: ' ' } : {}) }),
    bosId,
    eosId,
    before: flag('add_bos_token', false) ? [bosId] : [],
    after: flag('add_eos_token', true) ? [eosId] : [],
  }
}

/** RWKV's tokens are any bytes, written with escapes. */
export function rwkvParts({ vocabulary, id, typeOf }: Common): KindParts {
  const bytes = vocabulary.tokens.map((token = '') => unescaped(token))
  const piece = (token: string): Uint8Array => bytes[vocabulary.ids.get(token) ?? -1] ?? unescaped(token)
  return {
    normalize: undefined,
    steps: [],
    model: longestBytes(
      [...bytes.entries()].filter(([token]) => typeOf(token) !== types.control),
      id('unknown_token_id'),
    ),
    detokenizer: { begin: () => ({ piece }), later: piece },
    bosId: id('bos_token_id'),
    eosId: id('eos_token_id'),
    before: [],
    after: [],
  }
}

const named: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, r: 0x0d }

/** `\\n`, `\\x0a` and their kin as bytes. */
function unescaped(token: string): Uint8Array {
  const bytes: number[] = []
  const utf8 = new TextEncoder()
  for (let i = 0; i < token.length; ) {
    const pattern = /\\(?:x([0-9a-fA-F]{2})|(.))/suy
    pattern.lastIndex = i
    const match = pattern.exec(token)
    if (match) {
      const [whole, hex, letter = ''] = match
      if (hex !== undefined) bytes.push(Number.parseInt(hex, 16))
      else bytes.push(...(named[letter] === undefined ? utf8.encode(letter) : [named[letter]]))
      i += whole.length
    } else {
      const char = String.fromCodePoint(token.codePointAt(i) ?? 0)
      bytes.push(...utf8.encode(char))
      i += char.length
    }
  }
  return Uint8Array.from(bytes)
}

/** PLaMo 2. */
export function plamoParts({ vocabulary, id, typeOf, scores }: Common): KindParts {
  return {
    normalize: undefined,
    steps: [],
    model: plamo({
      vocabulary,
      scores: scores(),
      uses: (token) => typeOf(token) !== types.byte && typeOf(token) !== types.control,
      field: key('tokens'),
    }),
    detokenizer: stepDetokenizer({ steps: [], byteFallback: true }),
    bosId: id('bos_token_id', 1),
    eosId: id('eos_token_id', 2),
    before: [],
    after: [],
  }
}
