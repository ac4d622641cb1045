import { trainingConfigSchema, usageError } from '@qt/core'
import { z } from 'zod'
import { kebab } from './args/parse.js'
import type { Flags } from './args/verb.js'

/** A value of the configuration that a flag can set. */
interface Leaf {
  readonly path: readonly string[]
  readonly schema: z.ZodType
}

/** Flags that are not simply the last word of a key. */
const special: Readonly<Record<string, string>> = {
  'data.path': 'data',
  'architecture.preset': 'architecture',
  'adapter.kind': 'adapter',
}

const unwrap = (schema: unknown): unknown =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable
    ? unwrap(schema.unwrap())
    : schema

/** Every value of the schema; a section that can be null (early stopping) is a value itself, too. */
function leaves(schema: z.ZodObject, path: readonly string[] = []): Leaf[] {
  return Object.entries(schema.shape).flatMap(([key, value]): Leaf[] => {
    if (!(value instanceof z.ZodType)) return []
    const here = [...path, key]
    const inner = unwrap(value)
    if (!(inner instanceof z.ZodObject)) return [{ path: here, schema: value }]
    return [...(value.safeParse(null).success ? [{ path: here, schema: value }] : []), ...leaves(inner, here)]
  })
}

interface Described {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly anyOf?: readonly Described[]
  readonly items?: Described
}

function describe({ schema }: Leaf): Described {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Described
}

function valueName(leaf: Leaf): string {
  const { type, enum: choices, const: only, anyOf } = describe(leaf)
  if (['path', 'base', 'init', 'tokenizer', 'output'].includes(leaf.path.at(-1)!)) return 'PATH'
  if (choices) return 'NAME'
  if (leaf.path.at(-1)!.endsWith('Pattern')) return 'NAME=N,…'
  if (type === 'array') return 'NAME,…'
  const types = anyOf?.map((one) => one.type) ?? [type]
  if (only !== undefined || types.includes('string')) return 'VALUE'
  return types.includes('number') || types.includes('integer') ? 'N' : 'on|off'
}

/** What the schema does not say of a value, in words. */
const words: Readonly<Record<string, string>> = {
  base: 'a GGUF file, a Hugging Face folder, or a hub id (owner/name)',
  tokenizer: 'a tokenizer.json, a folder with one, or a GGUF file; left out: that of the base',
  'data.path': 'a file, a folder, a pattern, or hf://datasets/owner/name',
  'data.validation': 'the share that is held out, or a path; left out: 0.2, and 0 of tokens',
  'data.tools': 'a JSON file that declares the tools of scenarios',
  'adapter.init': 'a PEFT folder to go on from',
  device: 'cpu, cuda or cuda:N',
  threads: 'left out: what the machine allows',
  output: 'the folder of the run',
}

/** The values that a leaf is limited to: all members of a union, where at least one of them has a name. */
function choices(leaf: Leaf): string {
  const found = describe(leaf)
  const parts = found.anyOf ?? [found]
  const values = parts.flatMap((part) => part.enum ?? part.items?.enum ?? (part.const === undefined ? [] : [part.const]))
  const nothing = parts.some(({ type }) => type === 'null') ? ['off'] : []
  if (values.length === 0 && nothing.length === 0) return ''
  const of = (type: string) => parts.find((part) => part.type === type && part.const === undefined)
  const switches = of('boolean') ? ['true', 'false'] : of('object') && nothing.length > 0 ? ['on'] : []
  const named = [...values.map(String), ...switches, ...nothing].join(', ')
  const number = of('integer') ?? of('number')
  if (number) return `${named} or ${numberText(number)}`
  return found.anyOf && of('array') ? `${named} or names, separated by commas` : named
}

