import { invalid } from './errors.js'
import { type Fields, isObject, numberAt, objectAt, textAt } from './fields.js'

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

function count(value: unknown, otherwise: number, field: string): number {
  const number = numberAt(value ?? otherwise, field)
  if (Number.isInteger(number) && number >= 0) return number
  throw invalid(field, `"${field}" is ${number}; it has to be a whole number from 0 on.`)
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
    maxLength: count(fields.max_length, 512, 'truncation.max_length'),
    strategy: oneOf(fields.strategy, strategies, 'longest_first', 'truncation.strategy'),
    stride: count(fields.stride, 0, 'truncation.stride'),
    direction: oneOf(fields.direction, directions, 'right', 'truncation.direction'),
  }
  return truncation
}

function paddingOf(value: unknown): Padding | undefined {
  if (value === undefined || value === null) return undefined
  const fields = objectAt(value, 'padding')
  const { strategy } = fields
  const multiple = count(fields.pad_to_multiple_of, 0, 'padding.pad_to_multiple_of')
  return {
    ...(isObject(strategy) ? { length: count(strategy.Fixed, 0, 'padding.strategy.Fixed') } : {}),
    ...(multiple > 0 ? { multipleOf: multiple } : {}),
    direction: oneOf(fields.direction, directions, 'right', 'padding.direction'),
    id: count(fields.pad_id, 0, 'padding.pad_id'),
    type: count(fields.pad_type_id, 0, 'padding.pad_type_id'),
  }
}
