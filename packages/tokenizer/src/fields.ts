import { invalid } from './errors.js'

export type Fields = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

const describe = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value)

export function objectAt(value: unknown, field: string): Fields {
  if (isObject(value)) return value
  throw invalid(field, `"${field}" has to be an object, not ${describe(value)}.`)
}

export function listAt(value: unknown, field: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw invalid(field, `"${field}" has to be a list, not ${describe(value)}.`)
}

export function textAt(value: unknown, field: string): string {
  if (typeof value === 'string') return value
  throw invalid(field, `"${field}" has to be text, not ${describe(value)}.`)
}

/** One character, however many UTF-16 units it has. */
export function characterAt(value: unknown, field: string): string {
  const text = textAt(value, field)
  if (Array.from(text).length === 1) return text
  throw invalid(field, `"${field}" has to be one character, not ${JSON.stringify(text)}.`)
}

export function numberAt(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw invalid(field, `"${field}" has to be a number, not ${describe(value)}.`)
}

/** A whole number from 0 on; 0 where there is none. */
export function countAt(value: unknown, field: string, otherwise = 0): number {
  const number = numberAt(value ?? otherwise, field)
  if (Number.isInteger(number) && number >= 0) return number
  throw invalid(field, `"${field}" is ${number}; it has to be a whole number from 0 on.`)
}

export function flagAt(value: unknown, field: string, otherwise: boolean): boolean {
  if (value === undefined || value === null) return otherwise
  if (typeof value === 'boolean') return value
  throw invalid(field, `"${field}" has to be true or false, not ${describe(value)}.`)
}

/** The `type` of a tokenizer.json component, or undefined when the component is absent. */
export function component(value: unknown, field: string): { type: string; fields: Fields } | undefined {
  if (value === undefined || value === null) return undefined
  const fields = objectAt(value, field)
  return { type: textAt(fields.type, `${field}.type`), fields }
}
