import { invalid, unsupported } from './errors.js'
import { component, type Fields, flagAt, listAt, numberAt, objectAt, textAt } from './fields.js'

/** One place of a template: the first or second text, or a special token. */
export type FrameItem = { readonly text: 0 | 1; readonly type: number } | { readonly id: number; readonly type: number }

/** The special tokens around one text and around two. */
export interface Frame {
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly single: readonly FrameItem[]
  /** Undefined when the file does not say how two texts stand together. */
  readonly pair: readonly FrameItem[] | undefined
  /** White space at the ends of tokens does not count to what they stand for; `prefix`: the tokenizer put one before the text. */
  readonly trim: { readonly prefix: boolean } | undefined
  /** It comes from a template, whose places are its own. */
  readonly template?: boolean
  /** The template has the text more than once. */
  readonly repeats?: boolean
}

const text = (which: 0 | 1, type: number = which): FrameItem => ({ text: which, type })
const token =
  (type: number) =>
  (id: number): FrameItem => ({ id, type })

/** Special tokens before and after one text. */
export const frameOf = (before: readonly number[], after: readonly number[], pair?: readonly FrameItem[]): Frame => ({
  before,
  after,
  single: [...before.map(token(0)), text(0), ...after.map(token(0))],
  pair,
  trim: undefined,
})

const adds = ({ before, after }: Frame): boolean => before.length + after.length > 0

const noFrame: Frame = frameOf([], [], [text(0), text(1)])

type HasId = (id: number) => boolean

function known(value: unknown, hasId: HasId, field: string): number {
  const id = numberAt(value, field)
  if (hasId(id)) return id
  throw invalid(field, `The post-processor names the id ${id}, which the vocabulary lacks.`)
}

function template(list: unknown, specials: unknown, hasId: HasId, at: string, field: string): FrameItem[] {
  const table = objectAt(specials ?? {}, `${field}.special_tokens`)
  return listAt(list, at).flatMap((entry, i): FrameItem[] => {
    const item = objectAt(entry, `${at}[${i}]`)
    if (item.Sequence !== undefined) {
      const fields = objectAt(item.Sequence, `${at}[${i}].Sequence`)
      return [text(fields.id === 'B' ? 1 : 0, numberAt(fields.type_id ?? 0, `${at}[${i}].Sequence.type_id`))]
    }
    const fields = objectAt(item.SpecialToken, `${at}[${i}].SpecialToken`)
    const name = textAt(fields.id, `${at}[${i}].SpecialToken.id`)
    const type = numberAt(fields.type_id ?? 0, `${at}[${i}].SpecialToken.type_id`)
    const ids = listAt(objectAt(table[name], `${field}.special_tokens.${name}`).ids, `${field}.special_tokens.${name}.ids`)
    return ids.map((id) => token(type)(known(id, hasId, `${field}.special_tokens.${name}.ids`)))
  })
}

function fromTemplate(fields: Fields, hasId: HasId, field: string): Frame {
  const single = template(fields.single, fields.special_tokens, hasId, `${field}.single`, field)
  const at = single.findIndex((item) => 'text' in item)
  if (at < 0) throw invalid(`${field}.single`, 'The template of the post-processor has no place for the text.')
  const last = single.findLastIndex((item) => 'text' in item)
  const idsOf = (items: readonly FrameItem[]) => items.flatMap((item) => ('id' in item ? [item.id] : []))
  const pair =
    fields.pair === undefined || fields.pair === null
      ? undefined
      : template(fields.pair, fields.special_tokens, hasId, `${field}.pair`, field)
  return {
    before: idsOf(single.slice(0, at)),
    after: idsOf(single.slice(last + 1)),
    single,
    pair,
    trim: undefined,
    template: true,
    repeats: last > at,
  }
}

function namedId(value: unknown, hasId: HasId, field: string): number {
  const [, id] = listAt(value, field)
  return known(id, hasId, `${field}[1]`)
}

const trimOf = (fields: Fields, field: string): Frame['trim'] =>
  flagAt(fields.trim_offsets, `${field}.trim_offsets`, true)
    ? { prefix: flagAt(fields.add_prefix_space, `${field}.add_prefix_space`, true) }
    : undefined

/** One processor after another: the tokens of the later stand around those of the earlier. */
function around(inner: Frame, outer: Frame): Frame {
  const before = [...outer.before, ...inner.before]
  const after = [...inner.after, ...outer.after]
  const trim = outer.trim ?? inner.trim
  if (!adds(inner) && !inner.template) return { ...outer, trim }
  if (!adds(outer) && !outer.template) return { ...inner, trim }
  return { ...frameOf(before, after), trim }
}

/** The `post_processor` of a tokenizer.json. */
export function parsePostProcessor(value: unknown, hasId: HasId, field = 'post_processor'): Frame {
  const part = component(value, field)
  if (part === undefined) return noFrame
  const { type, fields } = part
  switch (type) {
    case 'ByteLevel':
      return { ...noFrame, trim: trimOf(fields, field) }
    case 'TemplateProcessing':
      return fromTemplate(fields, hasId, field)
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const cls = namedId(fields.cls, hasId, `${field}.cls`)
      const sep = namedId(fields.sep, hasId, `${field}.sep`)
      const special = token(0)
      if (type === 'BertProcessing') return frameOf([cls], [sep], [special(cls), text(0), special(sep), text(1), token(1)(sep)])
      const pair = [special(cls), text(0), special(sep), special(sep), text(1, 0), special(sep)]
      return { ...frameOf([cls], [sep], pair), trim: trimOf(fields, field) }
    }
    case 'Sequence':
      return listAt(fields.processors, `${field}.processors`)
        .map((step, i) => ({
          frame: parsePostProcessor(step, hasId, `${field}.processors[${i}]`),
          at: `${field}.processors[${i}]`,
        }))
        .reduce(
          ({ frame: inner }, { frame: outer, at }) => {
            if (inner.template && adds(outer)) throw unsupported(at, 'a post-processor after a template')
            if (outer.repeats && (inner.template || adds(inner)))
              throw unsupported(at, 'a template that has the text more than once after other post-processors')
            return { frame: around(inner, outer), at }
          },
          { frame: noFrame, at: field },
        ).frame
    default:
      throw unsupported(field, `the post-processor "${type}"`)
  }
}