function numberText({ type, minimum, exclusiveMinimum, exclusiveMaximum }: Described): string {
  const least = type === 'integer' && exclusiveMinimum !== undefined ? exclusiveMinimum + 1 : minimum
  return [
    'a number',
    ...(least === undefined ? (exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`]) : [`from ${least}`]),
    ...(exclusiveMaximum === undefined ? [] : [`below ${exclusiveMaximum}`]),
  ].join(' ')
}

function help(leaf: Leaf): string {
  const standard = describe(leaf).default
  const text = words[leaf.path.join('.')] ?? choices(leaf)
  return [
    leaf.path.join('.'),
    ...(text ? [`: ${text}`] : []),
    ...(standard === undefined || isSection(standard) ? [] : [` (default ${standard === null ? 'off' : String(standard)})`]),
  ].join('')
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isList({ schema }: Leaf): boolean {
  return schema.safeParse(['a', 'b']).success
}

function named(): ReadonlyMap<string, Leaf> {
  const all = leaves(trainingConfigSchema)
  const shortName = ({ path }: Leaf) => special[path.join('.')] ?? kebab(path.at(-1)!)
  const longName = ({ path }: Leaf) => path.slice(-2).map(kebab).join('-')
  const taken = new Map<string, number>()
  for (const leaf of all) taken.set(shortName(leaf), (taken.get(shortName(leaf)) ?? 0) + 1)
  return new Map(all.map((leaf) => [taken.get(shortName(leaf)) === 1 ? shortName(leaf) : longName(leaf), leaf]))
}

const byFlag = named()

/** `--learning-rate` and its like, made from the schema of the configuration, so that they never drift from it. */
export const trainFlags: Flags = Object.fromEntries(
  [...byFlag].map(([name, leaf]) => [
    name,
    {
      type: unwrap(leaf.schema) instanceof z.ZodBoolean ? 'boolean' : 'text',
      value: valueName(leaf),
      description: help(leaf),
      many: isList(leaf),
    },
  ]),
)

/** What flags say, in the shape of the configuration file. */
export function overridesFromFlags(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, leaf] of byFlag) {
    const given = flags[name]
    if (given !== undefined) put(out, leaf.path, read(name, leaf, given))
  }
  return out
}

/** The first reading of a flag's text that the schema accepts: null, a switch, a number, text, a list. */
function read(name: string, leaf: Leaf, given: unknown): unknown {
  const texts: string[] = Array.isArray(given) ? given.map(String) : [String(given)]
  if (texts.length > 1) return texts
  const text = texts[0]!
  const inner = unwrap(leaf.schema)
  const off = ['null', 'none', 'off'].includes(text)
  const readings: unknown[] = [
    ...(inner instanceof z.ZodObject && text === 'on' ? [{}] : []),
    ...(text === 'true' || text === 'false' ? [text === 'true'] : []),
    ...(text.trim() !== '' && Number.isFinite(Number(text)) ? [Number(text)] : []),
    text,
    ...(off ? [null] : []),
    ...(text.includes('=') ? [table(text)] : []),
    text.split(','),
  ]
  const accepted = readings.find((reading) => leaf.schema.safeParse(reading).success)
  if (accepted !== undefined) return accepted
  const issue = leaf.schema.safeParse(Number.isFinite(Number(text)) ? Number(text) : text).error?.issues[0]
  const named = choices(leaf)
  throw usageError('USAGE_BAD_VALUE', `--${name} cannot be "${text}"${issue && !named ? `: ${issue.message}` : ''}.`, {
    where: { field: leaf.path.join('.') },
    actions: [named ? `Use one of: ${named}.` : 'Correct its value.'],
  })
}

/** `down_proj=8,v_proj=4` */
const table = (text: string): Record<string, number> =>
  Object.fromEntries(
    text.split(',').map((part) => {
      const [key = '', value = ''] = part.split('=')
      return [key.trim(), value.trim() === '' ? Number.NaN : Number(value)]
    }),
  )

function put(object: Record<string, unknown>, [key, ...rest]: readonly string[], value: unknown): void {
  if (key === undefined) return
  if (rest.length === 0) {
    // `--early-stopping on` beside `--early-stopping-patience 3`: one section.
    object[key] = isSection(object[key]) && isSection(value) ? { ...object[key], ...value } : value
    return
  }
  const inside = isSection(object[key]) ? object[key] : {}
  object[key] = inside
  put(inside, rest, value)
}
