import { type Aligned, mapAligned, normalFormAligned, prependAligned, replaceAligned, sliceAligned } from './aligned.js'
import { byteLetters } from './bytes.js'
import { unsupported } from './errors.js'
import { component, type Fields, flagAt, listAt, objectAt, textAt } from './fields.js'
import { precompiledNormalizer } from './precompiled.js'
import { literalRegex, translateRegex } from './regex.js'

/** What is done to a text before it is cut: at once, and followed character by character. Both give the same text. */
export interface Normalizer {
  readonly text: (text: string) => string
  readonly aligned: (source: Aligned) => Aligned
}

/** Lower case character by character: JavaScript alone would write a final Σ as ς. */
const lowercase = (text: string): string => text.replaceAll('Σ', 'σ').toLowerCase()

/** The same for a stretch between added tokens; `leading`: it begins the text or follows an added token. */
export interface StretchNormalizer {
  readonly text: (text: string, leading: boolean) => string
  readonly aligned: (source: Aligned, leading: boolean) => Aligned
}

/** Characters that BERT sets apart as words of their own; the gap at 2B820 is in the original too. */
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu

interface BertNormalizerOptions {
  readonly cleanText: boolean
  readonly chineseCharacters: boolean
  readonly stripAccents: boolean
  readonly lowercase: boolean
}

