import { usageError } from '@qt/core'
import { choice, type Expression, noneOf, oneOf, optional, type Rules, repeat, rule, sequence, text } from './expression.js'

type Schema = boolean | { readonly [key: string]: unknown }

/** Keywords that say nothing about which documents fit. */
const annotations = new Set(
  '$schema $id $defs definitions $comment title description default examples format deprecated readOnly writeOnly'.split(' '),
)

const quote = (value: unknown): Expression => text(JSON.stringify(value))
const hex = oneOf('09', 'af', 'AF')
const common: readonly (readonly [string, Expression])[] = [
  // A little freedom where documents are usually laid out; without a limit a model can fill its answer with blanks.
  ['space', choice(text(''), text(' '), sequence(text('\n'), repeat(oneOf(' ', '\t'), 0, 20)))],
  [
    'character',
    choice(
      noneOf('"', '\\', '\u0000\u001f'),
      sequence(text('\\'), choice(oneOf('"', '\\', '/', 'b', 'f', 'n', 'r', 't'), sequence(text('u'), hex, hex, hex, hex))),
    ),
  ],
  ['string', sequence(text('"'), repeat(rule('character'), 0), text('"'))],
  ['whole', choice(text('0'), sequence(oneOf('19'), repeat(oneOf('09'), 0, 15)))],
  ['integer', sequence(optional(text('-')), rule('whole'))],
  [
    'fraction',
    sequence(
      optional(sequence(text('.'), repeat(oneOf('09'), 1, 16))),
      optional(sequence(oneOf('e', 'E'), optional(oneOf('+', '-')), repeat(oneOf('09'), 1, 3))),
    ),
  ],
  ['number', sequence(rule('integer'), rule('fraction'))],
  ['boolean', choice(text('true'), text('false'))],
  ['null', text('null')],
  ['array', list(rule('value'), 0, Number.POSITIVE_INFINITY)],
  ['member', sequence(rule('string'), rule('space'), text(':'), rule('space'), rule('value'))],
  ['object', wrapped('{', '}', optional(sequence(rule('member'), repeat(sequence(separator(), rule('member')), 0))))],
  ['value', choice(...['string', 'number', 'boolean', 'null', 'array', 'object'].map(rule))],
]

function separator(): Expression {
  return sequence(rule('space'), text(','), rule('space'))
}
function wrapped(open: string, close: string, inner: Expression): Expression {
  return sequence(text(open), rule('space'), inner, rule('space'), text(close))
}
/** A JSON array of `from` to `to` items. */
function list(item: Expression, from: number, to: number): Expression {
  if (to === 0) return wrapped('[', ']', text(''))
  const filled = sequence(item, repeat(sequence(separator(), item), Math.max(0, from - 1), to - 1))
  return wrapped('[', ']', from === 0 ? optional(filled) : filled)
}

/**
 * A grammar of the JSON documents that fit a schema: properties in the order in which the schema lists them, numbers of up to 16 digits.
 * Keywords that cannot be kept while writing are refused by name.
 */
