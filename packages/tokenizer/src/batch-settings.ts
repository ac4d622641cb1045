import { invalid } from './errors.js'
import { countAt, type Fields, isObject, objectAt, textAt } from './fields.js'

export interface Truncation {
  /** Tokens in all, special ones among them. */
  readonly maxLength: number
  /** Which of two texts is cut; `longest_first` when left out. */
  readonly strategy?: 'longest_first' | 'only_first' | 'only_second'
  /** How many tokens each part that is cut off repeats of the part before it. */
  readonly stride?: number
  /** Which end is cut off. */
  readonly direction?: 'right' | 'left'
}

export interface Padding {
  /** Filled up to this many tokens; to the longest of the batch when left out. */
  readonly length?: number
  readonly multipleOf?: number
  readonly direction?: 'right' | 'left'
  readonly id?: number
  readonly type?: number
}

/** What a tokenizer.json says of the length of what it encodes. */
export interface BatchSettings {
  readonly truncation: Truncation | undefined
  readonly padding: Padding | undefined
}

function oneOf<T extends string>(value: unknown, allowed: Readonly<Record<string, T>>, otherwise: T, field: string): T {
  if (value === undefined || value === null) return otherwise
  const name = textAt(value, field)
  const found = Object.hasOwn(allowed, name) ? allowed[name] : undefined
  if (found !== undefined) return found
  throw invalid(field, `"${field}" is ${JSON.stringify(name)}; it can be ${Object.keys(allowed).join(', ')}.`)
}

const directions = { Right: 'right', Left: 'left' } as const
const strategies = { LongestFirst: 'longest_first', OnlyFirst: 'only_first', OnlySecond: 'only_second' } as const

/** The `truncation` and `padding` of a tokenizer.json. */
export function parseBatchSettings(file: Fields): BatchSettings {
  return { truncation: truncationOf(file.truncation), padding: paddingOf(file.padding) }
}

function truncationOf(value: unknown): Truncation | undefined {
  if (value === undefined || value === null) return undefined
  const fields = objectAt(value, 'truncation')
  const truncation = {
    maxLength: countAt(fields.max_length, 'truncation.max_length', 512),
    strategy: oneOf(fields.strategy, strategies, 'longest_first', 'truncation.strategy'),
    stride: countAt(fields.stride, 'truncation.stride'),
    direction: oneOf(fields.direction, directions, 'right', 'truncation.direction'),
  }
  return truncation
}

function paddingOf(value: unknown): Padding | undefined {
  if (value === undefined || value === null) return undefined
  const fields = objectAt(value, 'padding')
  const { strategy } = fields
  const multiple = countAt(fields.pad_to_multiple_of, 'padding.pad_to_multiple_of')
  return {
    ...(isObject(strategy) ? { length: countAt(strategy.Fixed, 'padding.strategy.Fixed') } : {}),
    ...(multiple > 0 ? { multipleOf: multiple } : {}),
    direction: oneOf(fields.direction, directions, 'right', 'padding.direction'),
    id: countAt(fields.pad_id, 'padding.pad_id'),
    type: countAt(fields.pad_type_id, 'padding.pad_type_id'),
  }
}
