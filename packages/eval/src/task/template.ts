import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { messageOf, usageError } from '@qt/core'

export type Fields = Readonly<Record<string, unknown>>

/** A template that was read once. Unlike chat templates it keeps line breaks as they stand. */
export interface Template {
  text(fields: Fields): string
  /** What a template of one expression comes to: `{{choices.text}}` is a list. Other templates come to their text. */
  value(fields: Fields): unknown
}

const constants = { true: true, True: true, false: false, False: false, none: null, None: null }

const single = /^\{\{([^{}]*)\}\}$/

/**
 * Reads a Jinja template. A name that no record has is an error, not an empty text.
 *
 * @param where What it is, for errors: `prompt`.
 */
export function template(source: string, where: string): Template {
  const expression = single.exec(source)?.[1]
  // What begins an expression; functions are no fields, and what has a default may be missing.
  const names = [...source.matchAll(/\{\{-?\s*(?:not\s+|\(\s*)*([A-Za-z_]\w*)(?!\w|\s*\(|\s*\|\s*default\b)/g)].map(
    ([, name]) => name!,
  )
  const bound = [...source.matchAll(/\{%-?\s*(?:set|for)\s+\(?\s*([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)/g)]
  const own = new Set(['loop', ...bound.flatMap(([, list]) => list!.split(/\s*,\s*/))])
  const wanted = names.filter((name) => !own.has(name) && !Object.hasOwn(constants, name))
  const text = read(source, where)
  const value = expression === undefined ? undefined : read(`{{ (${expression}) | tojson }}`, where)
  const run = (program: ReturnType<typeof parse>, fields: Fields): string => {
    const missing = wanted.find((name) => !Object.hasOwn(fields, name))
    if (missing !== undefined)
      throw usageError('EVAL_FIELD_MISSING', `The template "${where}" uses "${missing}", which this record does not have.`, {
        where: { field: missing },
        actions: [`Its fields are: ${Object.keys(fields).join(', ')}.`],
      })
    try {
      const environment = new Environment()
      for (const [name, field] of Object.entries({ ...constants, ...fields })) environment.set(name, field)
      const result: unknown = new Interpreter(environment).run(program).value
      return String(result)
    } catch (cause) {
      throw broken(where, cause)
    }
  }
  return {
    text: (fields) => run(text, fields),
    value: (fields) => (value ? JSON.parse(run(value, fields)) : run(text, fields)),
  }
}

function read(source: string, where: string): ReturnType<typeof parse> {
  try {
    // The reader takes one line break off the end.
    return parse(tokenize(source.endsWith('\n') ? `${source}\n` : source))
  } catch (cause) {
    throw broken(where, cause)
  }
}

const broken = (where: string, cause: unknown) =>
  usageError('EVAL_TASK_INVALID', `The template "${where}" does not work: ${messageOf(cause)}.`, {
    actions: ['Correct it: it is Jinja, with the fields of a record as names.'],
    cause,
  })