export function schemaGrammar(schema: Schema): Rules {
  const rules = new Map<string, Expression>(common)
  const references = new Map<string, string>()

  function refuse(path: string, keyword: string): never {
    throw usageError('SCHEMA_UNSUPPORTED', `An answer cannot be held to "${keyword}" of ${path || 'the schema'}.`, {
      where: { field: `${path}/${keyword}` },
      actions: ['Leave it out of the schema, and check the answer afterwards.'],
    })
  }
  const broken = (path: string, what: string): never => {
    throw usageError('SCHEMA_INVALID', `${path || 'The schema'} ${what}.`, {
      where: { field: path || '/' },
      actions: ['Correct the schema.'],
    })
  }
  function asSchema(value: unknown, path: string): Schema {
    if (typeof value === 'boolean') return value
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return broken(path, 'is no schema')
    return Object.fromEntries(Object.entries(value))
  }
  const asList = (value: unknown, path: string): readonly unknown[] => (Array.isArray(value) ? value : broken(path, 'is no list'))
  function count(value: unknown, path: string, otherwise: number): number {
    if (value === undefined) return otherwise
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : broken(path, 'is no whole number')
  }
  /** Keywords left over after those that were read. */
  function onlyThese(from: Exclude<Schema, boolean>, path: string, ...read: string[]): void {
    for (const key of Object.keys(from)) if (!annotations.has(key) && !read.includes(key)) refuse(path, key)
  }

  function reference(to: string, path: string): Expression {
    const known = references.get(to)
    if (known !== undefined) return rule(known)
    if (!to.startsWith('#')) return broken(path, `refers to "${to}", outside of the schema`)
    let target: unknown = schema
    for (const key of to.slice(1).split('/').slice(1)) {
      const name = decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')
      target =
        typeof target === 'object' && target !== null ? Object.entries(target).find(([other]) => other === name)?.[1] : undefined
    }
    if (target === undefined) return broken(path, `refers to "${to}", which is not there`)
    const name = `reference-${references.size}`
    references.set(to, name)
    rules.set(name, expressionOf(asSchema(target, to), to))
    return rule(name)
  }

  function objectOf(from: Exclude<Schema, boolean>, path: string): Expression {
    onlyThese(from, path, 'type', 'properties', 'required', 'additionalProperties')
    const properties = Object.entries(from.properties === undefined ? {} : asSchema(from.properties, `${path}/properties`))
    const required = new Set(asList(from.required ?? [], `${path}/required`))
    for (const name of required)
      if (!properties.some(([other]) => other === name))
        broken(`${path}/required`, `names "${String(name)}", which is no property`)
    const further = from.additionalProperties ?? properties.length === 0
    const free =
      further === false
        ? undefined
        : member(rule('string'), expressionOf(asSchema(further, `${path}/additionalProperties`), path))
    const members = properties.map(([name, value]) =>
      member(quote(name), expressionOf(asSchema(value, `${path}/properties/${name}`), `${path}/properties/${name}`)),
    )
    // What may follow once property i is dealt with; one rule for each, so that optional ones do not multiply.
    const prefix = `object-${rules.size}`
    const place = (i: number, begun: boolean) => rule(`${prefix}-${i}${begun ? '-more' : ''}`)
    for (let i = properties.length; i >= 0; i--)
      for (const begun of [false, true]) {
        const name = `${prefix}-${i}${begun ? '-more' : ''}`
        const comma = begun ? separator() : text('')
        if (i === properties.length) {
          const more = free && sequence(comma, free, repeat(sequence(separator(), free), 0))
          rules.set(name, more ? optional(more) : text(''))
          continue
        }
        const taken = sequence(comma, members[i]!, place(i + 1, true))
        rules.set(name, required.has(properties[i]![0]) ? taken : choice(taken, place(i + 1, begun)))
      }
    return wrapped('{', '}', place(0, false))
  }
  const member = (name: Expression, value: Expression): Expression =>
    sequence(name, rule('space'), text(':'), rule('space'), value)

  function arrayOf(from: Exclude<Schema, boolean>, path: string): Expression {
    onlyThese(from, path, 'type', 'items', 'prefixItems', 'minItems', 'maxItems')
    const item = expressionOf(asSchema(from.items ?? true, `${path}/items`), `${path}/items`)
    const least = count(from.minItems, `${path}/minItems`, 0)
    const most = count(from.maxItems, `${path}/maxItems`, Number.POSITIVE_INFINITY)
    if (from.prefixItems === undefined) return list(item, least, most)
    const first = asList(from.prefixItems, `${path}/prefixItems`).map((one, i) =>
      expressionOf(asSchema(one, `${path}/prefixItems/${i}`), path),
    )
    const rest =
      from.items === false
        ? []
        : [repeat(sequence(separator(), item), Math.max(0, least - first.length), Math.max(0, most - first.length))]
    return wrapped('[', ']', sequence(...first.map((one, i) => (i === 0 ? one : sequence(separator(), one))), ...rest))
  }

  function ofType(type: unknown, from: Exclude<Schema, boolean>, path: string): Expression {
    switch (type) {
      case 'object':
        return objectOf(from, path)
      case 'array':
        return arrayOf(from, path)
      case 'string': {
        onlyThese(from, path, 'type', 'minLength', 'maxLength')
        const [least, most] = [
          count(from.minLength, `${path}/minLength`, 0),
          count(from.maxLength, `${path}/maxLength`, Number.POSITIVE_INFINITY),
        ]
        return least === 0 && most === Number.POSITIVE_INFINITY
          ? rule('string')
          : sequence(text('"'), repeat(rule('character'), least, most), text('"'))
      }
      case 'integer':
      case 'number': {
        onlyThese(from, path, 'type', 'minimum')
        if (from.minimum !== undefined && from.minimum !== 0) refuse(path, 'minimum')
        const whole = from.minimum === 0 ? rule('whole') : rule('integer')
        return type === 'integer' ? whole : sequence(whole, rule('fraction'))
      }
      case 'boolean':
      case 'null':
        onlyThese(from, path, 'type')
        return rule(type)
      default:
        return broken(path, `has the unknown type ${JSON.stringify(type)}`)
    }
  }

  function expressionOf(from: Schema, path: string): Expression {
    if (from === true) return rule('value')
    if (from === false) return broken(path, 'lets nothing through')
    if (from.$ref !== undefined) {
      onlyThese(from, path, '$ref')
      return reference(String(from.$ref), path)
    }
    if (from.const !== undefined) return quote(from.const)
    if (from.enum !== undefined) {
      onlyThese(from, path, 'enum', 'type')
      return choice(...asList(from.enum, `${path}/enum`).map(quote))
    }
    for (const keyword of ['anyOf', 'oneOf'] as const)
      if (from[keyword] !== undefined) {
        onlyThese(from, path, keyword)
        return choice(
          ...asList(from[keyword], `${path}/${keyword}`).map((one, i) =>
            expressionOf(asSchema(one, `${path}/${keyword}/${i}`), `${path}/${keyword}/${i}`),
          ),
        )
      }
    const implied = from.properties !== undefined ? 'object' : from.items !== undefined ? 'array' : undefined
    const type = from.type ?? implied
    if (type === undefined) {
      onlyThese(from, path)
      return rule('value')
    }
    const types: readonly unknown[] = Array.isArray(type) ? type : [type]
    return choice(...types.map((one) => ofType(one, from, path)))
  }

  rules.set('root', expressionOf(schema, ''))
  return { root: 'root', rules }
}
