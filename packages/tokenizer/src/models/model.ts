import type { Ids } from '../ids.js'

/** Turns one pre-token, `text[from, to)`, into ids. */
export interface Model {
  encode(text: string, from: number, to: number, out: Ids): void
  /** The same ids with the characters each stands for; several tokens of one character all stand for the whole of it. */
  locate(text: string, from: number, to: number, emit: EmitToken): void
}

/** A token and its `text[start, end)`. */
export type EmitToken = (id: number, start: number, end: number) => void
