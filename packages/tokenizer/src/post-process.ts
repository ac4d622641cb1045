import { invalid, unsupported } from './errors.js'
import { component, listAt, numberAt, objectAt, textAt } from './fields.js'

/** The special tokens around a text. */
export interface Frame {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

export const noFrame: Frame = { before: [], after: [] }

type IdOf = (token: string) => number | undefined

function known(token: string, id: number, idOf: IdOf, field: string): number {
  if (idOf(token) === undefined)
    throw invalid(field, `The post-processor names the token ${JSON.stringify(token)}, which the vocabulary lacks.`)
  return id
}

function template(single: unknown, specials: unknown, idOf: IdOf, field: string): Frame {
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
    for (const id of ids) (seen ? after : before).push(known(name, numberAt(id, `${field}.special_tokens.${name}.ids`), idOf, at))
  }
  if (!seen) throw invalid(`${field}.single`, 'The template of the post-processor has no place for the text.')
  return { before, after }
}

function pair(value: unknown, idOf: IdOf, field: string): number {
  const [token, id] = listAt(value, field)
  return known(textAt(token, `${field}[0]`), numberAt(id, `${field}[1]`), idOf, field)
}

/** The `post_processor` of a tokenizer.json, for one text. */
export function parsePostProcessor(value: unknown, idOf: IdOf, field = 'post_processor'): Frame {
  const part = component(value, field)
  if (part === undefined) return noFrame
  const { type, fields } = part
  switch (type) {
    case 'ByteLevel':
      return noFrame
    case 'TemplateProcessing':
      return template(fields.single, fields.special_tokens, idOf, field)
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { before: [pair(fields.cls, idOf, `${field}.cls`)], after: [pair(fields.sep, idOf, `${field}.sep`)] }
    case 'Sequence':
      return listAt(fields.processors, `${field}.processors`)
        .map((step, i) => parsePostProcessor(step, idOf, `${field}.processors[${i}]`))
        .reduce(
          (inner, outer) => ({ before: [...outer.before, ...inner.before], after: [...inner.after, ...outer.after] }),
          noFrame,
        )
    default:
      throw unsupported(field, `the post-processor "${type}"`)
  }
}
