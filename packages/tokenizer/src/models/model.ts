import type { Ids } from '../ids.js'

/** Turns one pre-token, `text[from, to)`, into ids. */
export interface Model {
  encode(text: string, from: number, to: number, out: Ids): void
  /** The same ids with the characters each stands for; several tokens of one character all stand for the whole of it. */
  locate(text: string, from: number, to: number, emit: EmitToken): void
  readonly byteMerges?: ByteMerges
}

/** What byte-pair encoding over bytes consists of, for an encoder that reads tables. */
export interface ByteMerges {
  /** Left, right and what they become, three numbers a merge in order of rank. */
  readonly pairs: Int32Array
  /** The token of each byte, or -1. */
  readonly byteIds: Int32Array
  /** The tokens that words, written as GPT-2 does, are whatever the merges say. */
  readonly whole: ReadonlyMap<string, number> | undefined
}

/** A token and its `text[start, end)`. */
export type EmitToken = (id: number, start: number, end: number) => void
