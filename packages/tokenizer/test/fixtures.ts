import { readdirSync, readFileSync } from 'node:fs'

/** What Hugging Face's tokenizers gave for each kind; made by fixtures/make_fixtures.py. */
export interface Expected {
  readonly inputs: readonly string[]
  readonly specialInputs: readonly string[]
  readonly kinds: Readonly<Record<string, KindExpected>>
  readonly training: {
    readonly texts: readonly string[]
    readonly vocab: Readonly<Record<string, number>>
    readonly merges: readonly (readonly [string, string])[]
  }
}

export interface KindExpected {
  readonly plain: readonly (readonly number[])[]
  readonly decoded: readonly string[]
  readonly special: readonly (readonly number[])[]
  /** How many tokens the post-processor writes before and after a text. */
  readonly frame: readonly [before: number, after: number]
  readonly specialDecoded: readonly string[]
  readonly skippedDecoded: readonly string[]
}

const folder = new URL('./fixtures/', import.meta.url)
export const fixturePath = (name: string): string => new URL(name, folder).pathname
export const readFixture = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
export const expected: Expected = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8'))
export const kinds: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.json') && name !== 'expected.json')
  .map((name) => name.slice(0, -5))