export const lowercaseNormalizer: Normalizer = { text: lowercase, aligned: (source) => mapAligned(source, lowercase) }
const replacing = (pattern: RegExp, content: string): Normalizer => ({
  text: (text) => text.replace(pattern, () => content),
  aligned: (source) => replaceAligned(source, pattern, content),
})
const normalForm = (form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Normalizer => ({
  text: (text) => text.normalize(form),
  aligned: (source) => normalFormAligned(source, form),
})
const without = (pattern: RegExp): Normalizer => replacing(pattern, '')
const setApart: Normalizer = {
  text: (text) => text.replace(chinese, ' $& '),
  aligned: (source) => mapAligned(source, (char) => char.replace(chinese, ' $& ')),
}
const inTurn = (steps: readonly Normalizer[]): Normalizer => ({
  text: (text) => steps.reduce((sofar, step) => step.text(sofar), text),
  aligned: (source) => steps.reduce((sofar, step) => step.aligned(sofar), source),
})
const blanks = replacing(/\p{White_Space}/gu, ' ')

/** https://github.com/google-research/bert/blob/master/tokenization.py */
function bertNormalizer(options: BertNormalizerOptions): Normalizer {
  const steps = [
    ...(options.cleanText ? [without(/[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu), blanks] : []),
    ...(options.chineseCharacters ? [setApart] : []),
    ...(options.stripAccents ? [normalForm('NFD'), without(/\p{Mn}/gu)] : []),
    ...(options.lowercase ? [lowercaseNormalizer] : []),
  ]
  return byLine(options.lowercase, inTurn(steps))
}

const printableAscii = /^[ -~]*$/

/** What BERT does to a line of plain ASCII is to lower its case: only other lines need the full treatment. */
function byLine(lower: boolean, normalizer: Normalizer): Normalizer {
  const line = (text: string) => (printableAscii.test(text) ? (lower ? text.toLowerCase() : text) : normalizer.text(text))
  return { ...normalizer, text: (text) => text.split('\n').map(line).join(normalizer.text('\n')) }
}

/** The `pattern` of Split and Replace: {"String": …} or {"Regex": …}. */
export function patternAt(value: unknown, field: string): RegExp {
  if (typeof value === 'string') return literalRegex(value)
  const fields = objectAt(value, field)
  if (fields.Regex !== undefined) return translateRegex(textAt(fields.Regex, `${field}.Regex`), `${field}.Regex`)
  return literalRegex(textAt(fields.String, `${field}.String`))
}

function bertFrom(fields: Fields, field: string): Normalizer {
  const lower = flagAt(fields.lowercase, `${field}.lowercase`, true)
  return bertNormalizer({
    cleanText: flagAt(fields.clean_text, `${field}.clean_text`, true),
    chineseCharacters: flagAt(fields.handle_chinese_chars, `${field}.handle_chinese_chars`, true),
    stripAccents: flagAt(fields.strip_accents, `${field}.strip_accents`, lower),
    lowercase: lower,
  })
}

function strip(left: boolean, right: boolean): Normalizer {
  const text = (source: string): string => {
    const start = left ? source.replace(/^\p{White_Space}+/u, '') : source
    return right ? start.replace(/(?<!\p{White_Space})\p{White_Space}+$/u, '') : start
  }
  return {
    text,
    aligned: (source) => {
      const rest = text(source.text)
      const start = left ? source.text.length - source.text.replace(/^\p{White_Space}+/u, '').length : 0
      return sliceAligned(source, start, start + rest.length)
    },
  }
}

/** What SentencePiece's rules for translation (nmt) leave out, and what they read as a space. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is left out
const nmtControls = /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/gu
const nmtSpaces = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu

/** The `normalizer` of a tokenizer.json. */
export function parseNormalizer(value: unknown, field = 'normalizer'): Normalizer | undefined {
  const part = component(value, field)
  if (part === undefined) return undefined
  const { type, fields } = part
  switch (type) {
    case 'Sequence': {
      const steps = listAt(fields.normalizers, `${field}.normalizers`)
        .map((step, i) => parseNormalizer(step, `${field}.normalizers[${i}]`))
        .filter((step) => step !== undefined)
      return inTurn(steps)
    }
    case 'Prepend': {
      const prefix = textAt(fields.prepend, `${field}.prepend`)
      return {
        text: (text) => (text === '' ? text : prefix + text),
        aligned: (source) => (source.text === '' ? source : prependAligned(source, prefix)),
      }
    }
    case 'Replace': {
      const pattern = patternAt(fields.pattern, `${field}.pattern`)
      const content = textAt(fields.content, `${field}.content`)
      return replacing(pattern, content)
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return normalForm(type)
    case 'Lowercase':
      return lowercaseNormalizer
    case 'StripAccents':
      return without(/\p{M}/gu)
    case 'Strip':
      return strip(
        flagAt(fields.strip_left, `${field}.strip_left`, true),
        flagAt(fields.strip_right, `${field}.strip_right`, true),
      )
    case 'Precompiled':
      return precompiledNormalizer(
        textAt(fields.precompiled_charsmap, `${field}.precompiled_charsmap`),
        `${field}.precompiled_charsmap`,
      )
    case 'Nmt':
      return inTurn([without(nmtControls), replacing(nmtSpaces, ' ')])
    case 'ByteLevel':
      return { text: byteLetters, aligned: (source) => mapAligned(source, byteLetters) }
    case 'BertNormalizer':
      return bertFrom(fields, field)
    default:
      throw unsupported(field, `the normalizer "${type}"`)
  }
}

/** BERT's normalisation as llama.cpp has it: all marks go, and control characters that are white space part words. */
export function ggmlBertNormalizer(lower: boolean, stripAccents: boolean): Normalizer {
  return byLine(
    lower,
    inTurn([
      ...(stripAccents ? [normalForm('NFD')] : []),
      blanks,
      without(/[\0\ufffd\p{Cc}\p{Cf}\p{Co}]/gu),
      ...(stripAccents ? [without(/\p{M}/gu)] : []),
      ...(lower ? [lowercaseNormalizer] : []),
      setApart,
    ]),
  )
}

/** Spaces as ▁, and one before a text that begins, as llama.cpp does it for SentencePiece's vocabularies. */
export function ggmlMarks(prefix: boolean): StretchNormalizer {
  const marks = replacing(/ /g, '▁')
  return {
    text: (text, leading) => marks.text(prefix && leading ? ` ${text}` : text),
    aligned: (source, leading) => marks.aligned(prefix && leading ? prependAligned(source, ' ') : source),
  }
}

/** Spaces as llama.cpp has them for unigram models: one before the text, and only one between words, when it is to be so. */
export function ggmlUnigramNormalizer(
  replacements: Normalizer,
  { prefix, merge }: { readonly prefix: boolean; readonly merge: boolean },
): StretchNormalizer {
  const spaced = (): ((char: string) => string) => {
    let within = false
    let first = prefix
    return (char) => {
      if (char === ' ') {
        within = false
        return merge ? '' : '▁'
      }
      const marked = !within && (first || merge)
      within = true
      if (marked) first = false
      return marked ? `▁${char}` : char
    }
  }
  return {
    text: (text) => Array.from(replacements.text(text), spaced()).join(''),
    aligned: (source) => mapAligned(replacements.aligned(source), spaced()),
  }
}
