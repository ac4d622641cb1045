import type { RequestTool } from '../request/chat.js'

/** A call as a model made it. */
export interface MadeCall {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** A part of an answer. */
export type Piece = { readonly text: string } | { readonly call: MadeCall }

/** Finds the calls in an answer as it comes in; text flows on as soon as it cannot be part of one. */
export interface Splitter {
  push(text: string): Piece[]
  /** What was held back; an answer that was cut makes no last call. */
  end(cut: boolean): Piece[]
}

export interface Parameter {
  readonly name: string
  readonly type: unknown
  readonly optional: boolean
  readonly values: readonly string[] | undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The parameters of a tool in the order of its schema; undefined where it describes none. */
export function parametersOf(tool: RequestTool): Parameter[] | undefined {
  const { properties, required } = tool.function.parameters ?? {}
  if (!isObject(properties)) return undefined
  const needed = Array.isArray(required) ? required : []
  return Object.entries(properties).map(([name, schema]) => {
    const { type, enum: values } = isObject(schema) ? schema : {}
    const listed = Array.isArray(values) ? values.filter((value) => typeof value === 'string') : []
    return { name, type, optional: !needed.includes(name), values: listed.length > 0 ? listed : undefined }
  })
}

/** `begin_combat`, `begin combat` and `Begin-Combat` are one name. */
export const sameName = (a: string, b: string): boolean => plain(a) === plain(b)
const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]+/g, ' ')

/**
 * Where a text ends, without the blanks before a place in it. No regular expression: one that begins with blanks tries every one of a long run
 * anew, at every token of an answer.
 */
export const endBefore = (text: string, at: number): number => text.slice(0, at).trimEnd().length
