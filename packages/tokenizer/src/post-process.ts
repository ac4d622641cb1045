import { invalid, unsupported } from './errors.js'
import { component, listAt, numberAt, objectAt, textAt } from './fields.js'

/** The special tokens around a text. */
export interface Frame {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

const noFrame: Frame = { before: [], after: [] }

type HasId = (id: number) => boolean

function known(value: unknown, hasId: HasId, field: string): number {
  const id = numberAt(value, field)
  if (hasId(id)) return id
  throw invalid(field, `The post-processor names the id ${id}, which the vocabulary lacks.`)
}

function template(single: unknown, specials: unknown, hasId: HasId, field: string): Frame {
  const before: number[] = []
  const after: number[] = []
  let seen = false
  const table = objectAt(specials ?? {}, `${field}.special_tokens`)
  for (const [i, entry] of listAt(single, `${field}.single`).entries()) {
    const at = `${field}.single[${i}]`
    const item = objectAt(entry, at)
    if (item.Sequence !== undefined) {
      if (seen) throw unsupported(at, 'a template that repeats the text')
      seen = true
      continue
    }
    const name = textAt(objectAt(item.SpecialToken, `${at}.SpecialToken`).id, `${at}.SpecialToken.id`)
    const ids = listAt(objectAt(table[name], `${field}.special_tokens.${name}`).ids, `${field}.special_tokens.${name}.ids`)
    for (const id of ids) (seen ? after : before).push(known(id, hasId, `${field}.special_tokens.${name}.ids`))
  }
  if (!seen) throw invalid(`${field}.single`, 'The template of the post-processor has no place for the text.')
  return { before, after }
}

function pair(value: unknown, hasId: HasId, field: string): number {
  const [, id] = listAt(value, field)
  return known(id, hasId, `${field}[1]`)
}

/** The `post_processor` of a tokenizer.json, for one text. */
export function parsePostProcessor(value: unknown, hasId: HasId, field = 'post_processor'): Frame {
  const part = component(value, field)
  if (part === undefined) return noFrame
  const { type, fields } = part
  switch (type) {
    case 'ByteLevel':
      return noFrame
    case 'TemplateProcessing':
      return template(fields.single, fields.special_tokens, hasId, field)
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { before: [pair(fields.cls, hasId, `${field}.cls`)], after: [pair(fields.sep, hasId, `${field}.sep`)] }
    case 'Sequence':
      return listAt(fields.processors, `${field}.processors`)
        .map((step, i) => parsePostProcessor(step, hasId, `${field}.processors[${i}]`))
        .reduce(
          (inner, outer) => ({ before: [...outer.before, ...inner.before], after: [...inner.after, ...outer.after] }),
          noFrame,
        )
    default:
      throw unsupported(field, `the post-processor "${type}"`)
  }
}
