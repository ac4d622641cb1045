import { unsupported } from './errors.js'
import { component, type Fields, flagAt, listAt, objectAt, textAt } from './fields.js'
import { literalRegex, translateRegex } from './regex.js'

export type Normalizer = (text: string) => string

/** Lower case character by character: JavaScript alone would write a final Σ as ς. */
const lowercase: Normalizer = (text) => text.replaceAll('Σ', 'σ').toLowerCase()

/** Characters that BERT sets apart as words of their own; the gap at 2B820 is in the original too. */
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu

interface BertNormalizerOptions {
  readonly cleanText: boolean
  readonly chineseCharacters: boolean
  readonly stripAccents: boolean
  readonly lowercase: boolean
}

/** https://github.com/google-research/bert/blob/master/tokenization.py */
function bertNormalizer(options: BertNormalizerOptions): Normalizer {
  return byLine(options.lowercase, (text) => {
    let out = text
    if (options.cleanText)
      out = out.replace(/[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu, '').replace(/\p{White_Space}/gu, ' ')
    if (options.chineseCharacters) out = out.replace(chinese, ' $& ')
    if (options.stripAccents) out = out.normalize('NFD').replace(/\p{Mn}/gu, '')
    return options.lowercase ? lowercase(out) : out
  })
}

const printableAscii = /^[ -~]*$/

/** What BERT does to a line of plain ASCII is to lower its case: only other lines need the full treatment. */
function byLine(lower: boolean, normalize: Normalizer): Normalizer {
  const line = (text: string) => (printableAscii.test(text) ? (lower ? text.toLowerCase() : text) : normalize(text))
  return (text) => text.split('\n').map(line).join(normalize('\n'))
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
  return (text) => {
    const start = left ? text.replace(/^\p{White_Space}+/u, '') : text
    return right ? start.replace(/(?<!\p{White_Space})\p{White_Space}+$/u, '') : start
  }
}

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
      return (text) => steps.reduce((sofar, step) => step(sofar), text)
    }
    case 'Prepend': {
      const prefix = textAt(fields.prepend, `${field}.prepend`)
      return (text) => (text === '' ? text : prefix + text)
    }
    case 'Replace': {
      const pattern = patternAt(fields.pattern, `${field}.pattern`)
      const content = textAt(fields.content, `${field}.content`)
      return (text) => text.replace(pattern, () => content)
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(type)
    case 'Lowercase':
      return lowercase
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '')
    case 'Strip':
      return strip(
        flagAt(fields.strip_left, `${field}.strip_left`, true),
        flagAt(fields.strip_right, `${field}.strip_right`, true),
      )
    case 'BertNormalizer':
      return bertFrom(fields, field)
    default:
      throw unsupported(field, `the normalizer "${type}"`)
  }
}

/** BERT's normalisation as llama.cpp has it: all marks go, and control characters that are white space part words. */
export function ggmlBertNormalizer(lower: boolean, stripAccents: boolean): Normalizer {
  return byLine(lower, (text) => {
    let out = stripAccents ? text.normalize('NFD') : text
    out = out.replace(/\p{White_Space}/gu, ' ').replace(/[\0\ufffd\p{Cc}\p{Cf}\p{Co}]/gu, '')
    if (stripAccents) out = out.replace(/\p{M}/gu, '')
    if (lower) out = lowercase(out)
    return out.replace(chinese, ' $& ')
  })
}
